package openfinance

import (
	"context"
	"math/rand/v2"
	"time"
)

// longestGuess bounds the waits that are ours to choose.
const longestGuess = 2 * time.Second

// Create calls create until it is settled or the context ends. Every call must
// send the same content and the same request_id, a random UUID that was chosen
// before: the gateway then makes one record, however often it is asked.
//
// ANCHOR: request_id
func Create[Record any](ctx context.Context, create func(context.Context) (Record, error)) (Record, error) {
	for attempt := 0; ; attempt++ {
		record, err := create(ctx)
		refusal := RefusalOf(err)
		if err == nil || !refusal.MayRepeat() || !pause(ctx, refusal, attempt) {
			return record, err
		}
	}
}

// ANCHOR_END: request_id

// pause waits before the next attempt: as long as the gateway asks, or else
// twice as long each time. It answers false if the context ends before.
func pause(ctx context.Context, refusal Refusal, attempt int) bool {
	wait := min(100*time.Millisecond<<min(attempt, 10), longestGuess)
	if refusal.RetryDelay != nil {
		wait = *refusal.RetryDelay
	}
	// A tenth more or less, so that callers do not come back all at once.
	wait += time.Duration(rand.Int64N(int64(wait/10) + 1))
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait {
		return false
	}
	select {
	case <-time.After(wait):
		return true
	case <-ctx.Done():
		return false
	}
}
