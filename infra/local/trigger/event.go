package trigger

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// Notification is one event as S3 sends it.
type Notification struct {
	// Key is the object's key, not encoded; empty for a test event.
	Key string
	// Body is the event's JSON: {"Records":[…]} or the test event.
	Body []byte
}

// incoming is the message that the S3 server posts, reduced to the members that are
// used.
type incoming struct {
	Event   string // s3:TestEvent, or nothing beside Records
	Records []struct {
		EventName string `json:"eventName"`
		EventTime string `json:"eventTime"`
		S3        struct {
			Bucket struct {
				Name string `json:"name"`
			} `json:"bucket"`
			Object struct {
				Key       string `json:"key"`
				Size      int64  `json:"size"`
				ETag      string `json:"eTag"`
				Sequencer string `json:"sequencer"`
			} `json:"object"`
		} `json:"s3"`
	}
}

// event is a record as AWS documents it ("Event message structure", event
// version 2.x), for a bucket without versioning.
type event struct {
	EventVersion      string            `json:"eventVersion"`
	EventSource       string            `json:"eventSource"`
	AWSRegion         string            `json:"awsRegion"`
	EventTime         string            `json:"eventTime"`
	EventName         string            `json:"eventName"`
	UserIdentity      principal         `json:"userIdentity"`
	RequestParameters map[string]string `json:"requestParameters"`
	ResponseElements  map[string]string `json:"responseElements"`
	S3                s3Entity          `json:"s3"`
}

type principal struct {
	PrincipalID string `json:"principalId"`
}

type s3Entity struct {
	SchemaVersion   string   `json:"s3SchemaVersion"`
	ConfigurationID string   `json:"configurationId"`
	Bucket          s3Bucket `json:"bucket"`
	Object          s3Object `json:"object"`
}

type s3Bucket struct {
	Name          string    `json:"name"`
	OwnerIdentity principal `json:"ownerIdentity"`
	ARN           string    `json:"arn"`
}

type s3Object struct {
	Key       string `json:"key"`
	Size      int64  `json:"size"`
	ETag      string `json:"eTag"`
	Sequencer string `json:"sequencer"`
}

type testEvent struct {
	Service   string
	Event     string
	Time      string
	Bucket    string
	RequestID string `json:"RequestId"`
	HostID    string `json:"HostId"`
}

// awsTime is the layout of times in S3's events, in UTC.
const awsTime = "2006-01-02T15:04:05.000Z"

// translate turns the S3 server's message into what the bucket's notification
// would send: objects created under the prefix, one event each. The server's
// own form differs in a dozen details (key not encoded, "s3:" in the event's
// name, quotes around the ETag, the ARN, the size of multipart uploads …).
func (t *Trigger) translate(body []byte) ([]Notification, error) {
	var in incoming
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, fmt.Errorf("read the S3 server's event: %w", err)
	}
	if in.Event == "s3:TestEvent" {
		test := testEvent{
			Service: "Amazon S3", Event: in.Event, Time: time.Now().UTC().Format(awsTime),
			Bucket: t.o.Bucket, RequestID: rand.Text(), HostID: rand.Text(),
		}
		return notifications("", test)
	}
	var out []Notification
	for _, r := range in.Records {
		name, created := strings.CutPrefix(r.EventName, "s3:ObjectCreated:")
		key := r.S3.Object.Key
		if !created || r.S3.Bucket.Name != t.o.Bucket || !strings.HasPrefix(key, t.o.Prefix) {
			continue
		}
		e := event{
			EventVersion: "2.6", EventSource: "aws:s3", AWSRegion: t.o.Region,
			EventTime:         utc(r.EventTime),
			EventName:         "ObjectCreated:" + name,
			UserIdentity:      principal{"AWS:AROALOCALSTACKROLE001:collector"},
			RequestParameters: map[string]string{"sourceIPAddress": "127.0.0.1"},
			ResponseElements:  map[string]string{"x-amz-request-id": rand.Text(), "x-amz-id-2": rand.Text()},
			S3: s3Entity{
				SchemaVersion: "1.0", ConfigurationID: "raw",
				Bucket: s3Bucket{Name: t.o.Bucket, OwnerIdentity: principal{"A3NL1KOZZKEXAMPLE"}, ARN: "arn:aws:s3:::" + t.o.Bucket},
				Object: s3Object{
					Key:       encodeKey(key),
					Size:      max(r.S3.Object.Size, t.o.Size(key)), // the server says 0 for multipart uploads
					ETag:      strings.Trim(r.S3.Object.ETag, `"`),
					Sequencer: sequencer(r.S3.Object.Sequencer),
				},
			},
		}
		n, err := notifications(key, map[string][]event{"Records": {e}})
		if err != nil {
			return nil, err
		}
		out = append(out, n...)
	}
	return out, nil
}

func notifications(key string, message any) ([]Notification, error) {
	body, err := json.Marshal(message, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("write the event of %q: %w", key, err)
	}
	return []Notification{{Key: key, Body: body}}, nil
}

// encodeKey returns a key as S3 encodes it in events: like HTML forms, with + for
// a space, but with its slashes.
func encodeKey(key string) string {
	return strings.ReplaceAll(url.QueryEscape(key), "%2F", "/")
}

// utc returns a time of RFC 3339 in AWS's form; any other text stays as it is.
func utc(text string) string {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return text
	}
	return at.UTC().Format(awsTime)
}

// sequencer returns the server's counter as a hexadecimal string like that of AWS;
// any other text stays as it is.
func sequencer(counter string) string {
	n, err := strconv.ParseUint(counter, 10, 64)
	if err != nil {
		return counter
	}
	return fmt.Sprintf("%018X", n)
}
