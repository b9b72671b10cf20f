package forward_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/config/forwarderconfig"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/securityevent"
	"runecast-ingest/internal/simulate/site"
)

// mixture returns results of every kind: with and without objects, with more objects than
// are listed, a vulnerability, and some that are not sent.
func mixture(number int) string {
	objects := func(n int) string {
		var listed []string
		for i := range n {
			listed = append(listed, fmt.Sprintf(`{"vcUid":"vc","moid":"host-%d","name":"esx%d","type":"HostSystem","resultValues":[{"description":"é <&> \"q\"","value":"%s"}]}`,
				i, i, strings.Repeat("v", 10*i)))
		}
		return "[" + strings.Join(listed, ",") + "]"
	}
	issue := func(id, profile, status string, affected, listed int) string {
		return fmt.Sprintf(`{"id":%q,"issueDisplayId":%q,"severity":"Major","type":%q,"title":"T %s","status":%q,"affectedObjectsCount":%d,"affectedObjects":%s}`,
			id, id, profile, id, status, affected, objects(listed))
	}
	return `{"issues":[` + strings.Join([]string{
		issue("CIS-1", "CIS", "FAIL", 60+number, 60+number), issue("CIS-2", "CIS", "FAIL", 9, 3), issue("CIS-3", "CIS", "FAIL", 4, 0),
		issue("CIS-4", "CIS", "PASS", 5, 5), issue("CIS-5", "CIS", "PASS", 0, 0), issue("STIG-1", "STIG", "MANUAL", 2, 2),
		issue("CIS-6", "CIS", "NOT_APPLICABLE", 0, 0), issue("CIS-7", "CIS", "UNLICENSED", 0, 0), issue("KB-1", "KB", "FAIL", 1, 1),
		issue("VUL-1", "VUL", "FAIL", 12, 12), issue("VUL-2", "VUL", "FAIL", 0, 0), issue("VUL-3", "VUL", "PASS", 0, 0),
	}, ",") + `]}`
}

// A dry run counts exactly the events and bytes that a replay to a healthy receiver
// sends, under any settings.
func TestDryRunEqualsTheReplayUnderAllSettings(t *testing.T) {
	t.Parallel()
	srv := site.StartS3(t)
	rigs := 0
	for name, change := range map[string]func(*forwarderconfig.Settings){
		"defaults":                           nil,
		"small batches":                      site.Small,
		"xspm":                               func(c *forwarderconfig.Settings) { c.Mapping.EventModel = "xspm" },
		"external":                           func(c *forwarderconfig.Settings) { c.Mapping.EventModel = "external" },
		"external, coverage of objects":      func(c *forwarderconfig.Settings) { c.Mapping.EventModel, c.Mapping.Coverage = "external", "object" },
		"coverage of objects, small batches": func(c *forwarderconfig.Settings) { site.Small(c); c.Mapping.Coverage = "object" },
		"no coverage":                        func(c *forwarderconfig.Settings) { c.Mapping.Coverage = "none" },
		"vulnerabilities":                    func(c *forwarderconfig.Settings) { c.Mapping.IncludeTypes = []string{"VUL"} },
		"vulnerabilities, coverage of objects, small batches": func(c *forwarderconfig.Settings) {
			site.Small(c)
			c.Mapping.IncludeTypes, c.Mapping.Coverage = []string{"VUL"}, "object"
		},
		"vulnerabilities, xspm": func(c *forwarderconfig.Settings) {
			c.Mapping.IncludeTypes, c.Mapping.EventModel = []string{"VUL"}, "xspm"
		},
		"original content": func(c *forwarderconfig.Settings) { c.Mapping.OriginalContent = true },
		"original content, vulnerabilities": func(c *forwarderconfig.Settings) {
			c.Mapping.OriginalContent, c.Mapping.IncludeTypes = true, []string{"VUL"}
		},
		"passed objects": func(c *forwarderconfig.Settings) { c.Mapping.PassedObjects = "object" },
		"all results, all types": func(c *forwarderconfig.Settings) {
			c.Mapping.IncludeResults, c.Mapping.IncludeTypes = []securityevent.Status{"FAILED", "MANUAL", "PASSED", "NOT_RELEVANT"}, []string{"VUL", "KB", "BP"}
		},
		"no evidence, from high": func(c *forwarderconfig.Settings) { c.Mapping.Evidence, c.Mapping.MinSeverity = false, "HIGH" },
		"one sender":             func(c *forwarderconfig.Settings) { site.Small(c); c.SendConcurrency = 1 },
	} {
		rigs++
		bucket := fmt.Sprintf("rehearsal-%d", rigs)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rigOn(t, srv, bucket, change)
			for _, s := range []scan{
				{System: "vc-a", Minute: 1, Result: mixture(0)}, {System: "vc-a", Minute: 2, Result: mixture(9)}, {System: "vc-b", Minute: 2, Result: mixture(4)},
			} {
				r.delivered(r.Put(s), archive.DeliveryComplete)
			}
			r.Upload("raw/manual/both.json", site.Saved("vc-c 7@23", "vc-d 8@23"))
			r.delivered("raw/manual/both.json", archive.DeliveryComplete)
			r.rehearsedRight(`"prefix":"raw/"`, 4)
			r.rehearsedRight(key(scan{System: "vc-a", Minute: 1}.Key())+`,"force":true`, 1)
		})
	}
}

// rehearsedRight compares a dry run with the replay of the same request.
func (r *rig) rehearsedRight(members string, systems int) {
	r.T.Helper()
	before, requests := r.Receiver.Stats(), r.Requests
	dry := r.replayed(members + `,"dryRun":true`).DryRun
	if dry == nil || r.Requests != requests || len(dry.Systems) != systems {
		r.T.Fatalf("%d requests, rehearsed %+v", r.Requests-requests, dry)
	}
	r.replayed(members)
	after := r.Receiver.Stats()
	if int(dry.Events) != after.Accepted-before.Accepted || dry.Bytes != after.Bytes-before.Bytes || int(dry.Requests) != r.Requests-requests {
		r.T.Errorf("rehearsed %d events, %d bytes, %d requests; sent %d, %d, %d", dry.Events, dry.Bytes, dry.Requests,
			after.Accepted-before.Accepted, after.Bytes-before.Bytes, r.Requests-requests)
	}
	var events, bytes int64
	for _, s := range dry.Systems {
		events, bytes = events+s.Events, bytes+s.Bytes
	}
	if events != dry.Events || bytes != dry.Bytes {
		r.T.Errorf("the systems have %d events and %d bytes, all have %d and %d", events, bytes, dry.Events, dry.Bytes)
	}
}

// A dry run does not wait for the pace.
func TestDryRunTakesNoPace(t *testing.T) {
	t.Parallel()
	r := newRig(t, site.Small)
	r.delivered(r.Put(scan{System: "vc-a", Minute: 1, Failing: 60}), archive.DeliveryComplete)
	r.rehearsedRight(`"prefix":"raw/"`, 1)
	before := r.Clock.Waited()
	if a := r.replayed(`"prefix":"raw/","dryRun":true,"maxEventsPerSecond":1`); a.DryRun.Events == 0 || a.Cursor != "" || r.Clock.Waited() != before {
		r.T.Errorf("%+v, waited %s", a, r.Clock.Waited()-before)
	}
}

// A dry run says of a scan that is committed already, beside another of its document
// that is not, that nothing is to be sent; but it is not older than what is committed.
func TestDryRunOfADocumentThatIsDeliveredInPart(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Upload("raw/manual/both.json", site.Saved("vc-a 2@1", "vc-b 1@1"))
	r.SetIntercept(site.Refusing(http.StatusForbidden, func(body string) bool { return strings.Contains(body, "vc-b") }))
	_, _ = r.deliver("raw/manual/both.json")
	r.SetIntercept(nil)
	if d := r.Document("raw/manual/both.json"); d.Scans[0].State != archive.DeliveryComplete || d.Scans[1].State != archive.DeliverySending {
		t.Fatalf("%+v", d.Scans)
	}
	a := r.replayed(`"prefix":"raw/manual/","state":"pending","dryRun":true`)
	if a.Older != 0 || len(a.DryRun.Systems) != 2 || slices.ContainsFunc(a.DryRun.Systems, func(s payload.DryRunScan) bool { return s.Older }) {
		t.Errorf("older %d, %+v", a.Older, a.DryRun.Systems)
	}
}
