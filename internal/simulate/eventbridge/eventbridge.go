// Package eventbridge is the one operation of Amazon EventBridge that the
// functions use, PutEvents, as an http.Handler (protocol AWS JSON 1.1). It
// promises the service's answers and errors to the AWS SDK, and refuses what the
// service would: foreign sources, details that are no JSON objects, too many
// entries, and too large ones.
package eventbridge

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

const (
	// maxRequest bounds a request's body in bytes, maxEntries the number of its
	// events, and maxSize their size in bytes, as the service counts it (AWS docs,
	// "PutEvents").
	maxRequest = 1 << 20
	maxEntries = 10
	maxSize    = 256 << 10
	// maxDetailType bounds the detail type in characters.
	maxDetailType = 128
)

// Event is an event that the bus has accepted, in the form that its rules see.
type Event struct {
	Version    string         `json:"version"`
	ID         string         `json:"id"`
	DetailType string         `json:"detail-type"`
	Source     string         `json:"source"`
	Account    string         `json:"account"`
	Time       time.Time      `json:"time"`
	Region     string         `json:"region"`
	Resources  []string       `json:"resources"`
	Detail     jsontext.Value `json:"detail"`
}

// Bus is the default event bus. Its zero value is empty and ready; it is safe
// for concurrent use.
type Bus struct {
	mu     sync.Mutex
	events []Event
	refuse string
}

// Events returns the events that the bus has accepted, in order of arrival.
func (b *Bus) Events() []Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Event{}, b.events...)
}

// Refuse makes the bus answer every request with an error of this code, such as
// AccessDeniedException, from now on; "" ends that.
func (b *Bus) Refuse(code string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refuse = code
}

// entry is one event of a PutEvents request.
type entry struct {
	Time         float64  `json:"Time"`
	Source       string   `json:"Source"`
	Resources    []string `json:"Resources"`
	DetailType   string   `json:"DetailType"`
	Detail       string   `json:"Detail"`
	EventBusName string   `json:"EventBusName"`
	TraceHeader  string   `json:"TraceHeader"`
}

// ServeHTTP answers PutEvents; any other operation is an
// UnknownOperationException. Requests have to be signed for the service events;
// the signature itself is not checked.
func (b *Bus) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	code := b.refuse
	b.mu.Unlock()
	auth := r.Header.Get("Authorization")
	switch {
	case r.Method != http.MethodPost || r.Header.Get("X-Amz-Target") != "AWSEvents.PutEvents":
		refuse(w, "UnknownOperationException", "")
	case r.Header.Get("Content-Type") != contentType:
		refuse(w, "SerializationException", "the content type is not that of AWS JSON 1.1")
	case !strings.HasPrefix(auth, "AWS4-HMAC-SHA256 "):
		refuse(w, "MissingAuthenticationTokenException", "Missing Authentication Token")
	case !strings.Contains(auth, "/events/aws4_request"):
		refuse(w, "InvalidSignatureException", "Credential should be scoped to correct service: 'events'.")
	case code != "":
		refuse(w, code, "refused as it was asked for")
	default:
		b.put(w, r)
	}
}

func (b *Bus) put(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Entries []entry `json:"Entries"`
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err == nil {
		err = json.Unmarshal(body, &in, json.RejectUnknownMembers(true))
	}
	size := 0
	for _, e := range in.Entries {
		size += e.size()
	}
	switch {
	case err != nil:
		refuse(w, "SerializationException", "the request is not readable")
		return
	case len(in.Entries) == 0 || len(in.Entries) > maxEntries:
		refuse(w, "ValidationException", fmt.Sprintf("1 validation error detected: %d entries at 'entries' failed to satisfy constraint: 1 to %d", len(in.Entries), maxEntries))
		return
	case size > maxSize:
		refuse(w, "ValidationException", "Total size of the entries in the request is over the limit.")
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	failed, answers := 0, []map[string]string{}
	for _, e := range in.Entries {
		if code, message := e.fault(); code != "" {
			failed++
			answers = append(answers, map[string]string{"ErrorCode": code, "ErrorMessage": message})
			continue
		}
		event := e.event(r)
		b.events = append(b.events, event)
		answers = append(answers, map[string]string{"EventId": event.ID})
	}
	write(w, http.StatusOK, map[string]any{"FailedEntryCount": failed, "Entries": answers})
}

// size returns the entry's size in bytes, as the service counts it.
func (e *entry) size() int {
	n := len(e.Source) + len(e.DetailType) + len(e.Detail)
	if e.Time != 0 {
		n += 14
	}
	for _, r := range e.Resources {
		n += len(r)
	}
	return n
}

// fault returns why the service refuses an entry; "" if it accepts it.
func (e *entry) fault() (code, message string) {
	detail := jsontext.Value(e.Detail)
	switch {
	case e.Source == "" || e.DetailType == "" || e.Detail == "":
		return "InvalidArgument", "Parameter Source, DetailType or Detail is not valid. Reason: it is a required argument."
	case len([]rune(e.DetailType)) > maxDetailType:
		return "InvalidArgument", "Parameter DetailType is not valid. Reason: Length is greater than 128."
	case strings.HasPrefix(e.Source, "aws."):
		return "NotAuthorizedForSourceException", "Not authorized for the source."
	case e.EventBusName != "" && e.EventBusName != "default":
		return "InvalidArgument", "Parameter EventBusName is not valid. Reason: there is only the default bus here."
	case !detail.IsValid() || detail.Kind() != '{':
		return "MalformedDetail", "Detail is malformed."
	}
	return "", ""
}

// event returns an entry in the form that the rules of the bus see.
func (e *entry) event(r *http.Request) Event {
	at := time.Now()
	if e.Time != 0 {
		at = time.UnixMilli(int64(e.Time * 1000))
	}
	scope := strings.Split(r.Header.Get("Authorization"), "/") // key, day, region, service
	return Event{
		Version: "0", ID: uuid.NewString(), DetailType: e.DetailType, Source: e.Source, Account: "123456789012",
		Time: at.UTC().Truncate(time.Second), Region: scope[min(2, len(scope)-1)], Resources: append([]string{}, e.Resources...), Detail: jsontext.Value(e.Detail),
	}
}

const contentType = "application/x-amz-json-1.1"

func refuse(w http.ResponseWriter, kind, message string) {
	w.Header().Set("X-Amzn-Errortype", kind)
	write(w, http.StatusBadRequest, map[string]any{"__type": kind, "message": message})
}

func write(w http.ResponseWriter, status int, answer map[string]any) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Amzn-Requestid", uuid.NewString())
	w.WriteHeader(status)
	_ = json.MarshalWrite(w, answer) // fails only if the client has gone
}
