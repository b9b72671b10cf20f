package collect

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	client "runecast-ingest/internal/appliance"
	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/runecast"
	"runecast-ingest/internal/secret"
)

const (
	// mixed is an appliance that reads by v2 and triggers by v1.
	mixed = "mixed"
	// both is an appliance that has all of v1 and of v2.
	both = "both"
)

// wire lets the real client talk to the box, in memory: each request is one
// call to the outside.
type wire struct {
	*box
	api string
	// set is RUNECAST_API; empty: auto.
	set string
	// intercept may answer instead of the box; it returns true if it has.
	intercept func(http.ResponseWriter, *http.Request) bool
	// cut is after how many bytes the body of an answer breaks; below 0: it does not.
	cut func(*http.Request) int
	// served counts the bytes of results.
	served int64
	// down is until when connections are refused.
	down time.Time
}

// newWire makes a world as newWorld does, with its machines behind an API.
func newWire(api string, ids ...string) *world {
	w := newWorld(ids...)
	w.wire = &wire{box: w.box, api: api}
	u, err := url.Parse("https://rc.example")
	if err != nil {
		panic(err)
	}
	w.options.Connect = func(context.Context) (Appliance, error) {
		return client.New(client.Options{
			Settings: endpoint.Settings{URL: u, Credentials: constant{Token: secret.NewValue("token")}, HTTP: func(secret.Credential) (*http.Client, error) {
				return &http.Client{Transport: w.wire, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
			}},
			Version: "test", API: cmp.Or(w.wire.set, client.Auto),
		}), w.connect
	}
	return w
}

// constant is a credential that is never rotated.
type constant secret.Credential

func (c constant) Get(context.Context) (secret.Credential, error) { return secret.Credential(c), nil }

func (c constant) Refresh(context.Context, secret.Credential) (secret.Credential, bool, error) {
	return secret.Credential(c), false, nil
}

func (w *wire) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	err = w.call(other, func() error {
		if time.Now().Before(w.down) {
			return syscall.ECONNREFUSED
		}
		rec := httptest.NewRecorder()
		if w.intercept == nil || !w.intercept(rec, r) {
			w.answer(rec, r)
		}
		resp = rec.Result()
		if w.cut != nil {
			if n := w.cut(r); n >= 0 {
				resp.Body = io.NopCloser(io.MultiReader(io.LimitReader(resp.Body, int64(n)), cutOff{}))
			}
		}
		return nil
	})
	return resp, err
}

type cutOff struct{}

func (cutOff) Read([]byte) (int, error) { return 0, syscall.ECONNRESET }

func ecosystemID(i int) string { return strconv.Itoa(2772 + i) }

func (w *wire) answer(rec http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settle()
	var list []string
	path, post := r.URL.Path, r.Method == http.MethodPost
	switch v1, read, v2 := w.api != runecast.V2, w.api == runecast.V1 || w.api == both, w.api != runecast.V1; {
	case v1 && path == "/rc2/api/v1/vcenters":
		for _, m := range w.present() {
			list = append(list, fmt.Sprintf(`{"uid":%q,"address":%q}`, m.id, strings.ToUpper(m.name)))
		}
		fmt.Fprintf(rec, `{"vcenters":[%s]}`, strings.Join(list, ","))
	case v1 && post && strings.HasPrefix(path, "/rc2/api/v1/scan/"):
		w.post(rec, func(i int, m *machine) bool { return "/rc2/api/v1/scan/"+m.id == path })
	case read && path == "/rc2/api/v1/results":
		detected := r.URL.RawQuery != ""
		if detected {
			w.polls++
		} else {
			w.gets++
		}
		for _, m := range w.present() {
			if m.scan == (runecast.Scan{}) {
				continue
			}
			shown := *m
			if detected {
				shown.issues = cmp.Or(m.detected, m.issues)
			}
			list = append(list, w.element(&shown))
		}
		n, _ := fmt.Fprintf(rec, `{"results":[%s]}`, strings.Join(list, ","))
		w.served += int64(n)
	case read && path == "/rc2/api/v1/issues":
		fmt.Fprint(rec, `{"issues":[]}`)
	case v2 && path == "/rca/api/v2/rca-instances/1/ecosystems":
		for i, m := range w.machines {
			if !m.gone {
				list = append(list, fmt.Sprintf(`{"id":%s,"viewName":%q}`, ecosystemID(i), m.name))
			}
		}
		fmt.Fprintf(rec, `{"ecosystems":[%s]}`, strings.Join(list, ","))
	case v2 && !post && strings.HasSuffix(path, "/config-scans/latest"):
		for i, m := range w.machines {
			if strings.HasPrefix(path, "/rca/api/v2/ecosystems/"+ecosystemID(i)+"/") && !m.gone && m.scan != (runecast.Scan{}) {
				fmt.Fprint(rec, w.latest(m))
				return
			}
		}
		http.NotFound(rec, r)
	case (w.api == runecast.V2 || w.api == both) && post:
		w.post(rec, func(i int, _ *machine) bool { return "/rca/api/v2/ecosystems/"+ecosystemID(i)+"/config-scans" == path })
	case w.api == mixed && post:
		rec.WriteHeader(http.StatusMethodNotAllowed)
	default:
		http.NotFound(rec, r)
	}
}

func (b *box) present() (list []*machine) {
	for _, m := range b.machines {
		if !m.gone {
			list = append(list, m)
		}
	}
	return list
}

func (w *wire) post(rec http.ResponseWriter, meant func(int, *machine) bool) {
	for i, m := range w.machines {
		if !meant(i, m) || m.gone {
			continue
		}
		m.posts++
		if m.due.IsZero() {
			rec.WriteHeader(http.StatusAccepted)
		} else {
			rec.WriteHeader(http.StatusConflict)
		}
		m.start()
		return
	}
	rec.WriteHeader(http.StatusNotFound)
}

// latest is a machine's document of v2.
func (b *box) latest(m *machine) string {
	issues, at := m.issues, m.scan.Timestamp
	if m.ends != "" { // an analysis that failed is no result
		at = before
	}
	if m.grows > 0 {
		n := m.grows
		if !m.begun.IsZero() {
			at = m.begun.Add(b.skew).UTC().Format(time.RFC3339Nano)
		}
		if !m.due.IsZero() && time.Now().Before(m.due) {
			n = int(time.Since(m.begun) * time.Duration(m.grows) / m.takes)
		}
		issues = "[" + strings.TrimSuffix(strings.Repeat(`{"status":"PASS","issue":{"type":"CIS"}},`, n), ",") + "]"
	}
	created, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf(` { "configScanResultSummary":{"foundLowIssuesCount":1},"n":1e400,"n":"\u00e9 é 值", "scannedIssues":%s,"createdTs":%d }`+"\n", issues, created.UnixMilli())
}

func TestWholeRun(t *testing.T) {
	t.Parallel()
	for _, api := range []string{runecast.V1, runecast.V2, mixed} {
		t.Run(api, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWire(api, "a", "b", "c")
				a := w.must(t, nightly)
				checkArchived(t, w)
				want := runecast.V2
				if api == runecast.V1 {
					want = api
				}
				for key, body := range w.store.raw() {
					if !strings.Contains(body, `"api":"`+want+`"`) {
						t.Errorf("%s of %s: %s", key, a.Run, body)
					}
				}
			})
		})
	}
}

// TestEveryAccidentOnTheWire is TestEveryAccident with the real client: each
// single request and each state write ends in each way that it can.
func TestEveryAccidentOnTheWire(t *testing.T) {
	t.Parallel()
	newRun := func(api string) *world {
		w := newWire(api, "a", "b", "c")
		w.options.PollInterval = 2 * time.Minute
		return w
	}
	for _, api := range []string{runecast.V1, runecast.V2, mixed} {
		calls := 0
		synctest.Test(t, func(t *testing.T) {
			w := newRun(api)
			w.must(t, nightly)
			w.ticks(t, 1)
			checkArchived(t, w)
			calls = w.calls
		})
		if calls < 25 {
			t.Fatalf("%s: only %d calls: the scenario is too small", api, calls)
		}
		for _, kind := range accidents() {
			t.Run(fmt.Sprintf("%s/%s", api, kind), func(t *testing.T) {
				t.Parallel()
				for at := 1; at <= calls; at++ {
					synctest.Test(t, func(t *testing.T) {
						newRun(api).survives(t, at, kind, 20)
					})
				}
			})
		}
	}
}

// A run goes on with the version of the API that it began with, even if the
// appliance learns another meanwhile.
func TestAPIVersionOfARun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWire(mixed, "a")
		w.machine("a").takes = 20 * time.Minute
		if a := w.must(t, nightly); a.State != archive.RunRunning {
			t.Fatalf("%+v", a)
		}
		probes := 0
		w.wire.intercept = func(_ http.ResponseWriter, r *http.Request) bool {
			probes += strings.Count(r.URL.Path, "rca-instances/1")
			return false
		}
		w.ticks(t, 5)
		checkArchived(t, w)
		if probes > 0 {
			t.Errorf("%d lists were read to find the version out again", probes)
		}
	})
}

// Results of v2 that grow while the analysis runs, slower than they are looked
// at, are not taken for whole.
func TestGrowingResults(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		takes  time.Duration
		before int // checks of the analysis before; 0: never analysed
		least  time.Duration
		most   time.Duration
	}{
		"fast":                 {5 * time.Minute, 40, 5 * time.Minute, 7 * time.Minute},
		"slower than polls":    {3 * time.Hour, 40, 3 * time.Hour, 3*time.Hour + 10*time.Minute},
		"first analysis":       {time.Hour, 0, time.Hour + 9*time.Minute, time.Hour + 20*time.Minute},
		"some checks are gone": {time.Hour, 100, time.Hour + 9*time.Minute, time.Hour + 20*time.Minute},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWire(runecast.V2, "a")
				m := w.machine("a")
				m.takes, m.grows = c.takes, c.before
				if c.before == 0 {
					m.scan, m.grows = runecast.Scan{}, 0
				}
				begin := time.Now()
				w.wire.intercept = func(_ http.ResponseWriter, r *http.Request) bool {
					if r.Method == http.MethodPost {
						m.grows, m.scan.Timestamp, m.scan.Status = 40, begin.Format(time.RFC3339Nano), "shown"
					}
					return false
				}
				var archived time.Time
				for archived.IsZero() && time.Since(begin) < 6*time.Hour {
					_ = w.must(t, nightly)
					if len(w.store.raw()) > 0 {
						archived = time.Now()
					}
					pass(time.Second)
				}
				if took := archived.Sub(begin); took < c.least || took > c.most {
					t.Errorf("archived after %s, want %s to %s", took, c.least, c.most)
				}
				w.ticks(t, 3)
				checkArchived(t, w)
			})
		})
	}
}

// TestEveryAccidentOfPasses is TestEveryAccidentOnTheWire with looks that read so much
// that a look is a download at the same time (lookAndDownload). Half of the systems have
// the status of their scan at the end of their results, which is too late for that.
func TestEveryAccidentOfPasses(t *testing.T) {
	t.Parallel()
	newRun := func() *world {
		w := newWire(runecast.V1, "a", "b", "c")
		w.options.LookBytes = 1
		w.options.PollInterval = 2 * time.Minute
		w.machine("c").takes = 40 * time.Minute
		w.machine("b").issues = `[{"id":"1","type":"CIS","status":"PASS","title":"` + strings.Repeat("x", 540<<10) + `"}]`
		return w
	}
	calls, stride := 0, 1
	if underRace {
		stride = 5
	}
	synctest.Test(t, func(t *testing.T) {
		w := newRun()
		w.must(t, nightly)
		w.ticks(t, 30)
		checkArchived(t, w)
		calls = w.calls
		if w.box.gets != 3 || w.box.polls != 1 { // of a, of b, which is late, and of c; the list of systems is a look
			t.Errorf("%d downloads, %d looks", w.box.gets, w.box.polls)
		}
	})
	for _, kind := range accidents() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			for at := 1; at <= calls; at += stride {
				synctest.Test(t, func(t *testing.T) {
					newRun().survives(t, at, kind, 60)
				})
			}
		})
	}
}
