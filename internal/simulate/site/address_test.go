package site

import (
	"net"
	"net/url"
	"testing"
)

// A request that outlives its test does not reach another test: where the system has
// several loopback addresses, each receiver and each S3 server has one of its own.
func TestEachSiteHasItsOwnAddresses(t *testing.T) {
	t.Parallel()
	probe, err := net.Listen("tcp", "127.77.77.77:0")
	if err == nil {
		_ = probe.Close()
	}
	seen := map[string]bool{}
	for range 2 {
		s := New(t, StartS3(t), "archive", nil)
		for _, address := range []string{s.Server.URL, s.Srv.URL()} {
			u, parseErr := url.Parse(address)
			if parseErr != nil || !net.ParseIP(u.Hostname()).IsLoopback() {
				t.Fatalf("address %s, %v", address, parseErr)
			}
			if err == nil && (seen[u.Hostname()] || u.Hostname() == "127.0.0.1") {
				t.Errorf("another one may have %s", address)
			}
			seen[u.Hostname()] = true
		}
	}
}
