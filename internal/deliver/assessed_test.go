package deliver_test

import (
	"fmt"
	"strings"
	"testing"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/config/forwarderconfig"
	"runecast-ingest/internal/simulate/site"
	"runecast-ingest/internal/store"
)

// rules is a result of rules, each as "profile status".
func rules(list ...string) string {
	var issues []string
	for i, word := range list {
		profile, status, _ := strings.Cut(word, " ")
		issues = append(issues, fmt.Sprintf(`{"issueDisplayId":"%s-%d","type":%q,"severity":"Major","title":"T","status":%q}`, profile, i, profile, status))
	}
	return `{"issues":[` + strings.Join(issues, ",") + `]}`
}

// A scan with nothing to show fails: the reason says what was found instead, and the
// cure. A scan with nothing but vulnerabilities, where the settings ask for them, is
// delivered without a commit.
func TestWhatIsNotAssessed(t *testing.T) {
	t.Parallel()
	vulnerabilities := func(c *forwarderconfig.Settings) { c.Mapping.IncludeTypes = []string{"VUL"} }
	for name, c := range map[string]struct {
		settings func(*forwarderconfig.Settings)
		result   string
		state    string
		says     []string
		saysNot  string
		events   map[string]int
	}{
		"statuses that are not known": {result: rules("CIS FAILED", "CIS PASSED", "CIS FAILED"), state: archive.DeliveryFailed,
			says: []string{`"FAILED", "PASSED"`, "3 have a status that is not known", "M_FAIL"}, saysNot: "enable security profiles"},
		"unknown and unlicensed": {result: rules("CIS FAILED", "CIS UNLICENSED"), state: archive.DeliveryFailed,
			says: []string{`"FAILED"`, "1 are UNLICENSED"}, saysNot: "enable security profiles"},
		"no ids": {result: `{"issues":[{"type":"CIS","status":"FAIL"}]}`, state: archive.DeliveryFailed,
			says: []string{"1 have no id"}, saysNot: "enable security profiles"},
		"spaces in the profile": {result: rules("KB  FAIL"), state: archive.DeliveryFailed, says: []string{"only 1 of KB", "enable security profiles"}},
		"vulnerabilities, not asked for": {result: rules("VUL FAIL", "VUL PASS", "KB FAIL"), state: archive.DeliveryFailed,
			says: []string{"only 1 of KB, 2 of VUL", "enable security profiles"}},
		"vulnerabilities, asked for": {settings: vulnerabilities, result: rules("VUL FAIL", "VUL PASS", "KB FAIL"), state: archive.DeliveryComplete,
			events: map[string]int{"VULNERABILITY_FINDING": 1, "VULNERABILITY_SCAN": 1}},
		"vulnerabilities, coverage of objects": {settings: func(c *forwarderconfig.Settings) { vulnerabilities(c); c.Mapping.Coverage = "object" },
			result: rules("VUL FAIL", "CIS UNLICENSED"), state: archive.DeliveryComplete,
			events: map[string]int{"VULNERABILITY_FINDING": 1, "VULNERABILITY_SCAN": 1}},
		"knowledge base alone, vulnerabilities asked for": {settings: vulnerabilities, result: rules("KB FAIL"), state: archive.DeliveryFailed,
			says: []string{"only 1 of KB", "enable security profiles"}},
		"vulnerabilities of an unknown status": {settings: vulnerabilities, result: rules("VUL OPEN"), state: archive.DeliveryFailed, says: []string{`"OPEN"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, c.settings)
			key := r.Put(scan{System: "vc-a", Minute: 1, Result: c.result})
			out := r.delivered(key, c.state)
			for _, text := range c.says {
				if !strings.Contains(out.Reason, text) {
					t.Errorf("reason %q does not say %q", out.Reason, text)
				}
			}
			if c.saysNot != "" && strings.Contains(out.Reason, c.saysNot) {
				t.Errorf("reason %q says %q", out.Reason, c.saysNot)
			}
			sent := r.Receiver.Stats().Events
			for kind, n := range c.events {
				if sent[kind] != n {
					t.Errorf("%d of %s, want %d", sent[kind], kind, n)
				}
			}
			if len(sent) != len(c.events) {
				t.Errorf("sent %v, want %v", sent, c.events)
			}
			reg, err := store.Load[archive.Register](t.Context(), r.Store, archive.RegisterKey("vc-a"))
			if err != nil || reg.Exists() {
				t.Errorf("register %+v, %v: nothing was committed", reg.Value, err)
			}
			before := r.Requests
			r.delivered(key, c.state)
			if r.Requests != before {
				t.Error("a repeated trigger sent it again")
			}
		})
	}
}

// A scan with unlicensed rules is shown. Their number is in the scan event, in the
// register, and in the notice.
func TestPartlyUnlicensed(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	key := r.Put(scan{System: "vc-a", Minute: 1, Result: rules("CIS PASS", "CIS UNLICENSED", "DORA UNLICENSED", "KB UNLICENSED")})
	r.delivered(key, archive.DeliveryComplete)
	reg, err := store.Load[archive.Register](t.Context(), r.Store, archive.RegisterKey("vc-a"))
	if err != nil || reg.Value.Unlicensed != 2 {
		t.Errorf("register %+v, %v", reg.Value, err)
	}
	kept, err := r.Store.Rollup(t.Context(), "vc-a")
	if err != nil || kept.Value.Unlicensed != 2 || kept.Value.Posture != 100 {
		t.Errorf("roll-up %+v, %v", kept.Value, err)
	}
	if d := r.Document(key); d.Mapped != 1 || d.Accepted != 1 {
		t.Errorf("%+v", d)
	}
	r.delivered(r.Put(scan{System: "vc-a", Minute: 2, Result: rules("CIS PASS", "CIS FAIL")}), archive.DeliveryComplete)
	reg, err = store.Load[archive.Register](t.Context(), r.Store, archive.RegisterKey("vc-a"))
	if err != nil || reg.Value.Unlicensed != 0 {
		t.Errorf("licensed since: %+v, %v", reg.Value, err)
	}
}

// A scan of vulnerabilities alone goes on where its invocation ended.
func TestVulnerabilitiesAloneGoOn(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *forwarderconfig.Settings) { site.Small(c); c.Mapping.IncludeTypes = []string{"VUL"} })
	var list []string
	for range 300 {
		list = append(list, "VUL FAIL")
	}
	r.SetIntercept(site.Refusing(503, func(b string) bool { return strings.Contains(b, `"VUL-299"`) }))
	key := r.Put(scan{System: "vc-a", Minute: 1, Result: rules(list...)})
	r.delivered(key, archive.DeliverySending)
	r.SetIntercept(nil)
	r.delivered(key, archive.DeliveryComplete)
	if got := r.Receiver.Stats().Events; got["VULNERABILITY_FINDING"] != 300 || got["VULNERABILITY_SCAN"] != 1 || got["COMPLIANCE_SCAN_COMPLETED"] != 0 {
		t.Errorf("%v", got)
	}
}
