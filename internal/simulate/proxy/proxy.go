// Package proxy is an HTTP proxy that takes CONNECT and nothing else, like one at the
// edge of a network that has no other way out. It promises to reach hosts whose names
// nothing else resolves, and to remember which hosts it was asked for and what clients
// sent through it.
package proxy

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
)

// Proxy is the handler of a server. Set its fields before it serves; its methods
// are safe for concurrent use.
type Proxy struct {
	// Hosts are the addresses to connect to, by the host and port that a client asks
	// for. The answer for any other host is 502.
	Hosts map[string]string
	// Answer, if not 0, is the status of the answer to every CONNECT.
	Answer int
	// Chatty makes the proxy send bytes of its own right after its answer 200, before
	// those of the target.
	Chatty bool

	mu    sync.Mutex
	asked []string
	read  bytes.Buffer
}

// Asked returns the hosts and ports that clients asked for, in order.
func (p *Proxy) Asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}

// Read returns every byte that clients sent through it.
func (p *Proxy) Read() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return bytes.Clone(p.read.Bytes())
}

// Write keeps what a client sends, for Read. It never fails.
func (p *Proxy) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.read.Write(b)
}

// ServeHTTP connects a client with the target that it asks for, until either of them
// ends the connection. Methods other than CONNECT get 405.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	p.mu.Lock()
	p.asked = append(p.asked, r.Host)
	p.mu.Unlock()
	if p.Answer != 0 {
		w.WriteHeader(p.Answer)
		return
	}
	address, known := p.Hosts[r.Host]
	if !known {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	target, err := new(net.Dialer).DialContext(r.Context(), "tcp", address)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer target.Close()
	client, sent, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer client.Close()
	answer := "HTTP/1.1 200 Connection established\r\n\r\n"
	if p.Chatty {
		answer += "hello"
	}
	if _, err := io.WriteString(client, answer); err != nil {
		return
	}
	done := make(chan struct{}, 2)
	pass := func(to io.Writer, from io.Reader) { _, _ = io.Copy(to, from); done <- struct{}{} } // ends with either connection
	go pass(io.MultiWriter(target, p), sent)
	go pass(client, target)
	<-done
}
