package openfinance

import (
	"context"
	crand "crypto/rand"
	"fmt"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc/codes"
)

// longestGuess bounds the waits that are ours to choose.
const longestGuess = 2 * time.Second

// Create calls create until it is settled or the context ends. Every call must
// send the same content and the same request_id, a random UUID that was chosen
// before: the gateway then makes one record, however often it is asked. A try
// that has run into a deadline of its own may have made it, so it is repeated
// as well.
//
// ANCHOR: request_id
func Create[Record any](ctx context.Context, create func(context.Context) (Record, error)) (Record, error) {
	for attempt := 0; ; attempt++ {
		record, err := create(ctx)
		refusal := RefusalOf(err)
		again := refusal.MayRepeat() || refusal.Code == codes.DeadlineExceeded
		if err == nil || !again || !pause(ctx, refusal, attempt) {
			return record, err
		}
	}
}

// ANCHOR_END: request_id

// NewRequestID is a random UUID: the request_id of one create and of all its
// tries.
func NewRequestID() string {
	var bytes [16]byte
	crand.Read(bytes[:]) // never fails
	bytes[6] = bytes[6]&0x0f | 0x40
	bytes[8] = bytes[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", bytes[:4], bytes[4:6], bytes[6:8], bytes[8:10], bytes[10:])
}

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
