package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"

	pb "openfinance-client/gen/openfinance/v1"
	"openfinance-client/openfinance"
)

func idle(ctx context.Context) error {
	conn, err := dial("writer", none)
	if err != nil {
		return err
	}
	defer conn.Close()
	gateway := pb.NewGatewayServiceClient(conn)
	if _, err := gateway.GetGatewayInfo(ctx, &pb.GetGatewayInfoRequest{}); err != nil {
		return err
	}
	time.Sleep(3500 * time.Millisecond)
	if state := conn.GetState(); state == connectivity.Ready {
		return errors.New("the gateway has kept the connection")
	}
	_, err = gateway.GetGatewayInfo(ctx, &pb.GetGatewayInfoRequest{})
	return err
}

func deadline(ctx context.Context) error {
	conn, err := dial("writer", shipped)
	if err != nil {
		return err
	}
	defer conn.Close()
	customer, err := newCustomer(ctx, conn)
	if err != nil {
		return err
	}
	if err := fault(ctx, object{"operation": "GetCustomer", "effect": object{"stall_at": "response_headers"}}); err != nil {
		return err
	}
	begun := time.Now()
	short, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	_, err = pb.NewCustomerServiceClient(conn).GetCustomer(short, &pb.GetCustomerRequest{CustomerId: customer.CustomerId})
	if code := openfinance.RefusalOf(err).Code; code != codes.DeadlineExceeded {
		return fmt.Errorf("ended with %v", code)
	}
	if took := time.Since(begun); took < 400*time.Millisecond || took > 5*time.Second {
		return fmt.Errorf("took %v", took)
	}
	return nil
}

func retry(ctx context.Context) error {
	failing := object{"operation": "GetCustomer", "times": 3, "commit": "never", "effect": object{"status": 503}}
	for config, expected := range map[serviceConfig]codes.Code{shipped: codes.OK, none: codes.Unavailable} {
		conn, err := dial("writer", config)
		if err != nil {
			return err
		}
		defer conn.Close()
		customer, err := newCustomer(ctx, conn)
		if err != nil {
			return err
		}
		if err := fault(ctx, failing); err != nil {
			return err
		}
		_, err = pb.NewCustomerServiceClient(conn).GetCustomer(ctx, &pb.GetCustomerRequest{CustomerId: customer.CustomerId})
		if code := openfinance.RefusalOf(err).Code; code != expected {
			return fmt.Errorf("%v, expected %v: %w", code, expected, err)
		}
	}
	if met, err := fired(ctx); err != nil || met != 6 {
		return fmt.Errorf("%d faults were met: %w", met, err)
	}
	return nil
}

func mtls(ctx context.Context) error {
	identity, err := identityOf(ctx, "service-by-certificate")
	if err != nil {
		return err
	}
	if identity.Method != pb.CallerMethod_CALLER_METHOD_MTLS || identity.Principal == "" {
		return fmt.Errorf("known as %q by %v", identity.Principal, identity.Method)
	}
	return nil
}

func jwt(ctx context.Context) error {
	identity, err := identityOf(ctx, "service-by-token")
	if err != nil {
		return err
	}
	if identity.Method != pb.CallerMethod_CALLER_METHOD_JWT || identity.Principal != "service-by-token" {
		return fmt.Errorf("known as %q by %v", identity.Principal, identity.Method)
	}
	return nil
}

func identityOf(ctx context.Context, caller string) (*pb.CallerIdentity, error) {
	conn, err := dial(caller, none)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return pb.NewGatewayServiceClient(conn).GetCallerIdentity(ctx, &pb.GetCallerIdentityRequest{})
}
