package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"runecast-ingest/internal/fault"
)

const (
	// hidden is how long a received message stays invisible to other receivers, in
	// seconds: longer than the invocation that the message leads to.
	hidden = "960"
	// longPoll is how long a receive waits at an empty queue, in seconds. Without
	// long polling SQS asks only some of its servers, and may miss a message.
	longPoll = "5"
	// scheduledTime stands in a schedule's input for the time of the occurrence.
	scheduledTime = "<aws.scheduler.scheduled-time>"
)

func (s *session) redriveCommand() *cobra.Command {
	var unwanted string
	c := s.asking("redrive", "Give the functions again what the dead-letter queue keeps", func(ctx context.Context, _ []string) error {
		if unwanted != "" {
			return s.discard(ctx, unwanted)
		}
		return s.redrive(ctx)
	})
	c.Flags().StringVar(&unwanted, "discard", "", "delete the message with this `id`, and invoke nothing")
	return c
}

// glance is how long a message stays invisible to other receivers while the queue
// is searched for one message, in seconds.
const glance = "60"

// discard deletes one message of the dead-letter queue, by its id. The other
// messages stay, and are visible again after a minute. In a queue that takes longer
// than a minute to search, messages that were seen come again among new ones. The
// search ends at an empty answer, or when more messages in a row came again than
// were seen.
func (s *session) discard(ctx context.Context, id string) error {
	queue, err := s.deadLetters(ctx)
	if err != nil {
		return err
	}
	seen, again := map[string]bool{}, 0
	for {
		m, err := s.receive(ctx, queue, glance)
		switch {
		case err != nil:
			return err
		case m == nil || again > len(seen):
			return &fault.Error{Class: fault.Reject, What: fmt.Sprintf("the queue shows no message %s", plain(id)),
				Cure: "it may be invisible for up to 16 minutes after a redrive; the stack's output DeadLetters shows the messages"}
		case m.ID != id && seen[m.ID]:
			again++
			continue
		case m.ID != id:
			seen[m.ID], again = true, 0
			continue
		}
		if _, err = s.aws.run(ctx, "sqs", "delete-message", "--queue-url", queue, "--receipt-handle", m.Receipt); err == nil {
			s.say("%s: deleted; nothing was invoked", plain(m.ID))
		}
		return err
	}
}

// redrive invokes the functions again with the messages of the dead-letter queue,
// one after the other. It deletes a message only when its function has succeeded;
// the other messages are visible again after 16 minutes. A crash between success
// and deletion leaves the message: the next redrive invokes its function again.
func (s *session) redrive(ctx context.Context) error {
	queue, err := s.deadLetters(ctx)
	if err != nil {
		return err
	}
	var failed error
	for n := 1; ; n++ {
		m, err := s.receive(ctx, queue, hidden)
		if err != nil {
			return errors.Join(failed, err)
		}
		if m == nil {
			s.say("%d messages, the queue shows no more", n-1)
			return failed
		}
		if err := s.redriveOne(ctx, queue, m); err != nil {
			failed = errors.Join(failed, fmt.Errorf("message %s stays in the queue: %w", m.ID, err))
		}
	}
}

// succeeded returns an error if the answer says that something failed, or, of the
// forwarder, that objects are still pending.
func (a answer) succeeded(function string) error {
	if pending := a.figures().Pending; function == forwarder && pending > 0 {
		return fmt.Errorf("%d objects are not delivered yet", pending)
	}
	return a.wellDone()
}

// deadLetters returns the URL of the stack's dead-letter queue.
func (s *session) deadLetters(ctx context.Context) (string, error) {
	out, err := s.aws.run(ctx, "cloudformation", "describe-stack-resource", "--stack-name", s.stack,
		"--logical-resource-id", "DeadLetterQueue", "--query", "StackResourceDetail.PhysicalResourceId", "--output", "text")
	return strings.TrimSpace(string(out)), err
}

// message is a message of the dead-letter queue, as the AWS CLI prints it.
type message struct {
	ID         string `json:"MessageId"`
	Receipt    string `json:"ReceiptHandle"`
	Body       string
	Attributes map[string]struct {
		Value string `json:"StringValue"`
	} `json:"MessageAttributes"`
}

// receive returns a message of the queue, which other receivers do not see for so
// many seconds; nil: the queue shows none.
func (s *session) receive(ctx context.Context, queue, invisible string) (*message, error) {
	out, err := s.aws.run(ctx, "sqs", "receive-message", "--queue-url", queue, "--max-number-of-messages", "1",
		"--visibility-timeout", invisible, "--wait-time-seconds", longPoll, "--message-attribute-names", "All", "--output", "json")
	if err != nil || len(bytes.TrimSpace(out)) == 0 {
		return nil, err
	}
	var answer struct{ Messages []message }
	if err := json.Unmarshal(out, &answer); err != nil {
		return nil, fmt.Errorf("read the queue: %w", err)
	}
	if len(answer.Messages) == 0 {
		return nil, nil
	}
	return &answer.Messages[0], nil
}

// redriveOne invokes the function that a message was meant for, and deletes the
// message if the function succeeds.
func (s *session) redriveOne(ctx context.Context, queue string, m *message) error {
	function, payload, err := m.meant(s)
	if err != nil {
		return err
	}
	a, err := s.invoke(ctx, function, payload)
	if err != nil {
		return err
	}
	if s.raw {
		if err := s.show(a); err != nil {
			return err
		}
	}
	if err := a.succeeded(function); err != nil {
		return err
	}
	if _, err = s.aws.run(ctx, "sqs", "delete-message", "--queue-url", queue, "--receipt-handle", m.Receipt); err == nil {
		s.say("%s: the %s succeeded; deleted", plain(m.ID), function)
	}
	return err
}

// meant returns the function that a message was meant for, and its payload.
// There are three kinds of messages: Lambda's record of a failed invocation; the
// input of a schedule whose target could not be invoked, or the Invoke request
// with that input; and a notification of S3 that the object queue gave up.
func (m *message) meant(s *session) (function string, payload jsontext.Value, err error) {
	var body struct {
		Request struct {
			Function string `json:"functionArn"`
			ID       string `json:"requestId"`
		} `json:"requestContext"`
		RequestPayload jsontext.Value   `json:"requestPayload"`
		Payload        string           `json:"Payload"`
		Records        []jsontext.Value `json:"Records"`
	}
	if err := json.Unmarshal([]byte(m.Body), &body); err != nil {
		return "", nil, m.unknown("its body is not JSON")
	}
	target := m.Attributes["TARGET_ARN"].Value
	switch {
	case body.Request.Function != "":
		function, err = s.named(body.Request.Function)
		payload = body.RequestPayload
		if function == forwarder {
			payload = asRecord(body.Request.ID, payload)
		}
		return function, payload, err
	case target != "":
		text := m.Body
		if body.Payload != "" {
			text = body.Payload
		}
		function, err = s.named(target)
		return function, jsontext.Value(strings.ReplaceAll(text, scheduledTime, m.Attributes["SCHEDULED_TIME"].Value)), err
	case len(body.Records) > 0:
		return forwarder, jsontext.Value(m.Body), nil
	}
	return "", nil, m.unknown("it names no function")
}

// asRecord returns a payload as Lambda's record of a failed invocation, without the
// answer. By the id of that invocation a replay knows what it had sent.
func asRecord(id string, payload jsontext.Value) jsontext.Value {
	quoted, _ := jsontext.AppendQuote(nil, id) // invalid UTF-8 in it is replaced
	return slices.Concat(jsontext.Value(`{"requestContext":{"requestId":`), quoted, jsontext.Value(`},"requestPayload":`), payload, jsontext.Value(`}`))
}

// unknown returns the error about a message of no known kind.
func (m *message) unknown(why string) error {
	return &fault.Error{Class: fault.Reject, What: "is not understood: " + why, Cure: "look at it with the command in the stack's output DeadLetters"}
}

// named returns the stack's function that an ARN names. An ARN of any other
// function is an error: a message cannot have it invoked.
func (s *session) named(arn string) (string, error) {
	parts := strings.Split(arn, ":") // arn:aws:lambda:region:account:function:name:qualifier
	for _, function := range []string{collector, forwarder} {
		if len(parts) > 6 && parts[6] == s.function(function) {
			return function, nil
		}
	}
	return "", &fault.Error{Class: fault.Reject, What: fmt.Sprintf("%q is no function of the stack %s", arn, s.stack), Cure: "name the right stack with --stack or --stage"}
}
