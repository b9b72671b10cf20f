// Package proxy puts a real HTTP proxy, Debian's tinyproxy, before the services of
// a local stack, as where a network has no other way out. It promises to tell what
// came through the proxy from what came past it: the proxy's connections leave from
// an address of their own.
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
	// source is where the proxy's own connections leave from; any other program of
	// this machine leaves from the address of its target.
	source = "127.0.0.2"
	// startTime is how long the proxy may take to listen.
	startTime = 10 * time.Second
)

// Proxy is a running proxy. Its methods are safe for concurrent use.
type Proxy struct {
	process *child.Process
	url     string
	host    string

	mu    sync.Mutex
	doors map[string]*Count
}

// Count is how a service was connected to.
type Count struct {
	// Through the proxy, and Past it.
	Through, Past int
}

// Available reports whether this machine has the proxy.
func Available() bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// Start starts the proxy; log takes what it says, folder holds its configuration.
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
	cmd := exec.Command(path, "-d", "-c", conf) //nolint:noctx // it lives until Close
	cmd.Stdout, cmd.Stderr = log, log
	process, err := child.Start(cmd)
	if err != nil {
		return nil, err
	}
	p := &Proxy{process: process, url: "http://127.0.0.1:" + strconv.Itoa(port), host: host, doors: map[string]*Count{}}
	if err := p.await(ctx, port); err != nil {
		process.Kill()
		return nil, err
	}
	return p, nil
}

// await returns when the proxy listens.
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

// URL is the proxy's address.
func (p *Proxy) URL() string { return p.url }

// Host is the address of this machine to which no client goes without the proxy,
// as to a loopback address.
func (p *Proxy) Host() string { return p.host }

// Close ends the proxy.
func (p *Proxy) Close() error {
	p.process.Kill()
	return nil
}

// Listen opens the door of a service on Host, and counts who comes.
func (p *Proxy) Listen(name string) (net.Listener, error) {
	ln, err := net.Listen("tcp", net.JoinHostPort(p.host, "0"))
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	count := &Count{}
	p.doors[name] = count
	return &door{Listener: ln, proxy: p, count: count}, nil
}

// Counts returns how each service was connected to.
func (p *Proxy) Counts() map[string]Count {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := map[string]Count{}
	for name, c := range p.doors {
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
// by nobody.
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

// door is a listener that looks where its callers come from.
type door struct {
	net.Listener
	proxy *Proxy
	count *Count
}

func (d *door) Accept() (net.Conn, error) {
	conn, err := d.Listener.Accept()
	if err != nil {
		return nil, err
	}
	from, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
	d.proxy.mu.Lock()
	defer d.proxy.mu.Unlock()
	if from == source {
		d.count.Through++
	} else {
		d.count.Past++
	}
	return conn, nil
}

// ownAddress returns an address of this machine that is not loopback: clients never
// take a proxy to one that is.
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
			target, err := net.Dial("tcp", to) //nolint:noctx // on this machine
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
