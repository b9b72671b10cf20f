package main

import (
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"runecast-ingest/infra/local/proxy"
	"runecast-ingest/internal/preflight"
)

// In a network whose only way out is a proxy, both functions go through it to every
// service, and the answer of check says that they do.
func TestThroughARealProxy(t *testing.T) {
	t.Parallel()
	if !proxy.Available() {
		t.Skip("there is no proxy here (Debian: apt-get install tinyproxy-bin); .ci/run installs it where it may")
	}
	o := small(t, "-proxy")
	text, err := playSmall(t, o)
	if err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	for _, service := range []string{"runecast", "dynatrace", "Secrets Manager", "S3", "EventBridge"} {
		if !strings.Contains(text, service+" ") {
			t.Errorf("%s is not named:\n%s", service, text)
		}
	}
	s, err := startStack(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	for name, r := range map[string]preflight.Report{
		"collector": ask(t, s.collector, "collector-check.json"), "forwarder": ask(t, s.forwarder, "forwarder-check.json"),
	} {
		ways := map[string]string{"network": "through the proxy", "network s3": "through the proxy", "network secretsmanager": "through the proxy", "dns": "the proxy", "tcp": "connected to the proxy"}
		if name == "forwarder" {
			ways["network events"] = "through the proxy"
		}
		for check, want := range ways {
			if row, found := r.Of(check); !found || row.State != preflight.OK || !strings.Contains(row.Detail, want) {
				t.Errorf("%s: %s is %+v, want %q", name, check, row, want)
			}
		}
		if !r.OK {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if faults := s.proxy.Faults(); len(faults) > 0 {
		t.Errorf("%q", faults)
	}
}

// A connection past the proxy is a fault, and so is a service without any connection.
func TestPastTheProxy(t *testing.T) {
	t.Parallel()
	if !proxy.Available() {
		t.Skip("there is no proxy here (Debian: apt-get install tinyproxy-bin); .ci/run installs it where it may")
	}
	p, err := proxy.Start(t.Context(), t.TempDir(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	ln, err := p.Listen("avoided")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	unused, err := p.Listen("unused")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unused.Close() })
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := ln.Accept(); err != nil {
		t.Fatal(err)
	}
	want := []string{"avoided: 1 connections went past the proxy", "unused: nothing came through the proxy"}
	if got := p.Faults(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
