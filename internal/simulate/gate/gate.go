// Package gate stands between a program under test and everything that it
// talks to over HTTP. It promises that something happens to the program at
// exactly one request: just before the request is passed on, or after it was
// answered but before the program has the answer.
package gate

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
)

// Point is a moment in the life of a program.
type Point struct {
	// N is the number of the request, counted from 1; 0: none.
	N int
	// Of selects the requests that are counted: those whose line holds this text;
	// empty: all.
	Of string
	// After puts the point behind the answer: the request was passed on and answered,
	// but the program does not have the answer. Without it the point is before the
	// request is passed on.
	After bool
}

// Gate counts a program's requests. It is safe for concurrent use.
type Gate struct {
	act func() (alive bool)

	mu      sync.Mutex
	at      Point
	counted int            // requests since Set
	met     string         // the line of the request at the point
	passed  []string       // the lines of the requests that were passed on
	written map[string]int // successful writes by key
}

// New makes a gate that calls act once, at the point that is set. act reports
// whether the program is still alive. If it is, the request goes on when act
// returns; if not, the connection is broken without an answer.
func New(act func() (alive bool)) *Gate {
	return &Gate{act: act, written: map[string]int{}}
}

// Set sets the point, and counts from now on.
func (g *Gate) Set(at Point) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.at, g.counted, g.met = at, 0, ""
}

// Guard returns a handler whose requests pass the gate on their way to next. A
// request's line is the name of the service, the method, and the path with its query:
// "S3 GET /bucket/key".
func (g *Gate) Guard(service string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		met, after := g.arrived(service + " " + r.Method + " " + r.URL.RequestURI())
		switch {
		case !met:
			next.ServeHTTP(w, r)
		case after:
			answer := httptest.NewRecorder()
			next.ServeHTTP(answer, r)
			g.actOrAbort()
			maps.Copy(w.Header(), answer.Header())
			w.WriteHeader(answer.Code)
			_, _ = w.Write(answer.Body.Bytes()) // the program may be gone
		default:
			g.actOrAbort()
			next.ServeHTTP(w, r)
		}
	})
}

// actOrAbort calls act, and breaks the connection if the program is dead.
func (g *Gate) actOrAbort() {
	if !g.act() {
		panic(http.ErrAbortHandler)
	}
}

// arrived counts a request. It reports whether the request is the one at the point,
// and whether the point is behind its answer.
func (g *Gate) arrived(line string) (met, after bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if strings.Contains(line, g.at.Of) {
		g.counted++
		met = g.counted == g.at.N
	}
	if met {
		g.met = line
	}
	if !met || g.at.After {
		g.passed = append(g.passed, line)
	}
	return met, g.at.After
}

// Met returns the request at which the point was; "" if the program did not come
// so far.
func (g *Gate) Met() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.met
}

// Passed returns the lines, among those of all requests that were passed on, that
// hold the text. The request at a point without After is left out, even if the
// program lived and it was passed on later.
func (g *Gate) Passed(text string) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(g.passed), func(line string) bool { return !strings.Contains(line, text) })
}
