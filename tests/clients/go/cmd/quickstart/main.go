// The quick start makes a customer, reads it again, and makes a mistake, at a
// gateway that was started with --sandbox.
package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"os"
	"time"

	pb "openfinance-client/gen/openfinance/v1"
	"openfinance-client/openfinance"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

// ANCHOR: quickstart
func run() error {
	address := cmp.Or(os.Getenv("GATEWAY_PLAINTEXT_ADDRESS"), "127.0.0.1:50051")
	conn, err := openfinance.Dial(openfinance.Config{Address: address, Plaintext: true})
	if err != nil {
		return err
	}
	defer conn.Close()
	customers := pb.NewCustomerServiceClient(conn)

	// A call without a deadline gets 20 seconds. Set your own.
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	request := &pb.CreateCustomerRequest{
		// Makes the call safe to repeat: whatever happens, there is one customer.
		RequestId: openfinance.NewRequestID(),
		Customer: &pb.Customer{
			Username:  fmt.Sprintf("household-%d", time.Now().UnixNano()),
			Type:      pb.CustomerType_CUSTOMER_TYPE_TESTING,
			FirstName: "Ada",
			LastName:  "Lovelace",
		},
	}
	created, err := openfinance.Create(ctx, func(ctx context.Context) (*pb.Customer, error) {
		return customers.CreateCustomer(ctx, request)
	})
	if err != nil {
		return err
	}
	read, err := customers.GetCustomer(ctx, &pb.GetCustomerRequest{CustomerId: created.CustomerId})
	if err != nil {
		return err
	}
	fmt.Println("customer", openfinance.Redacted(read))

	_, err = customers.CreateCustomer(ctx, &pb.CreateCustomerRequest{
		Customer: &pb.Customer{Username: "ada", Phone: "1234567890123456"},
	})
	refusal := openfinance.RefusalOf(err)
	fmt.Println("refused", refusal.Code, refusal.Reason)
	for field, why := range refusal.Fields {
		fmt.Printf("  %s: %s\n", field, why)
	}
	return nil
}

// ANCHOR_END: quickstart
