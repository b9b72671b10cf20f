package collect

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/runecast"
)

// refuse answers as Spring does, on which the appliance is likely built.
func refuse(w http.ResponseWriter, code int, message string) bool {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(code)
	_, _ = fmt.Fprintf(w, `{"timestamp":1,"status":%d,"message":%q,"path":"/rc2"}`, code, message)
	return true
}

// trouble is one row of the matrix: what happens, and what a person reads.
type trouble struct {
	// happens prepares the trouble; the second machine is the odd one.
	happens func(w *world, odd *machine)
	// reads is the error of an invocation, else the odd system's reason: the whole text,
	// for each version of the API where they differ. Empty: a person reads nothing.
	reads map[string]string
	class fault.Class // of an error; empty: a reason
	posts int         // triggers of the odd system
}

// perAPI has the texts that a person reads with API v1, and with v2.
func perAPI(v1, v2 string) map[string]string {
	return map[string]string{runecast.V1: v1, runecast.V2: v2, mixed: v2}
}

// all returns one text for both versions of the API.
func all(text string) map[string]string { return perAPI(text, text) }

const day = 24 * time.Hour

var matrix = map[string]trouble{
	"read-only token": {func(w *world, _ *machine) {
		w.wire.intercept = func(rec http.ResponseWriter, r *http.Request) bool {
			return r.Method == http.MethodPost && refuse(rec, http.StatusForbidden, "Access is denied")
		}
	}, all(`start analysis: rc.example: the token's user may not start an analysis (403) (Access is denied): store the token of an Admin user in the secret, or use the mode "latest", which needs no right to scan`), "", 0},
	"expired token": {func(w *world, _ *machine) {
		began := time.Now()
		w.wire.intercept = func(rec http.ResponseWriter, _ *http.Request) bool {
			return time.Since(began) > 30*time.Second && refuse(rec, http.StatusUnauthorized, "Bad credentials")
		}
	}, all(`run 20261122T020000Z-f850 is not finished and goes on with the next tick: read scan statuses: rc.example: the token was refused (401), and the secret holds no other token (Bad credentials): create an API access token in the appliance (Settings > API Access tokens) and store it in the secret`), fault.Auth, 1},
	"login redirect": {func(w *world, _ *machine) {
		w.wire.intercept = func(rec http.ResponseWriter, r *http.Request) bool {
			http.Redirect(rec, r, "/rc2/login?session=hush", http.StatusFound)
			return true
		}
	}, all(`list systems: rc.example: GET /rc2/api/v1/vcenters was redirected to /rc2/login (302): check RUNECAST_URL: the appliance's own address, https, nothing in between that asks for a login; a redirect to a login page also means that the token is not valid`), fault.Config, 0},
	"HTML with 200": {func(w *world, _ *machine) {
		w.wire.intercept = func(rec http.ResponseWriter, _ *http.Request) bool {
			rec.Header().Set("Content-Type", "text/html;charset=UTF-8")
			_, _ = rec.Write([]byte("<html>please log in"))
			return true
		}
	}, all(`list systems: rc.example: the answer is an HTML page instead of JSON: check RUNECAST_URL: the appliance's own address, https, nothing in between that asks for a login; a login page also means that the token is not valid`), fault.Config, 0},
	"409 on the trigger": {func(_ *world, m *machine) { m.start() }, nil, "", 1},
	"analysis never ends": {func(_ *world, m *machine) { m.takes = 100 * day }, perAPI(
		`not finished within SCAN_TIMEOUT (5h0m0s); last seen: the appliance still shows the analysis of before (FINISHED_SUCCESSFULLY 2026-11-21T02:00:00Z)`,
		`not finished within SCAN_TIMEOUT (5h0m0s); last seen: the appliance still shows the analysis of before (2026-11-21T02:00:00Z)`), "", 1},
	"analysis fails": {func(_ *world, m *machine) { m.ends = "FINISHED_WITH_ERROR" }, perAPI(
		`the analysis ended with the status "FINISHED_WITH_ERROR": look at the system in the appliance`,
		`not finished within SCAN_TIMEOUT (5h0m0s); last seen: the appliance still shows the analysis of before (2026-11-21T02:00:00Z)`), "", 1},
	"removed meanwhile":    {func(w *world, m *machine) { m.takes = time.Hour; goneAfter(w, m, 2*time.Minute) }, all(`the appliance lists it no more: connect it again, or leave it out of the run`), "", 1},
	"restart of appliance": {func(w *world, m *machine) { m.takes = 3 * time.Minute; restarts(w) }, nil, "", 1},
	"body always cut": {func(w *world, _ *machine) { w.wire.cut = cutDownloads(w) }, perAPI(
		`run 20261122T020000Z-f850 is not finished and goes on with the next tick: download results: rc.example: the connection was cut (connection reset by peer): look whether the server or something between was restarted`,
		`not finished within SCAN_TIMEOUT (5h0m0s); last seen: rc.example: the connection was cut (connection reset by peer): look whether the server or something between was restarted`), fault.Retry, 1},
	"appliance a day ahead": {func(w *world, m *machine) {
		w.box.skew = day
		m.scan.Timestamp = time.Now().Add(day - time.Hour).UTC().Format(time.RFC3339Nano)
	}, nil, "", 1},
	"appliance a day behind": {func(w *world, m *machine) {
		w.box.skew = -day
		m.scan.Timestamp = time.Now().Add(-day - time.Hour).UTC().Format(time.RFC3339Nano)
	}, nil, "", 1},
	"clock set back a day": {func(w *world, m *machine) {
		w.box.skew = -day
		m.scan.Timestamp = time.Now().Add(-time.Hour).UTC().Format(time.RFC3339Nano)
	}, nil, "", 1},
	"nothing any more": {func(w *world, m *machine) {
		w.wire.intercept = func(_ http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPost {
				m.issues = "[]"
			}
			return false
		}
	}, perAPI(
		`its results hold no rule at all: enable security profiles for it, and look at its connection in the appliance`,
		`not finished within SCAN_TIMEOUT (5h0m0s); last seen: the appliance shows an analysis without any rule, and there were some before`), "", 1},
	"broken for it alone": {func(w *world, m *machine) {
		w.wire.intercept = func(rec http.ResponseWriter, r *http.Request) bool {
			return strings.Contains(r.URL.Path, "ecosystems/2773/config-scans/latest") && !m.begun.IsZero() && refuse(rec, http.StatusInternalServerError, "NullPointerException")
		}
	}, perAPI("",
		`not finished within SCAN_TIMEOUT (5h0m0s); last seen: rc.example: GET /rca/api/v2/ecosystems/2773/config-scans/latest?includeAllAnalyzedObjects=false failed on the appliance (500) (NullPointerException): wait: the appliance may be restarting or updating itself; if it lasts, look at its system status`), "", 1},
}

func goneAfter(w *world, m *machine, after time.Duration) {
	began := time.Now()
	w.wire.intercept = func(http.ResponseWriter, *http.Request) bool {
		m.gone = time.Since(began) > after
		return false
	}
}

// restarts cuts the first download, then refuses connections for a minute.
func restarts(w *world) {
	done := false
	w.wire.cut = func(r *http.Request) int {
		if done || !download(w, r) {
			return -1
		}
		done, w.wire.down = true, time.Now().Add(time.Minute)
		return 100
	}
}

func cutDownloads(w *world) func(*http.Request) int {
	return func(r *http.Request) int {
		if download(w, r) {
			return 100
		}
		return -1
	}
}

// download distinguishes a download from a look: in v2 only by what was seen before.
func download(w *world, r *http.Request) bool {
	if w.wire.api == runecast.V1 {
		return r.URL.Path == "/rc2/api/v1/results" && r.URL.RawQuery == ""
	}
	odd := w.machine("odd")
	return strings.Contains(r.URL.Path, "ecosystems/2773/config-scans/latest") && !odd.begun.IsZero() && odd.due.IsZero()
}

// TestMatrix: whatever happens to the odd system, the other one is archived if the
// appliance can be read at all. The odd one is archived whole, or not at all with a
// sentence that says why.
func TestMatrix(t *testing.T) {
	t.Parallel()
	for name, row := range matrix {
		for _, api := range []string{runecast.V1, runecast.V2, mixed} {
			t.Run(name+"/"+api, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					w := newWire(api, "healthy", "odd")
					odd := w.machine("odd")
					row.happens(w, odd)
					_, err := w.handle(t, nightly)
					for i := 0; err == nil && i < 100; i++ {
						var a payload.RunAnswer
						if a, err = w.handle(t, `{"action":"tick"}`); a.State == archive.RunIdle {
							break
						}
						pass(5 * time.Minute)
					}
					w.checkRow(t, row, row.reads[api], err)
				})
			})
		}
	}
}

func (w *world) checkRow(t *testing.T, row trouble, want string, err error) {
	t.Helper()
	if odd := w.machine("odd"); odd.posts != row.posts {
		t.Errorf("%d triggers, want %d", odd.posts, row.posts)
	}
	if row.class != "" && w.wire.api != runecast.V1 && row.class == fault.Retry { // of one system alone there
		row.class = ""
	}
	if row.class != "" {
		if err == nil || err.Error() != want || fault.ClassOf(err) != row.class {
			t.Errorf("error %v (%s)\nwant  %s (%s)", err, fault.ClassOf(err), want, row.class)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	systems := w.store.run(t, archive.ActiveRunKey).Systems
	healthy, odd := systems[0], systems[1]
	if archived := odd.State == archive.SystemArchived; odd.Reason != want || archived != (want == "") || archived != (odd.RawKey != "") {
		t.Errorf("%s: %s\nwant %s", odd.State, odd.Reason, want)
	}
	if row.posts > 0 && healthy.State != archive.SystemArchived {
		t.Errorf("the healthy system: %+v", healthy)
	}
	for _, s := range systems {
		if s.RawKey == "" {
			continue
		}
		served := strings.TrimSpace(w.box.element(w.machine(s.ID)))
		if w.wire.api != runecast.V1 {
			served = w.box.latest(w.machine(s.ID))
		}
		if body := w.store.raw()[s.RawKey]; !strings.HasSuffix(body, `,"result":`+served+`}`) || s.SHA256 != describe("", body).SHA256 {
			t.Errorf("%s: the object is not what the appliance served:\n%s\n%s", s.ID, body, served)
		}
	}
}

// TestMatrixOfStarts checks what a person reads if two starts meet, and if a write of the
// state was applied but its answer was lost.
func TestMatrixOfStarts(t *testing.T) {
	t.Parallel()
	for _, api := range []string{runecast.V1, runecast.V2, mixed} {
		t.Run(api, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWire(api, "a")
				w.machine("a").takes = 20 * time.Minute
				answers := make(chan payload.RunAnswer)
				go func() {
					pass(time.Minute)
					a, err := w.handle(t, `{}`) // another start
					if err != nil {
						t.Error(err)
					}
					answers <- a
					if a, err = w.handle(t, nightly); err != nil { // the same event again
						t.Error(err)
					}
					answers <- a
				}()
				first := make(chan payload.RunAnswer)
				go func() {
					a, err := w.handle(t, nightly)
					if err != nil {
						t.Error(err)
					}
					first <- a
				}()
				run := "20261122T020000Z-f850"
				if a := <-answers; a.Run != run || a.Next != `not started: run `+run+` is still active, until 2026-11-22T07:00:00Z at the latest; {"action":"cancel"} ends it` {
					t.Errorf("another start: %+v", a)
				}
				if a := <-answers; a.Run != run || a.Next != `wait: another invocation works on it, at the longest until 2026-11-22T02:16:00Z` {
					t.Errorf("the same start again: %+v", a)
				}
				if a := <-first; a.Run != run || a.State != archive.RunRunning {
					t.Errorf("the first: %+v", a)
				}
				w.ticks(t, 5)
				if a := w.must(t, nightly); a.Run != run || a.Archived != 1 || !strings.HasPrefix(a.Next, "nothing to do: the forwarder delivers what was archived; see raw/") {
					t.Errorf("the same start after the end: %+v", a)
				}
				checkArchived(t, w)
			})
			synctest.Test(t, func(t *testing.T) {
				for at := 1; ; at++ {
					w := newWire(api, "a")
					w.at, w.accident = at, lostRead
					_, err := w.handle(t, nightly)
					if w.hit != write {
						continue
					}
					if err == nil || !strings.HasPrefix(err.Error(), "save the run: ") || w.machine("a").posts > 0 {
						t.Errorf("error %v after %d triggers, want the doubtful write and no more", err, w.machine("a").posts)
					}
					pass(20 * time.Minute) // its lease
					w.ticks(t, 5)
					checkArchived(t, w)
					return
				}
			})
		})
	}
}
