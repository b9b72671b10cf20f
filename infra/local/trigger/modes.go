package trigger

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"runecast-ingest/internal/simulate/lambda"
)

const (
	directTries = 3 // the first one, and Lambda's two retries of asynchronous invocations
	queueTries  = 8 // the queue's maxReceiveCount
	// retryPause stands for a minute of Lambda's retries, and for the queue's
	// visibility time-out.
	retryPause = time.Second
)

// Direct calls the function with the bare event, as S3 does. After a function
// error it tries twice more; any other answer is success. Test events are not
// passed on.
func Direct() Mode { return direct{} }

type direct struct{}

func (direct) takes(n Notification) bool { return n.Key != "" }

func (direct) payload(n Notification, _ int) ([]byte, error) { return n.Body, nil }

func (direct) done(r lambda.Result) error { return r.Err() }

func (direct) wait(try int) (time.Duration, bool) {
	return time.Duration(try) * retryPause, try < directTries // 1 and 2 minutes in AWS
}

// Queue calls the function with one SQS message that has the event in its body. A
// function error or an entry of batchItemFailures makes the message visible again,
// until it has been received 8 times. region is that of the queue's ARN.
func Queue(region string) Mode {
	return queue{arn: "arn:aws:sqs:" + region + ":123456789012:raw", region: region}
}

type queue struct{ arn, region string }

func (queue) takes(Notification) bool { return true }

func (q queue) payload(n Notification, try int) ([]byte, error) {
	now := strconv.FormatInt(time.Now().UnixMilli(), 10)
	sum := md5.Sum(n.Body) // SQS sends this sum; nothing relies on it
	// Every try of a notification has the same message id.
	id := uuid.NewSHA1(uuid.NameSpaceURL, n.Body).String()
	payload, err := json.Marshal(events.SQSEvent{Records: []events.SQSMessage{{
		MessageId: id, ReceiptHandle: fmt.Sprintf("%s-%d", id, try),
		Body: string(n.Body), Md5OfBody: hex.EncodeToString(sum[:]),
		Attributes: map[string]string{
			"ApproximateReceiveCount": strconv.Itoa(try), "SenderId": "AIDALOCALSTACKS3",
			"SentTimestamp": now, "ApproximateFirstReceiveTimestamp": now,
		},
		EventSource: "aws:sqs", EventSourceARN: q.arn, AWSRegion: q.region,
	}}})
	if err != nil {
		return nil, fmt.Errorf("write the SQS message of %s: %w", n.Key, err)
	}
	return payload, nil
}

// done applies Lambda's rules for ReportBatchItemFailures: an empty answer or
// list is success; an entry without an id and an answer that is no JSON fail the batch.
func (queue) done(r lambda.Result) error {
	if err := r.Err(); err != nil {
		return err
	}
	answer := strings.TrimSpace(string(r.Payload))
	if answer == "" || answer == `""` {
		return nil
	}
	var response events.SQSEventResponse
	if err := json.Unmarshal([]byte(answer), &response); err != nil {
		return fmt.Errorf("the answer is no batch response: %w", err)
	}
	if len(response.BatchItemFailures) > 0 {
		return fmt.Errorf("reported as a batch item failure")
	}
	return nil
}

func (queue) wait(try int) (time.Duration, bool) { return retryPause, try < queueTries }
