package endpoint

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/secret"
)

// holder holds a credential, and the credential that Refresh returns.
type holder struct {
	cred      secret.Credential
	next      string // the token that the secret holds now
	unread    error  // why a refresh does not read it
	missing   error  // why there is no credential
	refreshed int
}

func (h *holder) Get(context.Context) (secret.Credential, error) { return h.cred, h.missing }

func (h *holder) Refresh(_ context.Context, used secret.Credential) (secret.Credential, bool, error) {
	h.refreshed++
	if h.unread != nil {
		return h.cred, false, h.unread
	}
	h.cred.Token = secret.NewValue(h.next)
	return h.cred, h.cred.Token != used.Token, nil
}

// door is a server that accepts one Authorization header, and keeps those that it got.
type door struct {
	admits string
	status int // of whom it admits
	header http.Header
	seen   []string
	bodies []string
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	d.header = r.Header
	d.seen, d.bodies = append(d.seen, r.Header.Get("Authorization")), append(d.bodies, string(text))
	if r.Header.Get("Authorization") != d.admits {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	w.WriteHeader(d.status)
	_, _ = io.WriteString(w, "inside "+r.URL.RequestURI())
}

func service(t *testing.T, h http.Handler, creds Credentials, change func(*Settings)) *Service {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL + "/e/abc")
	if err != nil {
		t.Fatal(err)
	}
	o := Settings{
		URL: u, Credentials: creds, UserAgent: "ours/1", Limits: Options{AllowLoopback: true},
		Scheme: func(token secret.Value) string {
			return map[bool]string{true: "New", false: "Old"}[token.HasPrefix("n")]
		},
	}
	if change != nil {
		change(&o)
	}
	s := New(o)
	t.Cleanup(s.HangUp)
	return s
}

// After a refused token the secret is read again once, and the error says of the secret
// only what was read.
func TestRefusedToken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		holder    holder
		seen      []string
		status    int
		refreshed int
		says      string // of the refusal
	}{
		"admitted":       {holder{next: "new"}, []string{"Old old"}, 200, 0, ""},
		"rotated":        {holder{next: "new2"}, []string{"Old old", "New new2"}, 200, 1, ""},
		"not rotated":    {holder{next: "old"}, []string{"Old old"}, 401, 1, "no, and the secret holds no other token (because): mend it"},
		"new one is bad": {holder{next: "new9"}, []string{"Old old", "New new9"}, 401, 1, "no, the new one from the secret, too (because): mend it"},
		"not read":       {holder{unread: errors.New("down")}, []string{"Old old"}, 401, 1, "no, and the secret was not read again (down): mend it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &door{admits: "New new2", status: http.StatusOK}
			if name == "admitted" {
				d.admits = "Old old"
			}
			h := &c.holder
			h.cred = secret.Credential{Token: secret.NewValue("old"), SecretID: "s"}
			a, err := service(t, d, h, nil).Do(t.Context(), Request{Method: http.MethodPost, Path: "/x?y=1", Body: func(secret.Value) []byte { return []byte("text") }, Accept: "application/json"})
			if err != nil {
				t.Fatal(err)
			}
			got, _ := io.ReadAll(a)
			refusal := a.Refused(fault.Error{What: "no", Cure: "mend it", Err: errors.New("because")})
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.seen, d.seen); diff != "" || a.Status != c.status || h.refreshed != c.refreshed || a.Requests != len(c.seen) {
				t.Errorf("status %d after %d requests and %d refreshes: %s", a.Status, a.Requests, h.refreshed, diff)
			}
			for _, body := range d.bodies {
				if body != "text" {
					t.Errorf("the body was %q", body)
				}
			}
			if c.status == http.StatusOK && string(got) != "inside /e/abc/x?y=1" {
				t.Errorf("the answer is %q", got)
			}
			if c.says != "" && (!strings.HasSuffix(refusal.Error(), c.says) || !strings.HasPrefix(refusal.Error(), a.Host()+": ") || StatusOf(refusal) != 401 || fault.ClassOf(refusal) != fault.Auth) {
				t.Errorf("%v (%s), want %q", refusal, fault.ClassOf(refusal), c.says)
			}
			for name, want := range map[string]string{"User-Agent": "ours/1", "Accept": "application/json", "Content-Type": "application/json", "Idempotency-Key": "", "X-Idempotency-Key": ""} {
				if got := d.header.Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
}

// No request begins after Stop, also not the one with the new token.
func TestTooLateToBegin(t *testing.T) {
	t.Parallel()
	stop := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		clock []time.Duration // after stop, one look after the other
		seen  int
	}{
		"at once":             {[]time.Duration{0}, 0},
		"after the refusal":   {[]time.Duration{-time.Second, -time.Second, 0}, 1},
		"there is time":       {[]time.Duration{-time.Second}, 2},
		"no stop, always now": {nil, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &door{admits: "New new", status: http.StatusOK}
			looks := 0
			s := service(t, d, &holder{cred: secret.Credential{Token: secret.NewValue("old")}, next: "new"}, func(o *Settings) {
				o.Now = func() time.Time {
					if c.clock == nil {
						return stop.Add(time.Hour)
					}
					looks++
					return stop.Add(c.clock[min(looks, len(c.clock))-1])
				}
			})
			req := Request{Method: http.MethodGet, Stop: stop}
			if c.clock == nil {
				req.Stop = time.Time{}
			}
			a, err := s.Do(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			if late := c.seen < 2; a.Late != late || len(d.seen) != c.seen || a.Requests != c.seen || errors.Is(a.Err, context.DeadlineExceeded) != late {
				t.Errorf("late %v after %d requests of %d: %v", a.Late, a.Requests, len(d.seen), a.Err)
			}
		})
	}
}

// A new client is made when the secret names another authority or key, and only then.
func TestTrustFollowsTheSecret(t *testing.T) {
	t.Parallel()
	var built []string
	h := &holder{cred: secret.Credential{Token: secret.NewValue("a")}}
	d := &door{admits: "Old a", status: http.StatusNoContent}
	s := service(t, d, h, func(o *Settings) {
		o.HTTP = func(c secret.Credential) (*http.Client, error) {
			built = append(built, c.CAPEM+"/"+c.SPKISHA256)
			if c.CAPEM == "bad" {
				return nil, errors.New("no certificate")
			}
			return &http.Client{Transport: &http.Transport{}}, nil
		}
	})
	for _, trust := range []string{"", "", "ca", "ca", "bad", "ca"} {
		h.cred.CAPEM = trust
		a, err := s.Do(t.Context(), Request{Method: http.MethodGet})
		if (err != nil) != (trust == "bad") {
			t.Fatal(err)
		}
		if err == nil {
			_ = a.Close()
		}
	}
	h.cred.SPKISHA256 = "pin"
	if a, err := s.Do(t.Context(), Request{Method: http.MethodGet}); err != nil || a.Close() != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/", "ca/", "bad/", "ca/pin"}, built); diff != "" || len(d.seen) != 6 {
		t.Errorf("%d requests, built: %s", len(d.seen), diff)
	}
}

func TestNothingIsAskedWithoutACredential(t *testing.T) {
	t.Parallel()
	d, missing := &door{}, errors.New("missing")
	for name, c := range map[string]struct {
		creds holder
		path  string
		want  error
	}{
		"no secret": {holder{missing: missing}, "", missing},
		"bad path":  {holder{}, "/%zz", nil},
	} {
		a, err := service(t, d, &c.creds, nil).Do(t.Context(), Request{Method: http.MethodGet, Path: c.path})
		if a != nil || err == nil || c.want != nil && !errors.Is(err, c.want) || c.want == nil && fault.ClassOf(err) != fault.Config || len(d.seen) > 0 {
			t.Errorf("%s: %v, %v", name, a, err)
		}
	}
}

func TestClassOfAnAnswer(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]fault.Class{
		302: fault.Config, 400: fault.Reject, 401: fault.Auth, 403: fault.Auth, 404: fault.Config, 405: fault.Config,
		408: fault.Retry, 413: fault.Reject, 415: fault.Config, 429: fault.Retry, 500: fault.Retry, 503: fault.Retry,
	} {
		err := (&Answer{Status: status, host: "h"}).Refused(fault.Error{What: "no"})
		if fault.ClassOf(err) != want || StatusOf(err) != status {
			t.Errorf("%d: %s, want %s", status, fault.ClassOf(err), want)
		}
	}
	if err := (&Answer{Status: 404}).Refused(fault.Error{Class: fault.Reject, What: "no"}); fault.ClassOf(err) != fault.Reject {
		t.Errorf("its own class was lost: %v", err)
	}
	if StatusOf(errors.New("other")) != 0 {
		t.Error("any error has a status")
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	a := &Answer{cred: secret.Credential{Token: secret.NewValue("hush")}}
	for text, c := range map[string]struct {
		most int
		want string
	}{
		"":                {13, ""},
		" no\nway\x00 ":   {13, "no way"},
		"hush: hush!":     {100, "[redacted]: [redacted]!"},
		"12345678hush":    {10, "12345678[r…"},
		"abcdefghijklmno": {13, "abcdefghijklm…"},
		"0123456789abä":   {13, "0123456789ab…"},
	} {
		if got := a.Quote(text, c.most); got != c.want {
			t.Errorf("Quote(%q, %d) = %q, want %q", text, c.most, got, c.want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "-5": 0, "0": 0, "soon": 0, "1.5": 0, "99999999": maxRetryAfter, "99999999999999999999": 0,
		"Sun, 22 Nov 2026 03:00:09 GMT": 9 * time.Second, "Sun, 22 Nov 2026 02:00:00 GMT": 0, "Mon, 22 Nov 2027 03:00:09 GMT": maxRetryAfter,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}

func TestWaits(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	var slept []time.Duration
	s := New(Settings{
		URL: &url.URL{}, Now: func() time.Time { return now }, Jitter: func() float64 { return 0.5 },
		Sleep: func(_ context.Context, d time.Duration) error {
			slept, now = append(slept, d), now.Add(d)
			return nil
		},
	})
	w := s.Waits(Backoff{First: time.Second, Most: 3 * time.Second, Stop: now.Add(13500 * time.Millisecond)})
	for i, asked := range []time.Duration{0, 0, 9 * time.Second, 0, 0} {
		if more := w.Next(t.Context(), asked); more != (i < 4) {
			t.Errorf("wait %d: %v", i, more)
		}
	}
	if diff := cmp.Diff([]time.Duration{time.Second / 2, time.Second, 9 * time.Second, 1500 * time.Millisecond}, slept[:4]); diff != "" {
		t.Error(diff)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("why")
	cancel(why)
	if err := Sleep(ctx, time.Hour); !errors.Is(err, why) {
		t.Errorf("Sleep: %v", err)
	}
	if New(Settings{URL: &url.URL{}}).Waits(Backoff{First: time.Hour, Most: time.Hour}).Next(ctx, time.Hour) {
		t.Error("it waited although the context had ended")
	}
}
