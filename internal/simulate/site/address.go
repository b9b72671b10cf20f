package site

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// host returns a random loopback address, which hardly any other test has. A late
// request of another test, or one to a port that another program had a moment ago,
// then does not reach it. On a system with one loopback address it is 127.0.0.1.
func host() string {
	own := fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))
	ln, err := net.Listen("tcp", net.JoinHostPort(own, "0"))
	if err != nil {
		return "127.0.0.1"
	}
	_ = ln.Close()
	return own
}

// Lines keeps what is written to it. It is safe for concurrent use.
type Lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write keeps a text. It never fails.
func (l *Lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns all that was written since Reset.
func (l *Lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Reset forgets all lines.
func (l *Lines) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Reset()
}
