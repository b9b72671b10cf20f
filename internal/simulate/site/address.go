package site

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// host is a loopback address that no other test has: a request that has outlived
// its test, or was meant for a port that another program had a moment ago, does not
// reach it. A system that has one loopback address only gets this one.
func host() string {
	own := fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))
	ln, err := net.Listen("tcp", net.JoinHostPort(own, "0"))
	if err != nil {
		return "127.0.0.1"
	}
	_ = ln.Close()
	return own
}

// Lines holds what is written to it, by whomever at whatever time.
type Lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write keeps a line.
func (l *Lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns all lines.
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
