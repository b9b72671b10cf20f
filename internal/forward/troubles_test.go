package forward_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"

	"runecast-ingest/internal/simulate/site"
)

// trouble is one way in which a request can go wrong.
type trouble struct {
	name string
	// serve answers in the receiver's place.
	serve func(n *network, w http.ResponseWriter, req *http.Request)
	// dial, if set, is how the connection fails; serve is not asked then.
	dial func(ctx context.Context, network, address string) (net.Conn, error)
	// hangs: the client gives up once all is sent.
	hangs bool
	// refuses: the answer says that the body is to blame.
	refuses bool
	// alone: its outcome depends on the order of the requests, so they go one by one.
	alone bool
	// applies, if set, reports which bodies can meet it; mark is of the place
	// where it begins.
	applies func(body, mark string) bool
}

// asked is how long a busy receiver asks to wait.
const asked = 20 * time.Second

// troubles is every way in which requests go wrong.
func troubles() []*trouble {
	all := []*trouble{
		{name: "400 poison", serve: answers(400), refuses: true, applies: strings.Contains},
		{name: "400 for all", serve: answers(400), refuses: true, alone: true},
		{name: "401 rotated", serve: func(n *network, w http.ResponseWriter, _ *http.Request) { n.r.Vault.Rotate(); site.Answer(w, 401) }},
		{name: "413 smaller limit", serve: answers(413), refuses: true, applies: tooLarge},
		{name: "429 with seconds", serve: busy(429, func(*rig) string { return strconv.Itoa(int(asked.Seconds())) })},
		{name: "429 with a date", serve: busy(429, func(r *rig) string { return r.Clock.Now().Add(asked).UTC().Format(http.TimeFormat) })},
		{name: "503 with seconds", serve: busy(503, func(*rig) string { return strconv.Itoa(int(asked.Seconds())) })},
		{name: "503 without envelope although accepted", serve: func(n *network, w http.ResponseWriter, req *http.Request) {
			n.take(httptest.NewRecorder(), req)
			w.WriteHeader(503) // of something between
		}},
		{name: "500 although accepted", serve: func(n *network, w http.ResponseWriter, req *http.Request) {
			n.take(httptest.NewRecorder(), req)
			site.Answer(w, 500)
		}},
		{name: "redirect", serve: func(n *network, w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, n.r.Server.URL, http.StatusTemporaryRedirect)
		}},
		{name: "refused connection", dial: refusedConnection},
		{name: "name not resolved for now", dial: unresolved},
		{name: "reset before the body was read", serve: func(_ *network, w http.ResponseWriter, _ *http.Request) { reset(w) }},
		{name: "reset after it was accepted", serve: func(n *network, w http.ResponseWriter, req *http.Request) {
			n.take(httptest.NewRecorder(), req)
			reset(w)
		}},
		{name: "reset after it was read", serve: func(_ *network, w http.ResponseWriter, req *http.Request) {
			_, _ = io.Copy(io.Discard, req.Body)
			reset(w)
		}},
		{name: "answer never comes", hangs: true, serve: func(n *network, _ http.ResponseWriter, req *http.Request) {
			n.take(httptest.NewRecorder(), req)
			select {
			case <-req.Context().Done():
			case <-n.closing: // the server does not notice the end of a connection whose body came in part
			}
		}},
		{name: "slow answer", serve: func(n *network, w http.ResponseWriter, req *http.Request) {
			_ = n.r.Clock.Sleep(req.Context(), 100*time.Second)
			n.take(w, req)
		}},
	}
	for _, status := range []int{401, 403, 404, 408, 429, 500, 501, 502, 503, 504} {
		all = append(all, &trouble{name: fmt.Sprint(status), serve: answers(status)})
	}
	return all
}

func answers(status int) func(*network, http.ResponseWriter, *http.Request) {
	return func(_ *network, w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		site.Answer(w, status)
	}
}

func busy(status int, after func(*rig) string) func(*network, http.ResponseWriter, *http.Request) {
	return func(n *network, w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Retry-After", after(n.r))
		answers(status)(n, w, req)
	}
}

// tooLarge is a limit of about three events; the scan event is too
// large only where the trouble begins with it.
func tooLarge(body, mark string) bool {
	return len(body) > 4500 || mark == markOf(atScan) && strings.Contains(body, mark)
}

// reset ends the connection with an RST.
func reset(w http.ResponseWriter) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

// refusedConnection dials a port that nobody is given.
func refusedConnection(ctx context.Context, network, _ string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, network, "127.0.0.1:1")
}

func unresolved(_ context.Context, network, address string) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Net: network, Err: &net.DNSError{Err: "server misbehaving", Name: address, IsTemporary: true}}
}
