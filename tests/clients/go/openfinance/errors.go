package openfinance

import (
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Refusal is what a program decides by when a call has failed. The reasons are
// those of the gateway's error catalogue.
type Refusal struct {
	// Code is codes.OK if there was no error.
	Code codes.Code
	// Reason and Domain are empty if the gateway did not answer.
	Reason, Domain string
	// Metadata has vendor_code, http_status and operation where they are known.
	Metadata map[string]string
	// Fields is what is wrong with which field of the request.
	Fields map[string]string
	// RetryDelay is how long to wait before the same call may be repeated; nil
	// if the gateway does not say.
	RetryDelay *time.Duration
	// Resource is the record that the refusal is about; nil if there is none.
	Resource *errdetails.ResourceInfo
}

// RefusalOf reads the details of an error.
//
// ANCHOR: errors
func RefusalOf(err error) Refusal {
	answer := status.Convert(err)
	refusal := Refusal{Code: answer.Code(), Fields: map[string]string{}}
	for _, detail := range answer.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			refusal.Reason, refusal.Domain, refusal.Metadata = detail.Reason, detail.Domain, detail.Metadata
		case *errdetails.BadRequest:
			for _, violation := range detail.FieldViolations {
				refusal.Fields[violation.Field] = violation.Description
			}
		case *errdetails.RetryInfo:
			delay := detail.RetryDelay.AsDuration()
			refusal.RetryDelay = &delay
		case *errdetails.ResourceInfo:
			refusal.Resource = detail
		}
	}
	return refusal
}

// ANCHOR_END: errors

// MayRepeat tells whether the same call may be made again: a read, or a write
// with the same request_id.
func (refusal Refusal) MayRepeat() bool {
	return refusal.Code == codes.Unavailable || refusal.RetryDelay != nil
}
