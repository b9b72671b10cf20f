package deliver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/securityevent"
	"runecast-ingest/internal/simulate/receiver"
	"runecast-ingest/internal/simulate/site"
)

// recorder is what one invocation talks to until it dies: S3, and the connection to
// Dynatrace.
type recorder struct {
	*s3.Client
	trace *trace
	dead  bool
}

var errDead = errors.New("the process is dead")

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	if r.dead {
		return nil, errDead
	}
	r.trace.handOver()
	defer r.trace.handOver()
	return r.trace.Server.Client().Transport.RoundTrip(req)
}

func (r *recorder) GetObject(ctx context.Context, in *s3.GetObjectInput, o ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	if r.dead {
		return nil, errDead
	}
	return r.Client.GetObject(ctx, in, o...)
}

func (r *recorder) PutObject(ctx context.Context, in *s3.PutObjectInput, o ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	if r.dead {
		return nil, errDead
	}
	tr := r.trace
	body, err := io.ReadAll(in.Body)
	if err != nil {
		return nil, err
	}
	in.Body = bytes.NewReader(body)
	kind, what := tr.written(aws.ToString(in.Key), body)
	how := tr.lost[kind]
	delete(tr.lost, kind)
	var out *s3.PutObjectOutput
	if how != "not" {
		out, err = r.Client.PutObject(ctx, in, o...)
	}
	switch {
	case err != nil:
		tr.say("writes %s: refused, somebody else has written it", kind)
		return nil, err
	case how != "":
		tr.say("writes %s: %s: no answer, %s applied", kind, what, how)
		return nil, errors.New("no answer")
	}
	tr.say("writes %s: %s", kind, what)
	if tr.dies == kind {
		tr.dies, r.dead = "", true
		tr.say("and dies")
		return nil, errDead
	}
	return out, nil
}

// written describes an object that is written: which document, and what it says.
func (tr *trace) written(key string, body []byte) (kind, what string) {
	switch {
	case strings.HasPrefix(key, archive.DeliveryPrefix):
		var d archive.Delivery
		tr.unmarshal(body, &d)
		return "delivery", tr.delivery(&d)
	case strings.HasPrefix(key, archive.QuarantinePrefix):
		return "quarantine", "finding " + strings.TrimSuffix(path.Base(key), ".json")
	}
	var r archive.Register // a roll-up has the same members
	tr.unmarshal(body, &r)
	if !archive.IsRegister(key) {
		return "roll-up", "the verdicts of " + tr.alias(r.ScanID)
	}
	return "register", fmt.Sprintf("%s of generation %d is committed", tr.alias(r.ScanID), r.Generation)
}

func (tr *trace) unmarshal(body []byte, v any) {
	if err := json.Unmarshal(body, v); err != nil {
		tr.T.Fatal(err)
	}
}

// delivery describes a delivery document.
func (tr *trace) delivery(d *archive.Delivery) string {
	text := tr.scan(&d.Scan)
	if len(d.Scans) > 0 {
		var scans []string
		for i := range d.Scans {
			scans = append(scans, d.Scans[i].System.ID+" "+tr.scan(&d.Scans[i].Scan))
		}
		text = strings.Join(scans, "; ")
	}
	if d.Lease != nil {
		text += ", leased"
	}
	return text
}

func (tr *trace) scan(s *archive.Scan) string {
	text := s.State
	if s.Generation > 0 {
		text += fmt.Sprintf(" generation %d", s.Generation)
	}
	if s.ScanID != "" {
		text += " as " + tr.alias(s.ScanID)
	}
	for _, r := range s.Done {
		text += fmt.Sprintf(", done [%d,%d)", r[0], r[1])
	}
	if s.Doubt {
		text += ", in doubt"
	}
	if s.State == archive.DeliveryComplete {
		text += fmt.Sprintf(", %d accepted", s.Accepted)
	}
	if s.Quarantined > 0 {
		text += fmt.Sprintf(", %d quarantined", s.Quarantined)
	}
	if s.Force {
		text += ", forced"
	}
	return text
}

// alias returns the name of a scan id in the trace: s1 is the first that was seen.
func (tr *trace) alias(id string) string {
	i := slices.Index(tr.scans, id)
	if i < 0 {
		i, tr.scans = len(tr.scans), append(tr.scans, id)
	}
	return fmt.Sprintf("s%d", i+1)
}

// describe says what a request holds: "finding 0 of s1", "findings 0 to 3 of s1"
// or "scan event of s1".
func (tr *trace) describe(body string) string {
	var events []map[string]any
	tr.unmarshal([]byte(body), &events)
	first, last := events[0], events[len(events)-1]
	id, _ := first["scan.id"].(string)
	scan := tr.alias(id)
	object, _ := first["object.id"].(string)
	if system, _, _ := strings.Cut(object, "/"); system != "vc-a" {
		scan += " of " + system
	}
	switch {
	case first["event.type"] == securityevent.TypeCompleted:
		return "scan event of " + scan
	case len(events) == 1:
		return "finding " + index(first) + " of " + scan
	}
	return fmt.Sprintf("findings %s to %s of %s", index(first), index(last), scan)
}

// index returns a finding's event index, as the site's scans have it, or the rule that the
// finding is about.
func index(event map[string]any) string {
	object, _ := event["object.id"].(string)
	if _, host, ok := strings.Cut(object, "/host-"); ok {
		return host
	}
	rule, _ := event["rule.id"].(string)
	return "(" + rule + ")"
}

// ingest passes a body to the receiver.
func (tr *trace) ingest(body string) {
	req := httptest.NewRequestWithContext(tr.T.Context(), http.MethodPost, receiver.Path, strings.NewReader(body))
	req.Header.Set("Authorization", "Api-Token "+site.Token)
	req.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	tr.Receiver.Ingest(answer, req)
	if answer.Code != http.StatusAccepted {
		tr.T.Errorf("the receiver answers %d %s", answer.Code, answer.Body)
	}
}

// logger returns a logger that keeps the disposition of the last delivery.
func (tr *trace) logger() *slog.Logger { return slog.New(&listener{trace: tr}) }

type listener struct {
	slog.Handler
	trace *trace
	why   string
}

func (*listener) Enabled(context.Context, slog.Level) bool { return true }

func (l *listener) WithAttrs(attrs []slog.Attr) slog.Handler {
	heard := &listener{trace: l.trace, why: l.why}
	for _, a := range attrs {
		if a.Key == "disposition" {
			heard.why = a.Value.String()
		}
	}
	return heard
}

func (l *listener) Handle(_ context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "delivery") {
		l.trace.why = l.why
	}
	return nil
}
