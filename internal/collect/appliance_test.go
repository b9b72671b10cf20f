package collect

import (
	"bytes"
	"context"
	"crypto/sha256"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	client "runecast-ingest/internal/appliance"
	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/runecast"
	"runecast-ingest/internal/secret"
	"runecast-ingest/internal/simulate/appliance"
	"runecast-ingest/internal/simulate/pki"
	"runecast-ingest/internal/store"
)

var _ Store = (*store.Store)(nil)

// clock is a clock that only sleeping moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return ctx.Err()
}

// site is a simulated appliance behind TLS, and a collector with the real client.
type site struct {
	appliance *appliance.Appliance
	store     *memory
	collector *Collector
}

func newSite(t *testing.T, token string, trust func(ca string) string, intercept func(http.ResponseWriter, *http.Request) bool) *site {
	t.Helper()
	return newSiteOf(t, appliance.Options{Intercept: intercept}, token, client.Options{}, trust)
}

// newSiteOf makes a site with these options, and the usual values for the others.
func newSiteOf(t *testing.T, o appliance.Options, token string, c client.Options, trust func(ca string) string) *site {
	t.Helper()
	clock := &clock{now: time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)}
	o.Findings, o.ScanTime, o.Token, o.ReadOnlyToken, o.Now = 2000, 10*time.Minute, "admin", "reader", clock.Now
	app, err := appliance.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := pki.New()
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(app)
	if srv.TLS, err = ca.Server(); err != nil {
		t.Fatal(err)
	}
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	store := newMemory(&outside{})
	return &site{app, store, New(Options{
		Store: store, ApplianceURL: u.String(), ScanTimeout: time.Hour, PollInterval: 30 * time.Second,
		Log: slog.New(slog.DiscardHandler), Now: clock.Now, Sleep: clock.Sleep,
		Connect: func(context.Context) (Appliance, error) {
			return connect(u, c, constant{Token: secret.NewValue(token), CAPEM: trust(string(ca.PEM()))}, clock), nil
		},
	})}
}

func connect(u *url.URL, o client.Options, creds endpoint.Credentials, clock *clock) Appliance {
	o.Settings = endpoint.Settings{URL: u, Credentials: creds, Limits: endpoint.Options{AllowLoopback: true}, Sleep: clock.Sleep}
	o.Version = "test"
	return client.New(o)
}

func asIs(ca string) string { return ca }

// TestWithAppliance: what is archived of every system is what the appliance serves.
func TestWithAppliance(t *testing.T) {
	t.Parallel()
	s := newSite(t, "admin", asIs, nil)
	a, err := runAnswer(s.collector.Handle(t.Context(), []byte(nightly)))
	if err != nil {
		t.Fatal(err)
	}
	var doc bytes.Buffer
	if err := s.appliance.WriteResults(&doc); err != nil {
		t.Fatal(err)
	}
	served := map[string]string{}
	if err := runecast.ReadV1(&doc, nil, func(e *runecast.Element) error {
		var b strings.Builder
		_, err := e.WriteTo(&b)
		served[e.ID] = b.String()
		return err
	}); err != nil {
		t.Fatal(err)
	}
	systems := s.appliance.Systems()
	if a.State != archive.RunDone || a.Archived != len(systems) || len(served) != len(systems) {
		t.Errorf("%+v for %d systems, %d served", a, len(systems), len(served))
	}
	r := s.store.run(t, archive.RunKey(a.Run))
	raw := s.store.raw()
	for _, system := range systems {
		var got archive.RunSystem
		for _, rs := range r.Systems {
			if rs.ID == system.ID {
				got = rs
			}
		}
		if got.Name != system.Name || got.Type != system.Type {
			t.Errorf("%+v was taken for %s %s", system, got.Type, got.Name)
		}
		if !strings.HasSuffix(raw[got.RawKey], `,"result":`+served[system.ID]+`}`) {
			t.Errorf("%s: not what the appliance serves", system.Name)
		}
	}
}

// TestWithApplianceOfV2: the same with API v2, and with appliances that have parts of
// both versions. Some of the simulated systems show their analysis while it runs.
func TestWithApplianceOfV2(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		api      string
		all      bool // objects
		textIDs  bool
		archived func(appliance.System) bool
	}{
		"v2":          {api: appliance.APIv2},
		"all objects": {api: appliance.APIv2, all: true, textIDs: true},
		"both":        {api: appliance.APIBoth},
		"mixed":       {api: appliance.APIMixed, archived: func(s appliance.System) bool { return s.Type == runecast.TypeVCenter }},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSiteOf(t, appliance.Options{API: c.api, TextIDs: c.textIDs}, "admin", client.Options{AllObjects: c.all}, asIs)
			a, err := runAnswer(s.collector.Handle(t.Context(), []byte(nightly)))
			if err != nil {
				t.Fatal(err)
			}
			r, raw := s.store.run(t, archive.RunKey(a.Run)), s.store.raw()
			got := map[string]archive.RunSystem{}
			for _, rs := range r.Systems {
				got[rs.ID] = rs
			}
			for _, system := range s.appliance.Systems() {
				rs := got[system.V2ID]
				if rs.Name != system.ViewName || rs.Type != system.Type {
					t.Errorf("%+v was taken for %s %s", system, rs.Type, rs.Name)
				}
				if c.archived != nil && !c.archived(system) {
					if rs.State != archive.SystemFailed || !strings.Contains(rs.Reason, `mode "latest"`) {
						t.Errorf("%s: %s (%s), want it failed with the advice", rs.Name, rs.State, rs.Reason)
					}
					continue
				}
				var served bytes.Buffer
				if err := s.appliance.WriteScan(&served, system.V2ID, c.all); err != nil {
					t.Fatal(err)
				}
				_, result, _ := strings.Cut(raw[rs.RawKey], `,"result":`)
				if sha256.Sum256([]byte(result)) != sha256.Sum256(append(served.Bytes(), '}')) {
					t.Errorf("%s is %s (%s), and not what the appliance serves", rs.Name, rs.State, rs.Reason)
				}
			}
		})
	}
}

// TestBadInput checks the sentence that a person sees for each bad input.
func TestBadInput(t *testing.T) {
	t.Parallel()
	page := func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html>please log in</html>"))
		return true
	}
	login := func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, "/rc2/login", http.StatusFound)
		return true
	}
	cut := func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.RequestURI(), "/results") {
			return false
		}
		w.Header().Set("Content-Length", strconv.Itoa(1<<20))
		_, _ = w.Write([]byte(`{"results":[{"uid":"x"`))
		panic(http.ErrAbortHandler)
	}
	stranger, err := pki.New()
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		token     string
		trust     func(string) string
		intercept func(http.ResponseWriter, *http.Request) bool
		class     fault.Class
		says      string
	}{
		"wrong token":         {"wrong", asIs, nil, fault.Auth, "the token was refused (401)"},
		"unknown authority":   {"admin", func(string) string { return string(stranger.PEM()) }, nil, fault.Config, "ca_pem"},
		"no authority":        {"admin", func(string) string { return "" }, nil, fault.Config, "ca_pem"},
		"HTML":                {"admin", asIs, page, fault.Config, "HTML page instead of JSON"},
		"login redirect":      {"admin", asIs, login, fault.Config, "redirected to /rc2/login"},
		"download always cut": {"admin", asIs, cut, fault.Retry, "cut"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, c.token, c.trust, c.intercept)
			_, err := runAnswer(s.collector.Handle(t.Context(), []byte(nightly)))
			if err == nil || fault.ClassOf(err) != c.class || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "127.0.0.1") {
				t.Errorf("error %v (%s), want %q (%s)", err, fault.ClassOf(err), c.says, c.class)
			}
			if len(s.store.raw()) > 0 {
				t.Errorf("%d objects were archived", len(s.store.raw()))
			}
		})
	}
}

func TestReadOnlyToken(t *testing.T) {
	t.Parallel()
	s := newSite(t, "reader", asIs, nil)
	a, err := runAnswer(s.collector.Handle(t.Context(), []byte(nightly)))
	if err != nil {
		t.Fatal(err)
	}
	if a.State != archive.RunFailed || a.Failed != a.Systems || !strings.Contains(a.Failures[0].Reason, `mode "latest"`) {
		t.Errorf("analyze: %+v", a)
	}
	a, err = runAnswer(s.collector.Handle(t.Context(), []byte(`{"mode":"latest"}`)))
	if err != nil || a.State != archive.RunDone || a.Archived != a.Systems {
		t.Errorf("latest: %+v, %v", a, err)
	}
}
