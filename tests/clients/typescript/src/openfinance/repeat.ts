// Creates that are safe to repeat.
import { Code, mayRepeat, refusalOf, type Refusal } from "./errors.js";

/** Bounds the waits that are ours to choose, in milliseconds. */
const LONGEST_GUESS = 2_000;

/** How long a create is repeated where nothing else is said, in milliseconds. */
const PATIENCE = 60_000;

/**
 * Calls `create` until it is settled, or `signal` ends the waiting. Every call must send the same content and the same
 * `request_id`, a random UUID that was chosen before: the gateway then makes one record, however often it is asked. A try
 * that has run into its time limit may have made it, so it is repeated as well.
 */
// ANCHOR: request_id
export async function untilSettled<Made>(
  create: () => Promise<Made>,
  signal: AbortSignal = AbortSignal.timeout(PATIENCE),
): Promise<Made> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await create();
    } catch (error) {
      const refusal = refusalOf(error);
      const again = mayRepeat(refusal) || refusal.code === Code.DEADLINE_EXCEEDED;
      if (!again || !(await pause(refusal, attempt, signal))) throw error;
    }
  }
}
// ANCHOR_END: request_id

/** Waits before the next attempt: as long as the gateway asks, or else twice as long each time. Answers false if `signal` ends it. */
export async function pause(
  refusal: Refusal,
  attempt: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const wait = refusal.retryDelayMs ?? Math.min(100 * 2 ** attempt, LONGEST_GUESS);
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve(!signal?.aborted);
    };
    // A tenth more or less, so that callers do not come back all at once.
    const timer = setTimeout(end, wait * (1 + Math.random() / 10));
    signal?.addEventListener("abort", end);
    if (signal?.aborted) end();
  });
}
