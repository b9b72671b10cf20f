package openpipeline

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"runecast-ingest/internal/endpoint"
)

// The table of answers in PROTOCOL.md agrees with classify for every status that it
// names, and for a request without an answer.
func TestAnswersAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../deliver/PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	outcomes := map[string]Outcome{
		"accepted": Accepted, "not Dynatrace": Unusable, "refused": Refused, "too large": TooLarge, "token refused": Unusable,
		"cannot be used": Unusable, "busy": Busy, "doubt": Doubt,
	}
	_, table, _ := strings.Cut(string(text), "## What an answer of Dynatrace means")
	table, _, _ = strings.Cut(table, "\n## ")
	named, seen := 0, map[string]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\| (.+?) \| (.+?) \| .+ \|$`).FindAllStringSubmatch(table, -1) {
		want, known := outcomes[row[2]]
		if row[1] == "answer" {
			continue
		}
		if !known {
			t.Errorf("%q is no outcome", row[2])
		}
		seen[row[2]] = true
		for _, code := range regexp.MustCompile("`(\\d{3})`").FindAllStringSubmatch(row[1], -1) {
			status, _ := strconv.Atoi(code[1])
			named++
			// Only a busy answer must be in Dynatrace's own form.
			if got := classify(answer{Answer: &endpoint.Answer{Status: status}, enveloped: want == Busy, empty: want == Accepted}); got != want {
				t.Errorf("%d: %v, documented as %s", status, got, row[2])
			}
		}
	}
	if named < 12 || len(seen) != len(outcomes) {
		t.Errorf("%d statuses, %v", named, seen)
	}
	for name, c := range map[string]struct {
		a    answer
		want Outcome
	}{
		"another 2xx without a body":   {answer{Answer: &endpoint.Answer{Status: 200}, empty: true}, Accepted},
		"another 2xx":                  {answer{Answer: &endpoint.Answer{Status: 200}}, Unusable},
		"another 5xx":                  {answer{Answer: &endpoint.Answer{Status: 520}}, Doubt},
		"503 of something else":        {answer{Answer: &endpoint.Answer{Status: 503}}, Doubt},
		"another 5xx in their form":    {answer{Answer: &endpoint.Answer{Status: 507}, enveloped: true}, Busy},
		"a redirect":                   {answer{Answer: &endpoint.Answer{Status: 307}}, Unusable},
		"no answer, the body was sent": {answer{Answer: &endpoint.Answer{Sent: true}}, Doubt},
	} {
		if got := classify(c.a); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
