package com.openfinance.client;

import io.grpc.Deadline;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/** Calls that are made again until they are settled. */
public final class Repeat {
  private static final long LONGEST_GUESS_MILLIS = 2_000;

  private Repeat() {}

  // ANCHOR: request_id
  /**
   * Makes a create until it is settled, or there is no patience left. Every call must send the same
   * content and the same request_id, a random UUID that was chosen before: the gateway then makes
   * one record, however often it is asked. A try that has run into a deadline of its own may have
   * made it, so it is repeated as well: give each try a fresh deadline.
   */
  public static <R> R create(Duration patience, Supplier<R> create) {
    var end = Deadline.after(patience.toMillis(), TimeUnit.MILLISECONDS);
    for (int attempt = 0; ; attempt++) {
      try {
        return create.get();
      } catch (StatusRuntimeException thrown) {
        var refusal = Refusal.of(thrown);
        boolean again = refusal.mayRepeat() || refusal.code() == Status.Code.DEADLINE_EXCEEDED;
        if (!again || !pause(refusal, attempt, end)) {
          throw thrown;
        }
      }
    }
  }

  // ANCHOR_END: request_id

  /**
   * Waits before the next attempt: as long as the gateway asks, or else twice as long each time.
   * Answers false if the time does not allow it, or the thread is interrupted.
   */
  static boolean pause(Refusal refusal, int attempt, Deadline end) {
    long guess = Math.min(100L << Math.min(attempt, 10), LONGEST_GUESS_MILLIS);
    long wait = refusal.retryDelay().map(Duration::toMillis).orElse(guess);
    // A tenth more, so that callers do not come back all at once.
    wait += ThreadLocalRandom.current().nextLong(wait / 10 + 1);
    if (end != null && end.timeRemaining(TimeUnit.MILLISECONDS) < wait) {
      return false;
    }
    try {
      Thread.sleep(wait);
      return true;
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      return false;
    }
  }
}
