package main

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"runecast-ingest/internal/dashboard"
)

// letter is a message as the AWS CLI shows it.
func letter(t *testing.T, body string, attributes map[string]string) string {
	t.Helper()
	named := map[string]any{}
	for name, value := range attributes {
		named[name] = map[string]string{"StringValue": value, "DataType": "String"}
	}
	text, err := json.Marshal(map[string]any{"MessageId": "m1", "ReceiptHandle": "r1", "Body": body, "MessageAttributes": named})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const arn = "arn:aws:lambda:eu-central-1:123456789012:function:runecast-ingest-"

func TestRedrive(t *testing.T) {
	schedule := func(target string) map[string]string {
		return map[string]string{"TARGET_ARN": arn + target, "SCHEDULED_TIME": "2026-11-22T02:00:00Z", "ERROR_CODE": "TooManyRequests"}
	}
	const record = `{"requestContext":{"functionArn":"` + arn + `collector:$LATEST"},"requestPayload":{"action":"tick"}}`
	const replay = `{"version":"1.0","requestContext":{"requestId":"e4b4","functionArn":"` + arn + `forwarder:$LATEST"},"requestPayload":{"action":"replay","prefix":"raw/"},"responsePayload":{"errorMessage":"x"}}`
	const s3Event = `{"Records":[{"eventSource":"aws:s3"}]}`
	for name, c := range map[string]struct {
		body       string
		attributes map[string]string
		answer     string
		asked      string // the invocation; "": none
		stays      string // why; "": it is deleted
	}{
		"a failed invocation":   {record, nil, `{"state":"done"}`, `collector {"action":"tick"}`, ""},
		"a failed replay":       {replay, nil, `{"complete":1}`, `forwarder {"requestContext":{"requestId":"e4b4"},"requestPayload":{"action":"replay","prefix":"raw/"}}`, ""},
		"an object is gone":     {s3Event, nil, `{"gone":1}`, `forwarder ` + s3Event, ""},
		"a run that goes on":    {record, nil, `{"state":"running"}`, `collector {"action":"tick"}`, ""},
		"a schedule":            {`{"action":"sweep"}`, schedule("forwarder"), `{}`, `forwarder {"action":"sweep"}`, ""},
		"a schedule's own time": {`{"scheduledTime":"<aws.scheduler.scheduled-time>"}`, schedule("collector"), `{}`, `collector {"scheduledTime":"2026-11-22T02:00:00Z"}`, ""},
		"an Invoke request":     {`{"FunctionName":"f","Payload":"{\"action\":\"tick\"}"}`, schedule("collector"), `{}`, `collector {"action":"tick"}`, ""},
		"a notification":        {s3Event, nil, `{"complete":1}`, `forwarder ` + s3Event, ""},
		"it fails again":        {record, nil, `!{"errorMessage":"no such host"}`, `collector {"action":"tick"}`, "no such host"},
		"a system fails":        {record, nil, `{"failed":1}`, `collector {"action":"tick"}`, "1 failed"},
		"not delivered yet":     {s3Event, nil, `{"pending":1}`, `forwarder ` + s3Event, "1 objects are not delivered yet"},
		"a foreign function":    {strings.Replace(record, "runecast-ingest-collector", "payroll", 1), nil, "", "", "no function of the stack"},
		"another stack":         {strings.Replace(record, "runecast-ingest-collector", "old-runecast-ingest-collector", 1), nil, "", "", "no function of the stack"},
		"a foreign schedule":    {`{"action":"sweep"}`, map[string]string{"TARGET_ARN": "arn:aws:sns:eu-central-1:123456789012:topic"}, "", "", "no function of the stack"},
		"no JSON":               {"hello", nil, "", "", "not JSON"},
		"nothing known":         {`{"hello":1}`, nil, "", "", "names no function"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{answers: []string{c.answer}, messages: []string{letter(t, c.body, c.attributes)}}
			_, stderr, code := s.operate(t, "redrive")
			var want []string
			if c.asked != "" {
				want = append(want, "runecast-ingest-"+c.asked)
			}
			fine := c.stays == ""
			if fine {
				want = append(want, "sqs delete-message r1")
			}
			if !slices.Equal(s.asked, want) || fine != (code == exitFine) || !strings.Contains(stderr, c.stays) {
				t.Errorf("asked %q, wanted %q; exit %d, %s", s.asked, want, code, stderr)
			}
		})
	}
}

// A replay that failed in the middle and is redriven continues after what it has sent,
// since the id of its first invocation identifies it. The payload without this id would
// be another replay, which sends everything again.
func TestRedrivenReplayGoesOn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.archiveAgain("vc1.example", "vc2.example")
	committed := func() int { return r.receiver.Stats().Events[dashboard.TypeScanCompleted] }
	if n := committed(); n != 2 {
		t.Fatalf("%d scans are delivered", n)
	}
	r.refuses(func([]byte) int {
		if committed() < 3 {
			return 0
		}
		return http.StatusForbidden
	})
	replay := []byte(`{"action":"replay","prefix":"raw/"}`)
	res, err := r.invoke(t.Context(), forwarder, replay)
	if err != nil || res.Err() == nil || committed() != 3 {
		t.Fatalf("the replay, which was to fail behind the first scan, ends with %s (%v)", res.Payload, err)
	}
	ids := regexp.MustCompile(`"requestId":"([^"]+)"`).FindAllStringSubmatch(r.logs[forwarder].String(), -1)
	r.bury(ids[len(ids)-1][1], replay, res)
	r.refuses(nil)
	out, failed := r.shell(r.environment(), self+" redrive")
	r.settle()
	if n := committed(); failed || n != 4 || len(r.dead) > 0 {
		t.Errorf("%d scan events of two scans and their replay, %d messages are left: %s", n, len(r.dead), out)
	}
}

// A message that stays in the queue does not keep the next message from being redriven.
func TestRedriveGoesOn(t *testing.T) {
	s := &script{answers: []string{`{}`}, messages: []string{letter(t, "hello", nil), letter(t, `{"action":"sweep"}`, map[string]string{"TARGET_ARN": arn + "forwarder"})}}
	stdout, stderr, code := s.operate(t, "redrive")
	if code != exitWrong || !strings.Contains(stderr, "message m1 stays in the queue") || !strings.Contains(stdout, "2 messages") || len(s.asked) != 2 {
		t.Errorf("exit %d, asked %q, %s%s", code, s.asked, stdout, stderr)
	}
}

// A message that can never succeed is deleted by its id; the others stay.
func TestDiscardDeadLetter(t *testing.T) {
	other, unwanted := letter(t, `{"action":"sweep"}`, nil), strings.NewReplacer(`"m1"`, `"m2"`, `"r1"`, `"r2"`).Replace(letter(t, "hello", nil))
	s := &script{messages: []string{other, unwanted}}
	stdout, stderr, code := s.operate(t, "redrive", "--discard", "m2")
	if code != exitFine || !slices.Equal(s.asked, []string{"sqs delete-message r2"}) || !strings.Contains(stdout, "m2: deleted") {
		t.Errorf("exit %d, asked %q, %s%s", code, s.asked, stdout, stderr)
	}
	s = &script{messages: []string{other, other, unwanted}} // a message that comes again does not end the look
	if stdout, stderr, code = s.operate(t, "redrive", "--discard", "m2"); code != exitFine || !strings.Contains(stdout, "m2: deleted") {
		t.Errorf("exit %d, %s%s", code, stdout, stderr)
	}
	s = &script{messages: slices.Repeat([]string{other}, 20)} // all come again and again
	if _, stderr, code = s.operate(t, "redrive", "--discard", "m2"); code == exitFine || len(s.messages) < 10 || !strings.Contains(stderr, "shows no message m2") {
		t.Errorf("exit %d, %d messages left, %s", code, len(s.messages), stderr)
	}
	s = &script{messages: []string{other}}
	if _, stderr, code = s.operate(t, "redrive", "--discard", "m2"); code == exitFine || len(s.asked) != 0 || !strings.Contains(stderr, "shows no message m2") {
		t.Errorf("exit %d, asked %q, %s", code, s.asked, stderr)
	}
}
