package preflight

import (
	"net"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/simulate/proxy"
)

// A row shows the way of each connection, or why it fails, with the cure.
func TestNetwork(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	here := listener.Addr().String()
	known := &proxy.Proxy{Hosts: map[string]string{"secretsmanager.example:443": here}}
	server := httptest.NewServer(known)
	t.Cleanup(server.Close)
	behind := func(except string) endpoint.Proxy {
		return endpoint.Proxy{To: func(u *url.URL) (*url.URL, error) {
			if u.Scheme != "https" || strings.HasPrefix(u.Host, except) {
				return nil, nil
			}
			return url.Parse(server.URL)
		}}
	}
	for name, c := range map[string]struct {
		proxy    endpoint.Proxy
		service  Service
		way, row string // of the outside service and of AWS's
		state    string
		cure     string
	}{
		"through the proxy": {proxy: behind("none"), service: at("secretsmanager", "https://secretsmanager.example"),
			way: "rc.example through the proxy 127.0.0.1", row: "secretsmanager.example through the proxy 127.0.0.1", state: OK},
		"the proxy does not let it": {proxy: behind("none"), service: at("s3", "https://s3.example"),
			way: "through the proxy", row: "does not reach s3.example:443 (502)", state: Failed, cure: "NO_PROXY"},
		"excepted": {proxy: behind("127."), service: at("s3", "https://"+here), way: "through the proxy",
			row: ": 127.0.0.1, without the proxy: NO_PROXY excepts it", state: OK},
		"the appliance is excepted": {proxy: behind("rc.example"), service: at("secretsmanager", "https://secretsmanager.example"),
			way: "rc.example directly, without the proxy: NO_PROXY excepts it", row: "through the proxy", state: OK},
		"directly":       {service: at("events", "https://"+here), way: "rc.example directly", row: here + " directly, 127.0.0.1", state: OK},
		"not reached":    {service: at("secretsmanager", "https://127.0.0.1:1"), way: "directly", row: "refused the connection", state: Failed, cure: "com.amazonaws.eu-central-1.secretsmanager"},
		"S3 not reached": {service: at("s3", "https://127.0.0.1:1"), way: "directly", row: "refused the connection", state: Failed, cure: "gateway endpoint com.amazonaws.eu-central-1.s3"},
		"not known":      {service: Service{Name: "events"}, way: "directly", row: "no address", state: Skipped},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := Settings{
				URL: &url.URL{Scheme: "https", Host: "rc.example"}, Region: "eu-central-1", AllowLoopback: true, Proxy: c.proxy,
				Services: []Service{c.service},
			}
			rows := (&Route{Settings: &settings}).Network(t.Context())
			if len(rows) != 2 || rows[0].State != OK || !strings.Contains(rows[0].Detail, c.way) {
				t.Fatalf("%+v, want %q", rows, c.way)
			}
			got := rows[1]
			if got.Check != "network "+c.service.Name || got.State != c.state || !strings.Contains(got.Detail, c.row) || !strings.Contains(got.Cure, c.cure) || (got.Cure == "") != (c.cure == "") {
				t.Errorf("%+v, want %s with %q and the cure %q", got, c.state, c.row, c.cure)
			}
		})
	}
}

// If the name of an endpoint does not resolve, the cure says that the region may not have
// this kind of endpoint.
func TestKindsOfEndpoints(t *testing.T) {
	t.Parallel()
	err := endpoint.Explain(&net.DNSError{Name: "secretsmanager-fips.eu-central-1.amazonaws.com", IsNotFound: true}, "secretsmanager-fips.eu-central-1.amazonaws.com")
	for cure, s := range map[string]Settings{
		"set FipsEndpoints to false":                    {FIPS: true, DualStack: true},
		"set DualStack to false":                        {DualStack: true},
		"com.amazonaws.eu-central-1.secretsmanager to ": {},
	} {
		s.Region = "eu-central-1"
		if row := (&Route{Settings: &s}).unreached(Service{Name: "secretsmanager"}, err); row.State != Failed || !strings.Contains(row.Cure, cure) {
			t.Errorf("%+v, want the cure %q", row, cure)
		}
	}
}

func TestWayTo(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"10.0.0.7:443": " by an interface endpoint, 10.0.0.7", "[fd12::7]:443": " by an interface endpoint, fd12::7",
		"52.218.0.1:443": " directly, or by a gateway endpoint, which only route tables show: 52.218.0.1",
	} {
		a, err := net.ResolveTCPAddr("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if got := wayTo(a, "s3"); got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
}

func at(name, address string) Service {
	u, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	return Service{Name: name, URL: u}
}
