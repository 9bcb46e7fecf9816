// The behaviours program shows what the helpers promise, against a gateway and
// a sandbox that misbehaves on demand.
package main

import (
	"context"
	"net/http"
	"os"
	"time"

	"google.golang.org/grpc"

	"openfinance-client/internal/harness"
	"openfinance-client/openfinance"
)

// object is a JSON object for the sandbox.
type object = map[string]any

// What the vendor does in the behaviours that are about it.
var (
	stalled = object{"operation": "GetCustomer", "effect": object{"stall_at": "response_headers"}}
	down    = object{"operation": "GetCustomer", "times": 3, "commit": "never", "effect": object{"status": 503}}
	lost    = object{"operation": "AddTestingCustomer", "effect": object{"reset_at": "response_headers"}}
	late    = object{"operation": "AddTestingCustomer", "effect": object{"stall_at": "response_headers"}}
	blind   = object{"operation": "GetCustomers", "times": 1000, "commit": "never", "effect": object{"status": 500}}
	broken  = object{"operation": "GetCustomers", "after": 1, "times": 3, "commit": "never", "effect": object{"status": 503}}
	limited = object{
		"operation": "GetCustomerWithAppData", "commit": "never",
		"effect": object{"status": 429, "headers": object{"Retry-After": "70"}},
	}
)

// A behaviour is shown over a connection of the caller, with or without the
// service config, while the vendor has these faults.
type behaviour struct {
	name, caller string
	config       serviceConfig
	faults       []object
	show         func(context.Context, *grpc.ClientConn) error
}

type serviceConfig int

const (
	none serviceConfig = iota
	shipped
)

func main() {
	behaviours := []behaviour{
		{"idle", "writer", none, nil, idle},
		{"deadline", "writer", shipped, []object{stalled}, deadline},
		{"retry", "writer", shipped, []object{down}, retry},
		{"create-again", "writer", shipped, []object{lost, blind}, createAgain},
		{"create-late", "writer", shipped, []object{late}, createLate},
		{"errors", "writer", shipped, []object{limited}, refusals},
		{"paging", "writer", shipped, nil, paging},
		{"stream-resume", "writer", shipped, []object{broken}, streamResume},
		{"mtls", "service-by-certificate", none, nil, mtls},
		{"jwt", "service-by-token", none, nil, jwt},
		{"redact", "writer", none, nil, redact},
	}
	var results harness.Results
	for _, behaviour := range behaviours {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		err := behaviour.shown(ctx)
		cancel()
		// Also where the behaviour failed half way.
		if cleared := heal(context.Background()); err == nil {
			err = cleared
		}
		results.Add(behaviour.name, err)
	}
	results.Exit()
}

func (behaviour behaviour) shown(ctx context.Context) error {
	conn, err := dial(behaviour.caller, behaviour.config)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := plan(ctx, behaviour.faults...); err != nil {
		return err
	}
	return behaviour.show(ctx, conn)
}

// dial connects the caller with this name.
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

// plan makes the sandbox misbehave.
func plan(ctx context.Context, faults ...object) error {
	for _, fault := range faults {
		if _, err := harness.Sandbox(ctx, http.MethodPost, "/faults", fault); err != nil {
			return err
		}
	}
	return nil
}

// heal ends what plan has begun.
func heal(ctx context.Context) error {
	_, err := harness.Sandbox(ctx, http.MethodDelete, "/faults", nil)
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
