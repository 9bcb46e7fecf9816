package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	pb "openfinance-client/gen/openfinance/v1"
	"openfinance-client/internal/harness"
	"openfinance-client/openfinance"
)

func newCustomer(ctx context.Context, conn *grpc.ClientConn) (*pb.Customer, error) {
	return named(ctx, conn, "household-"+openfinance.NewRequestID())
}

func named(ctx context.Context, conn *grpc.ClientConn, username string) (*pb.Customer, error) {
	return pb.NewCustomerServiceClient(conn).CreateCustomer(ctx, &pb.CreateCustomerRequest{
		Customer: &pb.Customer{Username: username, Type: pb.CustomerType_CUSTOMER_TYPE_TESTING},
	})
}

func createAgain(ctx context.Context, conn *grpc.ClientConn) error {
	before, err := creates(ctx)
	if err != nil {
		return err
	}
	// The vendor creates the customer, its answer is lost, and nobody can look whether it is there.
	request := &pb.CreateCustomerRequest{
		Customer:  &pb.Customer{Username: "household-" + openfinance.NewRequestID(), Type: pb.CustomerType_CUSTOMER_TYPE_TESTING},
		RequestId: openfinance.NewRequestID(),
	}
	var refused []string
	customer, err := openfinance.Create(ctx, func(ctx context.Context) (*pb.Customer, error) {
		customer, err := pb.NewCustomerServiceClient(conn).CreateCustomer(ctx, request)
		if err != nil {
			refusal := openfinance.RefusalOf(err)
			refused = append(refused, refusal.Code.String()+" "+refusal.Reason)
			if failed := heal(ctx); failed != nil {
				return nil, failed
			}
		}
		return customer, err
	})
	if err != nil {
		return err
	}
	if !slices.Equal(refused, []string{"Unavailable OUTCOME_UNKNOWN"}) || customer.CustomerId == "" {
		return fmt.Errorf("refused with %q", refused)
	}
	return createdOnce(ctx, before)
}

// createLate is what a service does. The vendor creates the customer and does
// not answer, so that the first tries end with their deadlines.
func createLate(ctx context.Context, _ *grpc.ClientConn) error {
	before, err := creates(ctx)
	if err != nil {
		return err
	}
	settings, err := harness.Caller("writer")
	if err != nil {
		return err
	}
	address, authority, key, serviceConfig := settings.Address, settings.AuthorityFile, settings.APIKey, os.Getenv("SERVICE_CONFIG")
	username, oneTry, begun := "household-"+openfinance.NewRequestID(), time.Second, time.Now()
	healed := make(chan error, 1)
	time.AfterFunc(1500*time.Millisecond, func() { healed <- heal(ctx) })

	// ANCHOR: together
	conn, err := openfinance.Dial(openfinance.Config{
		Address:           address,
		AuthorityFile:     authority,
		APIKey:            key,
		ServiceConfigFile: serviceConfig,
	})
	if err != nil {
		return err
	}
	defer conn.Close() // when the program ends
	customers := pb.NewCustomerServiceClient(conn)

	request := &pb.CreateCustomerRequest{
		RequestId: openfinance.NewRequestID(), // chosen before the first try, and kept with what you want
		Customer:  &pb.Customer{Username: username, Type: pb.CustomerType_CUSTOMER_TYPE_TESTING},
	}
	customer, err := openfinance.Create(ctx, func(ctx context.Context) (*pb.Customer, error) {
		ctx, cancel := context.WithTimeout(ctx, oneTry)
		defer cancel()
		return customers.CreateCustomer(ctx, request)
	})
	if err != nil {
		refusal := openfinance.RefusalOf(err)
		return fmt.Errorf("no customer: %v %s %v: %w", refusal.Code, refusal.Reason, refusal.Fields, err)
	}
	// ANCHOR_END: together

	if err := <-healed; err != nil {
		return err
	}
	if took := time.Since(begun); customer.CustomerId == "" || took < oneTry {
		return fmt.Errorf("took %v", took)
	}
	return createdOnce(ctx, before)
}

// createdOnce holds that the vendor was asked for one more customer.
func createdOnce(ctx context.Context, before int) error {
	after, err := creates(ctx)
	if err == nil && after != before+1 {
		err = fmt.Errorf("the vendor was asked %d times", after-before)
	}
	return err
}

// creates counts the requests for a new customer that the sandbox has had.
func creates(ctx context.Context) (int, error) {
	said, err := harness.Sandbox(ctx, http.MethodGet, "/requests?operation=AddTestingCustomer", nil)
	if err != nil {
		return 0, err
	}
	return len(said.(object)["requests"].([]any)), nil
}

func refusals(ctx context.Context, conn *grpc.ClientConn) error {
	customers := pb.NewCustomerServiceClient(conn)
	customer, err := newCustomer(ctx, conn)
	if err != nil {
		return err
	}
	_, err = customers.CreateCustomer(ctx, &pb.CreateCustomerRequest{
		Customer: &pb.Customer{Username: "ab", Phone: "1234567890123456", Type: pb.CustomerType_CUSTOMER_TYPE_TESTING},
	})
	refusal := openfinance.RefusalOf(err)
	fields := slices.Sorted(maps.Keys(refusal.Fields))
	if refusal.Code != codes.InvalidArgument || refusal.Reason != "INVALID_FIELD" || refusal.Domain != "openfinance" ||
		!slices.Equal(fields, []string{"customer.phone", "customer.username"}) {
		return fmt.Errorf("refused with %s of %s for %q: %w", refusal.Reason, refusal.Domain, fields, err)
	}

	// The channel waits as little as the gateway does: the reason comes at once.
	short, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err = customers.GetCustomerApplication(short, &pb.GetCustomerApplicationRequest{CustomerId: customer.CustomerId})
	refusal = openfinance.RefusalOf(err)
	if refusal.Reason != "UPSTREAM_RATE_LIMITED" || refusal.Domain != "api.finicity.com" ||
		refusal.RetryDelay == nil || *refusal.RetryDelay != 70*time.Second {
		return fmt.Errorf("refused with %s of %s: %w", refusal.Reason, refusal.Domain, err)
	}
	return nil
}

func paging(ctx context.Context, conn *grpc.ClientConn) error {
	prefix := "paged-" + openfinance.NewRequestID() + "-"
	expected := map[string]int{}
	for number := range 7 {
		customer, err := named(ctx, conn, fmt.Sprint(prefix, number))
		if err != nil {
			return err
		}
		expected[customer.CustomerId] = 1
	}
	found := map[string]int{}
	request := &pb.ListCustomersRequest{Search: prefix, PageSize: 3}
	for customer, err := range openfinance.Customers(ctx, pb.NewCustomerServiceClient(conn), request) {
		if err != nil {
			return err
		}
		found[customer.CustomerId]++
	}
	if !maps.Equal(found, expected) {
		return fmt.Errorf("found %v, expected %v", found, expected)
	}
	return nil
}

func streamResume(ctx context.Context, conn *grpc.ClientConn) error {
	found := map[string]int{}
	request := &pb.StreamCustomersRequest{Search: "crowd-"}
	for customer, err := range openfinance.StreamCustomers(ctx, pb.NewCustomerServiceClient(conn), request) {
		if err != nil {
			return err
		}
		found[customer.CustomerId]++
	}
	for id, times := range found {
		if times != 1 {
			return fmt.Errorf("customer %s came %d times", id, times)
		}
	}
	if len(found) != 2_500 {
		return fmt.Errorf("%d customers came", len(found))
	}
	if met, err := fired(ctx); err != nil || met != 3 {
		return fmt.Errorf("%d faults were met: %w", met, err)
	}
	return nil
}

func redact(ctx context.Context, conn *grpc.ClientConn) error {
	customer, err := newCustomer(ctx, conn)
	if err != nil {
		return err
	}
	consumers := pb.NewConsumerServiceClient(conn)
	request := &pb.CreateConsumerRequest{
		CustomerId: customer.CustomerId,
		Consumer: &pb.Consumer{
			FirstName: "Ada", LastName: "Lovelace", Suffix: "Countess",
			Address: "12 Analytical Row", City: "Murray", State: "UT", Zip: "84123", Phone: "8015550100",
			Email: "ada@example.com", Ssn: "123-45-6789", Birthday: &pb.Date{Year: 1815, Month: 12, Day: 10},
		},
	}
	created, err := consumers.CreateConsumer(ctx, request)
	if err != nil {
		return err
	}
	read, err := consumers.GetConsumer(ctx, &pb.GetConsumerRequest{ConsumerId: created.ConsumerId})
	if err != nil {
		return err
	}
	// A message in a message, and one in a list.
	listed := &pb.ListCustomersResponse{Customers: []*pb.Customer{{CustomerId: customer.CustomerId, LastName: "Lovelace"}}}
	shown := openfinance.Redacted(request) + openfinance.Redacted(read) + openfinance.Redacted(listed)
	for _, secret := range []string{
		"Ada", "Lovelace", "Countess", "Analytical", "Murray", "UT", "84123", "8015550100", "ada@", "6789", "1815", "12,", "10",
	} {
		if strings.Contains(withoutIds(shown, customer.CustomerId, created.ConsumerId), secret) {
			return errors.New("what is personal is printed")
		}
	}
	if strings.Count(shown, "[redacted]") != 23 || strings.Count(shown, customer.CustomerId) != 3 || !strings.Contains(shown, created.ConsumerId) {
		return errors.New("what may be read is not printed")
	}
	if read.LastName != "Lovelace" {
		return errors.New("the message itself was changed")
	}
	return nil
}

func withoutIds(text string, ids ...string) string {
	for _, id := range ids {
		text = strings.ReplaceAll(text, id, "")
	}
	return text
}
