// Package gate stands between a program under test and everything that it
// talks to over HTTP. It promises that something happens to the program at
// exactly one request: just before it is passed on, or after it was answered
// but before the program has the answer.
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
	// N is the request that it is about, counted from 1; 0: none.
	N int
	// Of is in the lines of the requests that are counted; empty: all are.
	Of string
	// After: the request was passed on and answered, and the program does not
	// know; otherwise the request is not passed on yet.
	After bool
}

// Gate counts a program's requests. It is safe for concurrent use.
type Gate struct {
	act func() (alive bool)

	mu      sync.Mutex
	at      Point
	counted int
	met     string
	passed  []string
	written map[string]int
}

// New makes a gate that calls act once, at the point that is set. A program that
// is not alive then gets no answer; one that is goes on when act returns.
func New(act func() (alive bool)) *Gate {
	return &Gate{act: act, written: map[string]int{}}
}

// Set sets the point, and counts from now on.
func (g *Gate) Set(at Point) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.at, g.counted, g.met = at, 0, ""
}

// Guard lets a handler's requests pass the gate. A request's line is the name
// of its door, its method and its path: "S3 GET /bucket/key".
func (g *Gate) Guard(door string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		met, after := g.arrived(door + " " + r.Method + " " + r.URL.RequestURI())
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

func (g *Gate) actOrAbort() {
	if !g.act() {
		panic(http.ErrAbortHandler)
	}
}

// arrived counts a request and reports whether it is the one.
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

// Passed returns the lines of the requests passed on that hold the text. The one
// at a point that is not After is none of them.
func (g *Gate) Passed(text string) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(g.passed), func(line string) bool { return !strings.Contains(line, text) })
}
