package endpoint

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/secret"
)

func TestCheckAddress(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		address string
		refused string // empty: allowed
	}{
		"public":                  {"203.0.113.7:443", ""},
		"RFC 1918":                {"10.0.0.7:443", ""},
		"RFC 1918 B":              {"172.16.0.7:443", ""},
		"RFC 1918 C":              {"192.168.1.7:443", ""},
		"ULA":                     {"[fd12:3456::1]:443", ""},
		"IPv6":                    {"[2001:db8::1]:443", ""},
		"NAT64 of a public one":   {"[64:ff9b::cb00:7107]:443", ""},
		"loopback":                {"127.0.0.1:9001", "loopback"},
		"loopback, other":         {"127.8.8.8:443", "loopback"},
		"loopback IPv6":           {"[::1]:443", "loopback"},
		"loopback mapped":         {"[::ffff:127.0.0.1]:443", "loopback"},
		"unspecified":             {"0.0.0.0:443", "unspecified"},
		"this network":            {"0.1.2.3:443", "unspecified"},
		"this network mapped":     {"[::ffff:0.1.2.3]:443", "unspecified"},
		"broadcast mapped":        {"[::ffff:255.255.255.255]:443", "multicast"},
		"unspecified IPv6":        {"[::]:443", "unspecified"},
		"instance metadata":       {"169.254.169.254:80", "link-local"},
		"metadata mapped":         {"[::ffff:169.254.169.254]:80", "link-local"},
		"metadata through NAT64":  {"[64:ff9b::a9fe:a9fe]:80", "link-local"},
		"container credentials":   {"169.254.170.2:80", "link-local"},
		"X-Ray in Lambda":         {"169.254.79.129:2000", "link-local"},
		"link-local IPv6":         {"[fe80::1]:443", "link-local"},
		"link-local with zone":    {"[fe80::1%eth0]:443", "link-local"},
		"multicast":               {"224.0.0.1:443", "multicast"},
		"multicast IPv6":          {"[ff02::1]:443", "multicast"},
		"broadcast":               {"255.255.255.255:443", "multicast"},
		"instance metadata IPv6":  {"[fd00:ec2::254]:80", "metadata"},
		"pod identity IPv6":       {"[fd00:ec2::23]:80", "metadata"},
		"a name, never resolved":  {"metadata.internal:80", "not an IP address"},
		"octal, never normalised": {"0177.0.0.1:80", "not an IP address"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := check(c.address, false)
			if c.refused == "" {
				if err != nil {
					t.Errorf("%s was refused: %v", c.address, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.refused) || fault.ClassOf(err) != fault.Config {
				t.Errorf("%s: error %v, want a config fault with %q", c.address, err, c.refused)
			}
			allowed := check(c.address, true) == nil
			if wantAllowed := c.refused == "loopback"; allowed != wantAllowed {
				t.Errorf("%s with AllowLoopback: allowed = %v, want %v", c.address, allowed, wantAllowed)
			}
		})
	}
}

// A forbidden address is refused before the first packet: the listener gets no connection,
// whether the host is a name or an address.
func TestClientDoesNotReachLoopback(t *testing.T) {
	t.Parallel()
	accepted := make(chan net.Addr, 8)
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ConnState = func(c net.Conn, s http.ConnState) {
		if s == http.StateNew {
			accepted <- c.RemoteAddr()
		}
	}
	srv.StartTLS()
	defer srv.Close()
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
	client, err := Client(secret.Credential{}, Options{DialTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]"} {
		resp, err := client.Get("https://" + host + ":" + port)
		if err == nil {
			resp.Body.Close()
		}
		if err := Explain(err, host); err == nil || !strings.Contains(err.Error(), "loopback") || fault.ClassOf(err) != fault.Config {
			t.Errorf("%s: error %v, want a refusal by policy", host, err)
		}
	}
	srv.Close()
	if len(accepted) > 0 {
		t.Errorf("%d connections were made", len(accepted))
	}
}
