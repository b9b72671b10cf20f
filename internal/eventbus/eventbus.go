// Package eventbus puts notices of committed scans onto the account's default event bus
// (Amazon EventBridge). It promises that a notice which the bus has not taken is an
// error, and that the error names the right if the function lacks it.
package eventbus

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"
	"github.com/go-json-experiment/json"

	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/notice"
)

// API is what the bus needs of an EventBridge client.
type API interface {
	PutEvents(context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error)
}

// Bus is the default event bus of the function's account and region. It is
// safe for concurrent use.
type Bus struct{ api API }

// New returns the bus that a client of EventBridge calls.
func New(api API) *Bus { return &Bus{api} }

// perRequest is how many notices one request holds. A request may have ten entries and
// 256 kB (AWS docs, PutEvents); a notice has at most 40 kB.
const perRequest = 6

// Publish puts notices onto the bus. A notice that fails does not keep the others back.
// It returns how many notices the bus has not taken, with the joined errors that say
// why, of type *fault.Error. If an answer was lost, the notice is counted as failed and
// may nevertheless be on the bus.
func (b *Bus) Publish(ctx context.Context, notices []notice.Committed) (failed int, err error) {
	for some := range slices.Chunk(notices, perRequest) {
		n, putErr := b.put(ctx, some)
		failed += n
		err = errors.Join(err, putErr)
	}
	return failed, err
}

// put puts at most perRequest notices onto the bus by one request.
func (b *Bus) put(ctx context.Context, notices []notice.Committed) (failed int, err error) {
	in := &eventbridge.PutEventsInput{}
	for _, n := range notices {
		detail, err := json.Marshal(n)
		if err != nil {
			return len(notices), fmt.Errorf("write the notice: %w", err)
		}
		in.Entries = append(in.Entries, types.PutEventsRequestEntry{
			Source: aws.String(notice.Source), DetailType: aws.String(notice.DetailType), Detail: aws.String(string(detail)),
		})
	}
	out, err := b.api.PutEvents(ctx, in)
	if err != nil {
		return len(notices), explain(err)
	}
	for _, e := range out.Entries {
		if e.ErrorCode != nil {
			failed++
			err = errors.Join(err, refused(aws.ToString(e.ErrorCode), aws.ToString(e.ErrorMessage)))
		}
	}
	return failed, err
}

// malformed is the service's code for an entry whose detail is not JSON (AWS API
// reference, PutEventsResultEntry).
const malformed = "MalformedDetail"

// Try proves that the function can put notices onto the bus, without putting one. It
// sends an entry with the source and type of the notices, which needs the same right, but
// with a detail that is not JSON, so that the bus does not take it. It returns a
// *fault.Error if the bus cannot be reached or refuses for another reason.
func (b *Bus) Try(ctx context.Context) error {
	out, err := b.api.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{
		Source: aws.String(notice.Source), DetailType: aws.String(notice.DetailType), Detail: aws.String("check"),
	}}})
	if err != nil {
		return explain(err)
	}
	for _, e := range out.Entries {
		if code := aws.ToString(e.ErrorCode); code != "" && code != malformed {
			return refused(code, aws.ToString(e.ErrorMessage))
		}
	}
	return nil
}

const (
	where = "EventBridge"
	cure  = "allow events:PutEvents on the default event bus in the function's role"
)

// explain turns an error of the client into one for a person.
func explain(err error) error {
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "AccessDeniedException" {
		return &fault.Error{Class: fault.Config, Where: where, What: "it refused the notice (AccessDeniedException)", Cure: cure}
	}
	return &fault.Error{Class: fault.Retry, Where: where, What: "it could not be told", Err: err}
}

// refused returns the error about an entry that the bus did not take.
func refused(code, message string) error {
	e := &fault.Error{Class: fault.Retry, Where: where, What: fmt.Sprintf("it did not take the notice (%s: %s)", code, message)}
	switch code {
	case "AccessDeniedException", "NotAuthorizedForSourceException", "NotAuthorizedForDetailTypeException":
		e.Class, e.Cure = fault.Config, cure
	}
	return e
}
