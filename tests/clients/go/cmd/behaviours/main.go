// The behaviours program shows what the helpers promise, against a gateway and
// a sandbox that misbehaves on demand.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"time"

	"google.golang.org/grpc"

	"openfinance-client/internal/harness"
	"openfinance-client/openfinance"
)

// object is a JSON object for the sandbox.
type object = map[string]any

func main() {
	behaviours := []struct {
		name string
		show func(context.Context) error
	}{
		{"idle", idle},
		{"deadline", deadline},
		{"retry", retry},
		{"create-again", createAgain},
		{"errors", refusals},
		{"paging", paging},
		{"stream-resume", streamResume},
		{"mtls", mtls},
		{"jwt", jwt},
		{"redact", redact},
	}
	var results harness.Results
	for _, behaviour := range behaviours {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		err := behaviour.show(ctx)
		cancel()
		// Also where the behaviour failed half way.
		if _, cleared := harness.Sandbox(context.Background(), http.MethodDelete, "/faults", nil); err == nil {
			err = cleared
		}
		results.Add(behaviour.name, err)
	}
	results.Exit()
}

// dial connects the caller with this name, with or without the service config.
func dial(caller string, config serviceConfig) (*grpc.ClientConn, error) {
	settings, err := harness.Caller(caller)
	if err != nil {
		return nil, err
	}
	if config == shipped {
		settings.ServiceConfigFile = os.Getenv("SERVICE_CONFIG")
	}
	return openfinance.Dial(settings)
}

type serviceConfig int

const (
	none serviceConfig = iota
	shipped
)

// fault makes the sandbox misbehave.
func fault(ctx context.Context, rule object) error {
	_, err := harness.Sandbox(ctx, http.MethodPost, "/faults", rule)
	return err
}

// fired counts how often faults have been met since the last were removed.
func fired(ctx context.Context) (int64, error) {
	said, err := harness.Sandbox(ctx, http.MethodGet, "/faults", nil)
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, rule := range said.(object)["faults"].([]any) {
		count, err := rule.(object)["fired"].(interface{ Int64() (int64, error) }).Int64()
		if err != nil {
			return 0, err
		}
		sum += count
	}
	return sum, nil
}

// uuid is a random UUID, for a request_id.
func uuid() string {
	var bytes [16]byte
	rand.Read(bytes[:]) // never fails
	bytes[6] = bytes[6]&0x0f | 0x40
	bytes[8] = bytes[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", bytes[:4], bytes[4:6], bytes[6:8], bytes[8:10], bytes[10:])
}
