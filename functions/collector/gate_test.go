package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
)

// point is a moment to kill the function at: when its n-th request arrives,
// before it is passed on; or after it was answered, when the function has not
// seen the answer.
type point struct {
	n     int // from 1; 0: never
	after bool
}

// gate stands between the function and everything outside. It counts the
// requests and kills the function at one of them.
type gate struct {
	kill func()

	mu       sync.Mutex
	at       point
	arrivals int
	victim   string         // the request at which it was killed
	passed   []string       // one line per request passed on
	writes   map[string]int // successful writes per key
}

// guard lets a handler's requests pass the gate.
func (g *gate) guard(name string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.arrived(name, r) {
			next.ServeHTTP(w, r)
			return
		}
		if g.at.after {
			next.ServeHTTP(httptest.NewRecorder(), r)
		}
		g.kill()
		panic(http.ErrAbortHandler)
	})
}

// arrived counts a request and tells whether the function dies of it.
func (g *gate) arrived(name string, r *http.Request) (fatal bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	line := name + " " + r.Method + " " + r.URL.RequestURI()
	g.arrivals++
	if fatal = g.arrivals == g.at.n; fatal {
		g.victim = line
	}
	if !fatal || g.at.after {
		g.passed = append(g.passed, line)
	}
	return fatal
}

func (g *gate) wrote(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.writes[key]++
}

// written gives the number of successful writes of a key.
func (g *gate) written(key string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.writes[key]
}

// requests gives a line per request passed on that holds the text.
func (g *gate) requests(text string) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var found []string
	for _, line := range g.passed {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

// died gives the request at which the function was killed, "" if it was not.
func (g *gate) died() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.victim
}
