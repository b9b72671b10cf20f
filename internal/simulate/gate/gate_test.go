package gate_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/simulate/gate"
)

// Whether the service behind the gate sees the request, and whether the program gets
// the answer, depends on the point and on whether the program lives on.
func TestPoints(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		at       gate.Point
		alive    bool
		atAct    string // the requests that the service had seen when the gate acted
		behind   string // the requests that the service saw in the end
		answered string // the requests to which the program got an answer
		met      string
	}{
		"never":            {gate.Point{}, true, "", "abc", "abc", ""},
		"killed before":    {gate.Point{N: 2}, false, "a", "ac", "ac", "door POST /b"},
		"killed after":     {gate.Point{N: 2, After: true}, false, "ab", "abc", "ac", "door POST /b"},
		"frozen before":    {gate.Point{N: 2}, true, "a", "abc", "abc", "door POST /b"},
		"frozen after":     {gate.Point{N: 2, After: true}, true, "ab", "abc", "abc", "door POST /b"},
		"of some requests": {gate.Point{N: 1, Of: "/c"}, false, "ab", "ab", "ab", "door POST /c"},
		"not so far":       {gate.Point{N: 2, Of: "/c"}, false, "", "abc", "abc", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex // a handler that was aborted and the next one are not ordered for the race detector
			var behind, atAct, answered string
			g := gate.New(func() bool {
				mu.Lock()
				defer mu.Unlock()
				atAct = behind
				return c.alive
			})
			g.Set(c.at)
			server := httptest.NewServer(g.Guard("door", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				behind += r.URL.Path[1:]
				w.Header().Set("X-Seen", behind)
				w.WriteHeader(http.StatusAccepted)
				_, _ = io.WriteString(w, r.URL.Path)
			})))
			t.Cleanup(server.Close)
			for _, path := range []string{"/a", "/b", "/c"} {
				res, err := server.Client().Post(server.URL+path, "", http.NoBody) // which net/http does not repeat
				if err != nil {
					continue
				}
				body, err := io.ReadAll(res.Body)
				if err != nil || string(body) != path || res.StatusCode != http.StatusAccepted || !strings.HasSuffix(res.Header.Get("X-Seen"), path[1:]) {
					t.Errorf("%s: %d %q %v %v", path, res.StatusCode, body, res.Header, err)
				}
				answered += path[1:]
			}
			server.Close() // waits for the handlers
			if d := cmp.Diff([]string{c.atAct, c.behind, c.answered, c.met}, []string{atAct, behind, answered, g.Met()}); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestSetCountsAnew(t *testing.T) {
	t.Parallel()
	acted := 0
	g := gate.New(func() bool { acted++; return true })
	h := g.Guard("door", http.NotFoundHandler())
	for range 2 {
		g.Set(gate.Point{N: 2})
		for range 3 {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", http.NoBody))
		}
	}
	if acted != 2 {
		t.Errorf("acted %d times", acted)
	}
}

func TestWritesAreCounted(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") == "*" {
			w.WriteHeader(http.StatusPreconditionFailed)
		}
	}))
	t.Cleanup(server.Close)
	to, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	g := gate.New(nil)
	h := g.Guard("S3", g.S3(to, http.DefaultTransport))
	for _, line := range []string{"PUT /b/k/1", "PUT /b/k/1?partNumber=1&uploadId=u", "POST /b/k/1?uploadId=u", "GET /b/k/1", "POST /b/k/1?uploads="} {
		method, target, _ := strings.Cut(line, " ")
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, target, http.NoBody))
	}
	refused := httptest.NewRequest(http.MethodPut, "/b/k/1", http.NoBody)
	refused.Header.Set("If-None-Match", "*")
	h.ServeHTTP(httptest.NewRecorder(), refused)
	if n := g.Written("k/1"); n != 2 {
		t.Errorf("%d writes, want a whole object and a completed upload", n)
	}
	if got, want := g.Passed("uploads"), []string{"S3 POST /b/k/1?uploads="}; !slices.Equal(got, want) {
		t.Errorf("passed %q, want %q", got, want)
	}
}
