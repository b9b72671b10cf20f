package appliance

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/runecast"
)

const (
	getEcosystems = "GET /rca/api/v2/rca-instances/1/ecosystems"
	latest7       = "GET /rca/api/v2/ecosystems/7/config-scans/latest?includeAllAnalyzedObjects=false"
	latest7All    = "GET /rca/api/v2/ecosystems/7/config-scans/latest?includeAllAnalyzedObjects=true"
	post7         = "POST /rca/api/v2/ecosystems/7/config-scans"
)

func auto(o *Options) { o.API = Auto }

func TestAPIVersion(t *testing.T) {
	t.Parallel()
	list := ok(`{"ecosystems":[]}`)
	cases := map[string]struct {
		set, begun, before string
		answers            []answer // of v2
		answers1           []answer // of v1
		want               string
		class              fault.Class
		requests           int
	}{
		"v2 answers":             {set: Auto, answers: list, want: runecast.V2, requests: 1},
		"nothing set":            {answers: list, want: runecast.V2, requests: 1},
		"v2 unknown":             {set: Auto, answers: []answer{{code: 404}}, want: runecast.V1, requests: 1},
		"no such method":         {set: Auto, answers: []answer{{code: 405}}, want: runecast.V1, requests: 1},
		"redirect":               {set: Auto, answers: []answer{{code: 302, header: map[string]string{"Location": "/rc2/login"}}}, want: runecast.V1, requests: 1},
		"user interface":         {set: Auto, answers: []answer{{code: 200, kind: "text/html", body: "<html>"}}, want: runecast.V1, requests: 1},
		"bad token":              {set: Auto, answers: []answer{{code: 401}}, class: fault.Auth, requests: 1},
		"no right":               {set: Auto, answers: []answer{{code: 403}}, class: fault.Auth, requests: 1},
		"v2 is broken today":     {set: Auto, answers: []answer{{code: 500}}, class: fault.Retry, requests: 1},
		"the appliance restarts": {set: Auto, answers: []answer{{code: 503}}, class: fault.Retry, requests: attempts},
		"restarted":              {set: Auto, answers: append([]answer{{code: 502}}, list...), want: runecast.V2, requests: 2},
		"other JSON":             {set: Auto, answers: ok(`{"status":"UP"}`), class: fault.Reject, requests: 1},
		"v1 set":                 {set: runecast.V1, answers: list, want: runecast.V1},
		"v2 set":                 {set: runecast.V2, answers: []answer{{code: 404}}, want: runecast.V2},
		"begun with v1":          {set: Auto, begun: runecast.V1, answers: list, want: runecast.V1},
		"begun with v2":          {set: runecast.V1, begun: runecast.V2, want: runecast.V2},
		"begun with another":     {begun: "v3", class: fault.Config},
		"v2 before":              {set: Auto, before: runecast.V2, answers: list, want: runecast.V2, requests: 1},
		"v2 before, unknown":     {set: Auto, before: runecast.V2, answers: []answer{{code: 404}}, class: fault.Config, requests: 1},
		"v2 before, redirect":    {set: Auto, before: runecast.V2, answers: []answer{{code: 302, header: map[string]string{"Location": "/rc2/login"}}}, class: fault.Config, requests: 1},
		"v2 before, page":        {set: Auto, before: runecast.V2, answers: []answer{{code: 200, kind: "text/html", body: "<html>"}}, class: fault.Config, requests: 1},
		"v2 before, bad token":   {set: Auto, before: runecast.V2, answers: []answer{{code: 401}}, class: fault.Auth, requests: 1},
		"v2 before, broken":      {set: Auto, before: runecast.V2, answers: []answer{{code: 500}}, class: fault.Retry, requests: 1},
		"v1 before, and v2":      {set: Auto, before: runecast.V1, answers: list, answers1: ok(`{"vcenters":[]}`), want: runecast.V1, requests: 1},
		"v1 before, unknown":     {set: Auto, before: runecast.V1, answers: list, answers1: []answer{{code: 404}}, class: fault.Config, requests: 1},
		"v1 before, v2 set":      {set: runecast.V2, before: runecast.V1, answers: list, want: runecast.V2},
		"another before":         {set: Auto, before: "v3", answers1: ok(`{"vcenters":[]}`), class: fault.Config, requests: 1},
		"begun, another before":  {set: Auto, begun: runecast.V1, before: runecast.V2, want: runecast.V1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &stub{answers: map[string][]answer{getEcosystems: c.answers, getVCenters: c.answers1}}
			cl, _ := client(t, s, func(o *Options) { o.API = c.set })
			got, err := cl.APIVersion(t.Context(), Past{Run: c.begun, Before: c.before})
			if got != c.want || (err != nil) != (c.class != "") || err != nil && fault.ClassOf(err) != c.class {
				t.Errorf("%q, %v; want %q or an error of class %q", got, err, c.want, c.class)
			}
			if requests, _ := s.requests(); len(requests) != c.requests {
				t.Errorf("requests %v, want %d", requests, c.requests)
			}
		})
	}
}

const scan7 = `{"createdTs":1690270800000,"configScanResultSummary":{"foundCriticalIssuesCount":1,"foundLowIssuesCount":"2"},
	"scannedIssues":[{"issue":{"type":"CIS","products":[{"name":"Amazon Web Services"}]},"status":"FAIL"},{"status":"PASS"}]}`

var at7 = runecast.Scan{Timestamp: "2023-07-25T07:40:00Z", Found: "1/-/-/2/-", Rules: 2}

func TestSystemsOfV2(t *testing.T) {
	t.Parallel()
	s := &stub{answers: map[string][]answer{
		getEcosystems: ok(`{"ecosystems":[{"id":7,"viewName":"123456789012"},{"id":"8","viewName":null,"type":"vCenter","x":[1e400]},null,
			{"id":7,"viewName":"again"},{"viewName":"none"},{"id":9,"viewName":{"a":1},"type":{"b":2},"id":9,"systemType":"` + "\xff" + `"}]}`),
		latest7: ok(scan7),
		strings.ReplaceAll(latest7, "/7/", "/8/"): {{code: 404}},
		strings.ReplaceAll(latest7, "/7/", "/9/"): {{code: 500}},
	}}
	c, _ := client(t, s, auto)
	got, err := c.Systems(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Describe(t.Context(), got); err != nil {
		t.Fatal(err)
	}
	trouble := got[2].Scan.Trouble
	if !strings.Contains(trouble, "(500)") {
		t.Errorf("trouble %q", trouble)
	}
	want := []runecast.System{{ID: "7", Name: "123456789012", Type: runecast.TypeAWS, Scan: at7}, {ID: "8", Name: "8", Type: runecast.TypeVCenter, Scan: runecast.Scan{}}, {ID: "9", Name: "9", Type: runecast.TypeUnknown, Scan: runecast.Scan{Trouble: trouble}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestStatusesOfV2(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		answer answer
		list   answer
		want   map[string]runecast.Scan
		says   string // of the system's trouble, or of the error
		class  fault.Class
	}{
		"read":               {answer: answer{code: 200, body: scan7}, want: map[string]runecast.Scan{"7": at7}},
		"a status word":      {answer: answer{code: 200, body: `{"createdTs":"2023-07-25T07:40:00Z","status":"RUNNING"}`}, want: map[string]runecast.Scan{"7": {Status: "RUNNING", Timestamp: at7.Timestamp, Found: "-/-/-/-/-"}}},
		"a status object":    {answer: answer{code: 200, body: `{"createdTs":1.6902708E12,"scanStatus":{"status":"FAILED","x":1}}`}, want: map[string]runecast.Scan{"7": {Status: "FAILED", Timestamp: at7.Timestamp, Found: "-/-/-/-/-"}}},
		"nulls":              {answer: answer{code: 200, body: `{"createdTs":null,"configScanResultSummary":null,"scannedIssues":null}`}, want: map[string]runecast.Scan{"7": {Found: "-/-/-/-/-"}}},
		"never analysed":     {answer: answer{code: 404}, list: answer{code: 200, body: `{"ecosystems":[{"id":"7"},{"id":8}]}`}, want: map[string]runecast.Scan{"7": {}, "8": {}}},
		"connected no more":  {answer: answer{code: 404}, list: answer{code: 200, body: `{"ecosystems":[{"id":8}]}`}, want: map[string]runecast.Scan{"8": {}}},
		"failing for it":     {answer: answer{code: 500}, says: "(500)"},
		"no right to see it": {answer: answer{code: 403}, says: "(403"},
		"cut":                {answer: answer{code: 200, body: scan7[:100], cut: true}, says: "cut"},
		"malformed":          {answer: answer{code: 200, body: `{"createdTs":1,]`}, says: "not valid JSON"},
		"another document":   {answer: answer{code: 200, body: `{"message":"hello"}`}, says: "no result of a scan"},
		"a list":             {answer: answer{code: 200, body: `[]`}, says: "no result of a scan"},
		"two documents":      {answer: answer{code: 200, body: scan7 + scan7}, says: "goes on"},
		"bad token":          {answer: answer{code: 401}, class: fault.Auth, says: "(401)"},
		"login":              {answer: answer{code: 200, kind: "text/html", body: "<html>"}, class: fault.Config, says: "HTML"},
		"restarting":         {answer: answer{code: 503}, class: fault.Retry, says: "(503)"},
		"no answer":          {answer: answer{refused: true}, class: fault.Retry, says: "cut"},
		"list fails":         {answer: answer{code: 404}, list: answer{code: 500}, class: fault.Retry, says: "(500)"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cl, _ := client(t, &stub{answers: map[string][]answer{latest7: {c.answer}, getEcosystems: {c.list}}}, func(o *Options) { o.API = runecast.V2 })
			got, err := cl.Statuses(t.Context(), []string{"7"})
			switch {
			case c.class != "":
				if err == nil || fault.ClassOf(err) != c.class || !strings.Contains(err.Error(), c.says) {
					t.Errorf("error %v, want %q (%s)", err, c.says, c.class)
				}
			case err != nil:
				t.Error(err)
			case c.says != "":
				if trouble := got["7"].Trouble; !strings.Contains(trouble, c.says) || !strings.Contains(trouble, "127.0.0.1") {
					t.Errorf("trouble %q, want %q", trouble, c.says)
				}
			default:
				if d := cmp.Diff(c.want, got); d != "" {
					t.Error(d)
				}
			}
		})
	}
}

func TestResultsOfV2(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		answer answer
		visits int
		says   string
		own    bool // the trouble of one system
	}{
		"whole":        {answer: answer{code: 200, body: " " + scan7 + "\n"}, visits: 1},
		"none":         {answer: answer{code: 404}},
		"cut":          {answer: answer{code: 200, body: scan7, cut: true}, visits: 1, says: "cut", own: true},
		"end missing":  {answer: answer{code: 200, body: scan7[:len(scan7)-1]}, visits: 1, says: "cut", own: true},
		"more follows": {answer: answer{code: 200, body: scan7 + ","}, visits: 1, says: "not valid JSON", own: true},
		"failing":      {answer: answer{code: 500}, says: "(500)", own: true},
		"restarting":   {answer: answer{code: 503}, says: "(503)"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cl, _ := client(t, &stub{answers: map[string][]answer{latest7All: {c.answer}}}, func(o *Options) { o.API, o.AllObjects = runecast.V2, true })
			visits := 0
			err := cl.Results(t.Context(), []string{"7"}, func(e *runecast.Element) error {
				visits++
				var b strings.Builder
				_, err := e.WriteTo(&b)
				if (err == nil) != (c.says == "") {
					t.Errorf("WriteTo: %v", err)
				}
				if err == nil && (b.String() != c.answer.body || e.Scan != at7 || e.ID != "7") {
					t.Errorf("got %q, %+v", b.String(), e.Scan)
				}
				return nil
			})
			_, own := errors.AsType[*SystemError](err)
			if (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) || own != c.own || visits != c.visits {
				t.Errorf("%d visits, error %v; want %d, %q", visits, err, c.visits, c.says)
			}
		})
	}
}

func TestTriggerOfV2(t *testing.T) {
	t.Parallel()
	const v1Post = "POST /rc2/api/v1/scan/uid-7"
	list := ok(`{"ecosystems":[{"id":7,"viewName":"VC1.example"},{"id":8,"viewName":"other"}]}`)
	joined := ok(`{"vcenters":[{"uid":"uid-7","address":"vc1.EXAMPLE"},{"uid":"x","address":"y"},{"uid":null,"address":"other"}]}`)
	cases := map[string]struct {
		api      string
		path     string
		answers  map[string][]answer
		says     string
		class    fault.Class
		requests []string
	}{
		"v2":               {answers: map[string][]answer{post7: {{code: 202}}}, requests: []string{post7}},
		"runs already":     {answers: map[string][]answer{post7: {{code: 409}}}, requests: []string{post7}},
		"read-only token":  {answers: map[string][]answer{post7: {{code: 403}}}, class: fault.Auth, says: `mode "latest"`, requests: []string{post7}},
		"unknown to v2":    {answers: map[string][]answer{getVCenters: joined, getEcosystems: list, v1Post: {{code: 202}}}, requests: []string{post7, getVCenters, getEcosystems, v1Post}},
		"405":              {answers: map[string][]answer{post7: {{code: 405}}, getVCenters: joined, getEcosystems: list, v1Post: {{code: 202}}}, requests: []string{post7, getVCenters, getEcosystems, v1Post}},
		"v1 refuses":       {answers: map[string][]answer{getVCenters: joined, getEcosystems: list, v1Post: {{code: 403}}}, class: fault.Auth, says: "Admin", requests: []string{post7, getVCenters, getEcosystems, v1Post}},
		"not in v1":        {answers: map[string][]answer{getVCenters: ok(`{"vcenters":[]}`), getEcosystems: list}, class: fault.Config, says: `API v1 lists no vCenter of its name, or several): use the mode "latest"`, requests: []string{post7, getVCenters, getEcosystems}},
		"twice in v1":      {answers: map[string][]answer{getVCenters: ok(`{"vcenters":[{"uid":"a","address":"vc1.example"},{"uid":"b","address":"vc1.example"}]}`), getEcosystems: list}, class: fault.Config, says: "several", requests: []string{post7, getVCenters, getEcosystems}},
		"no v1":            {answers: map[string][]answer{getEcosystems: list}, class: fault.Config, says: `mode "latest"`, requests: []string{post7, getVCenters, getEcosystems}},
		"v1 is down":       {answers: map[string][]answer{getVCenters: {{code: 500}}}, class: fault.Retry, says: "(500)", requests: []string{post7, getVCenters}},
		"v2 only":          {api: runecast.V2, class: fault.Config, says: "RUNECAST_API=v2", requests: []string{post7}},
		"own path unknown": {path: "/own/{id}", class: fault.Config, says: "RUNECAST_SCAN_PATH", requests: []string{"POST /own/7"}},
		"busy, then taken": {answers: map[string][]answer{post7: {{code: 503, header: map[string]string{"Retry-After": "9"}}, {code: 429}, {code: 202}}}, requests: []string{post7, post7, post7}},
		"maybe taken":      {answers: map[string][]answer{post7: {{code: 502}, {code: 202}}}, class: fault.Retry, says: "(502)", requests: []string{post7}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &stub{answers: c.answers}
			cl, _ := client(t, s, func(o *Options) { o.API, o.ScanPath = firstOf(c.api, Auto), c.path })
			if _, err := cl.APIVersion(t.Context(), Past{Run: runecast.V2}); err != nil {
				t.Fatal(err)
			}
			err := cl.Trigger(t.Context(), "7")
			if (err != nil) != (c.class != "") || err != nil && (fault.ClassOf(err) != c.class || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("error %v, want %q (%s)", err, c.says, c.class)
			}
			requests, _ := s.requests()
			if d := cmp.Diff(c.requests, requests); d != "" {
				t.Error(d)
			}
		})
	}
}

// The uids of v1 are read once for all systems of a run.
func TestJoinIsKept(t *testing.T) {
	t.Parallel()
	s := &stub{answers: map[string][]answer{
		getVCenters: ok(`{"vcenters":[{"uid":"u","address":"a"}]}`), getEcosystems: ok(`{"ecosystems":[{"id":7,"viewName":"a"}]}`), "POST /rc2/api/v1/scan/u": {{code: 202}},
	}}
	c, _ := client(t, s, auto)
	if _, err := c.APIVersion(t.Context(), Past{Run: runecast.V2}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := c.Trigger(t.Context(), "7"); err != nil {
			t.Fatal(err)
		}
	}
	if requests, _ := s.requests(); len(requests) != 8 {
		t.Errorf("requests %v, want one reading of each list", requests)
	}
}

// After a refusal the token is read again, once per request, since it may have been
// rotated.
func TestRotatedToken(t *testing.T) {
	t.Parallel()
	unreadable := &fault.Error{Class: fault.Retry, What: "Secrets Manager did not answer"}
	tooSoon := &fault.Error{Class: fault.Retry, What: "it was read 3s ago"}
	cases := map[string]struct {
		next    string
		err     error
		admits  string
		says    string
		refresh int
	}{
		"rotated":        {next: "new", admits: "new", refresh: 1},
		"not rotated":    {next: "old", admits: "new", says: "the token was refused (401), and the secret holds no other token: create an API access token", refresh: 1},
		"new one is bad": {next: "new", admits: "newer", says: "the token was refused (401), the new one from the secret, too: create", refresh: 1},
		"no secret":      {err: unreadable, admits: "new", says: "the secret was not read again (Secrets Manager did not answer)", refresh: 1},
		"read just now":  {err: tooSoon, admits: "new", says: "the secret was not read again (it was read 3s ago): create", refresh: 1},
		"still good":     {next: "new", admits: "old"},
	}
	for name, c := range cases {
		for _, method := range []string{"GET", "POST"} {
			t.Run(name+" "+method, func(t *testing.T) {
				t.Parallel()
				door := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					switch {
					case r.Header.Get("Authorization") != c.admits:
						w.WriteHeader(http.StatusUnauthorized)
					case r.Method == http.MethodPost:
						w.WriteHeader(http.StatusAccepted)
					default:
						answer{code: 200, body: `{"results":[]}`}.write(w)
					}
				})
				h := &holder{token: "old", next: c.next, unread: c.err}
				cl := serve(t, door, func(o *Options) { o.Credentials = h })
				ask := func() error { return cl.Trigger(t.Context(), "a") }
				if method == "GET" {
					ask = func() error { _, err := cl.Statuses(t.Context(), nil); return err }
				}
				err := ask()
				if (err != nil) != (c.says != "") || err != nil && (!strings.Contains(err.Error(), c.says) || fault.ClassOf(err) != fault.Auth) {
					t.Errorf("error %v, want %q", err, c.says)
				}
				if h.refreshed != c.refresh {
					t.Errorf("the secret was read %d times, want %d", h.refreshed, c.refresh)
				}
				if err == nil && c.refresh > 0 { // and it stays in use
					if err := ask(); err != nil || h.refreshed != c.refresh {
						t.Errorf("the next request: %v after %d readings", err, h.refreshed)
					}
				}
			})
		}
	}
}
