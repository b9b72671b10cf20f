// Package proxy puts a real HTTP proxy, Debian's tinyproxy, before the services of
// a local stack, as in a network that has no other way out. It promises to tell the
// connections through the proxy from those past it: the proxy connects from an
// address that nothing else connects from.
package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/simulate/child"
)

const (
	program = "tinyproxy"
	// source is the address that the proxy connects from. Any other program on this
	// machine that connects to an address of the machine does so from that same address.
	source = "127.0.0.2"
	// startTime is how long the proxy may take to listen.
	startTime = 10 * time.Second
)

// Proxy is a running proxy. Its methods are safe for concurrent use.
type Proxy struct {
	process *child.Process
	url     string
	host    string

	mu     sync.Mutex
	counts map[string]*Count // by service
}

// Count is the number of connections to a service.
type Count struct {
	// Through counts the connections from the proxy, Past all others.
	Through, Past int
}

// Available reports whether the proxy is installed on this machine.
func Available() bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// Start starts the proxy, and returns when it listens on 127.0.0.1. It writes the
// proxy's configuration into folder; log receives the proxy's output. The error is
// a *fault.Error of class Config if the proxy is not installed, or if the machine
// has no address but loopback.
func Start(ctx context.Context, folder string, log io.Writer) (*Proxy, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return nil, &fault.Error{Class: fault.Config, What: "there is no " + program + " here", Cure: "install it: apt-get install " + program + "-bin"}
	}
	host, err := ownAddress()
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, fmt.Errorf("find a port for the proxy: %w", err)
	}
	conf := filepath.Join(folder, "proxy.conf")
	text := fmt.Sprintf("Port %d\nListen 127.0.0.1\nBind %s\nAllow 127.0.0.1\nTimeout 900\nMaxClients 500\nLogLevel Connect\nDisableViaHeader Yes\n", port, source)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("configure the proxy: %w", err)
	}
	cmd := exec.Command(path, "-d", "-c", conf)
	cmd.Stdout, cmd.Stderr = log, log
	process, err := child.Start(cmd)
	if err != nil {
		return nil, err
	}
	p := &Proxy{process: process, url: "http://127.0.0.1:" + strconv.Itoa(port), host: host, counts: map[string]*Count{}}
	if err := p.await(ctx, port); err != nil {
		process.Kill()
		return nil, err
	}
	return p, nil
}

// await returns when the proxy listens, or with an error after startTime.
func (p *Proxy) await(ctx context.Context, port int) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.process.Exited():
			return fmt.Errorf("the proxy has ended: %w", errors.Join(p.process.Err(), err))
		case <-ctx.Done():
			return fmt.Errorf("the proxy does not listen: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// URL returns the proxy's address, for HTTPS_PROXY.
func (p *Proxy) URL() string { return p.url }

// Host returns an address of this machine that is not loopback. Services have to be
// there, because clients go to a loopback address without the proxy.
func (p *Proxy) Host() string { return p.host }

// Close ends the proxy. It never fails.
func (p *Proxy) Close() error {
	p.process.Kill()
	return nil
}

// Listen opens a free port of Host for the service of this name, and counts the
// connections to it.
func (p *Proxy) Listen(name string) (net.Listener, error) {
	ln, err := net.Listen("tcp", net.JoinHostPort(p.host, "0"))
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	count := &Count{}
	p.counts[name] = count
	return &countingListener{Listener: ln, proxy: p, count: count}, nil
}

// Counts returns the numbers of connections, by service.
func (p *Proxy) Counts() map[string]Count {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := map[string]Count{}
	for name, c := range p.counts {
		all[name] = *c
	}
	return all
}

// String tells how many connections came through the proxy, by service.
func (p *Proxy) String() string {
	counts := p.Counts()
	var all []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		all = append(all, fmt.Sprintf("%s %d", name, counts[name].Through))
	}
	return "connections to " + strings.Join(all, ", ")
}

// Faults returns a sentence for each service that was reached past the proxy, or
// was not reached at all.
func (p *Proxy) Faults() []string {
	var faults []string
	counts := p.Counts()
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		switch c := counts[name]; {
		case c.Past > 0:
			faults = append(faults, fmt.Sprintf("%s: %d connections went past the proxy", name, c.Past))
		case c.Through == 0:
			faults = append(faults, name+": nothing came through the proxy")
		}
	}
	return faults
}

// countingListener is the listener of a service. It counts its connections by where they
// come from.
type countingListener struct {
	net.Listener
	proxy *Proxy
	count *Count
}

func (l *countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	from, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
	l.proxy.mu.Lock()
	defer l.proxy.mu.Unlock()
	if from == source {
		l.count.Through++
	} else {
		l.count.Past++
	}
	return conn, nil
}

// ownAddress returns an IPv4 address of this machine that is not loopback.
func ownAddress() (string, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return "", fmt.Errorf("find this machine's address: %w", err)
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && n.IP.IsGlobalUnicast() {
			return n.IP.String(), nil
		}
	}
	return "", &fault.Error{Class: fault.Config, What: "this machine has no address but loopback, to which no client takes a proxy", Cure: "connect it to a network"}
}

func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port, nil
}

// Splice passes each connection of a listener on to an address, byte by byte, and
// returns when the listener is closed.
func Splice(ln net.Listener, to string) {
	for {
		from, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer from.Close()
			target, err := net.Dial("tcp", to)
			if err != nil {
				return
			}
			defer target.Close()
			done := make(chan struct{}, 2)
			pass := func(w io.Writer, r io.Reader) { _, _ = io.Copy(w, r); done <- struct{}{} } // ends with either connection
			go pass(target, from)
			go pass(from, target)
			<-done
		}()
	}
}
