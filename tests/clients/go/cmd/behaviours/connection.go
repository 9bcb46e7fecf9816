package main

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"

	pb "openfinance-client/gen/openfinance/v1"
	"openfinance-client/openfinance"
)

func idle(ctx context.Context, conn *grpc.ClientConn) error {
	gateway := pb.NewGatewayServiceClient(conn)
	if _, err := gateway.GetGatewayInfo(ctx, &pb.GetGatewayInfoRequest{}); err != nil {
		return err
	}
	time.Sleep(3500 * time.Millisecond)
	if state := conn.GetState(); state != connectivity.Idle {
		return fmt.Errorf("the connection was not ended: %v", state)
	}
	_, err := gateway.GetGatewayInfo(ctx, &pb.GetGatewayInfoRequest{})
	return err
}

func deadline(ctx context.Context, conn *grpc.ClientConn) error {
	customer, err := newCustomer(ctx, conn)
	if err != nil {
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

func retry(ctx context.Context, conn *grpc.ClientConn) error {
	customer, err := newCustomer(ctx, conn)
	if err != nil {
		return err
	}
	request := &pb.GetCustomerRequest{CustomerId: customer.CustomerId}
	if _, err := pb.NewCustomerServiceClient(conn).GetCustomer(ctx, request); err != nil {
		return err
	}
	if met, err := fired(ctx); err != nil || met != 3 {
		return fmt.Errorf("%d faults were met: %w", met, err)
	}
	// The same without the service config.
	if err := plan(ctx, down); err != nil {
		return err
	}
	plain, err := dial("writer", none)
	if err != nil {
		return err
	}
	defer plain.Close()
	_, err = pb.NewCustomerServiceClient(plain).GetCustomer(ctx, request)
	if code := openfinance.RefusalOf(err).Code; code != codes.Unavailable {
		return fmt.Errorf("without service config %v: %w", code, err)
	}
	return nil
}

func mtls(ctx context.Context, conn *grpc.ClientConn) error {
	return isKnown(ctx, conn, pb.CallerMethod_CALLER_METHOD_MTLS, func(principal string) bool { return principal != "" })
}

func jwt(ctx context.Context, conn *grpc.ClientConn) error {
	return isKnown(ctx, conn, pb.CallerMethod_CALLER_METHOD_JWT, func(principal string) bool { return principal == "service-by-token" })
}

func isKnown(ctx context.Context, conn *grpc.ClientConn, method pb.CallerMethod, right func(string) bool) error {
	identity, err := pb.NewGatewayServiceClient(conn).GetCallerIdentity(ctx, &pb.GetCallerIdentityRequest{})
	if err != nil {
		return err
	}
	if identity.Method != method || !right(identity.Principal) {
		return fmt.Errorf("known as %q by %v", identity.Principal, identity.Method)
	}
	return nil
}
