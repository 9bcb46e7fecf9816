package openfinance

import (
	"context"
	"errors"
	"io"
	"iter"

	"google.golang.org/protobuf/proto"

	pb "openfinance-client/gen/openfinance/v1"
)

// mostBreaks is how often in a row a stream may break without having brought
// anything.
const mostBreaks = 5

// Customers lists the customers that request asks for, page after page. It
// ends with the first error.
//
// ANCHOR: paging
func Customers(ctx context.Context, client pb.CustomerServiceClient, request *pb.ListCustomersRequest) iter.Seq2[*pb.Customer, error] {
	return func(yield func(*pb.Customer, error) bool) {
		request := proto.CloneOf(request)
		for {
			page, err := client.ListCustomers(ctx, request)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, customer := range page.Customers {
				if !yield(customer, nil) {
					return
				}
			}
			if request.PageToken = page.NextPageToken; request.PageToken == "" {
				return
			}
		}
	}
}

// ANCHOR_END: paging

// StreamCustomers streams the customers that request asks for, however many
// there are. A stream that breaks is taken up again where it broke.
//
// ANCHOR: streaming
func StreamCustomers(ctx context.Context, client pb.CustomerServiceClient, request *pb.StreamCustomersRequest) iter.Seq2[*pb.Customer, error] {
	return func(yield func(*pb.Customer, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel() // ends the stream when the loop is left early
		request := proto.CloneOf(request)
		for breaks := 0; ; breaks++ {
			err := streamOnce(ctx, client, request, func(page *pb.StreamCustomersResponse) bool {
				for _, customer := range page.Customers {
					if !yield(customer, nil) {
						return false
					}
				}
				request.ResumeToken, breaks = page.ResumeToken, 0
				return page.ResumeToken != ""
			})
			if err == nil {
				return
			}
			refusal := RefusalOf(err)
			if breaks == mostBreaks || !refusal.MayRepeat() || !pause(ctx, refusal, breaks) {
				yield(nil, err)
				return
			}
		}
	}
}

// ANCHOR_END: streaming

// streamOnce hands on the pages of one stream until take wants no more.
func streamOnce(ctx context.Context, client pb.CustomerServiceClient, request *pb.StreamCustomersRequest, take func(*pb.StreamCustomersResponse) bool) error {
	stream, err := client.StreamCustomers(ctx, request)
	if err != nil {
		return err
	}
	for {
		page, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !take(page) {
			return nil
		}
	}
}
