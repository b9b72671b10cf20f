package endpoint

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/secret"
	"runecast-ingest/internal/simulate/pki"
	"runecast-ingest/internal/simulate/proxy"
)

// network is a service that only a proxy reaches, by a name that only the proxy
// knows.
type network struct {
	service   *url.URL
	authority *pki.Authority
	proxy     *proxy.Proxy
	way       *httptest.Server
	tokens    chan string
}

const insideName = "rc.inside.example:8443"

func newNetwork(t *testing.T, overTLS bool) *network {
	t.Helper()
	authority, err := pki.New()
	if err != nil {
		t.Fatal(err)
	}
	n := &network{authority: authority, tokens: make(chan string, 8), proxy: &proxy.Proxy{}}
	conf, err := authority.Server("rc.inside.example")
	if err != nil {
		t.Fatal(err)
	}
	service := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { n.tokens <- r.Header.Get("Authorization") }))
	service.TLS, service.Config.ErrorLog = conf, quiet
	service.StartTLS()
	t.Cleanup(service.Close)
	n.service = &url.URL{Scheme: "https", Host: insideName}
	n.proxy.Hosts = map[string]string{insideName: service.Listener.Addr().String()}
	n.way = httptest.NewUnstartedServer(n.proxy)
	n.way.Config.ErrorLog = quiet
	if overTLS {
		n.way.StartTLS()
	} else {
		n.way.Start()
	}
	t.Cleanup(n.way.Close)
	return n
}

// options returns options that lead through the proxy, except to one host.
func (n *network) options(t *testing.T, except string) Options {
	t.Helper()
	way, err := url.Parse(n.way.URL)
	if err != nil {
		t.Fatal(err)
	}
	return Options{AllowLoopback: true, DialTimeout: 2 * time.Second, Proxy: Proxy{To: func(u *url.URL) (*url.URL, error) {
		if u.Host == except {
			return nil, nil
		}
		return way, nil
	}}}
}

func (n *network) trust() secret.Credential {
	return secret.Credential{CAPEM: string(n.authority.PEM())}
}

// The token reaches the service inside TLS that is verified against the service's
// own name. The proxy learns only a host and a port.
func TestThroughAProxy(t *testing.T) {
	t.Parallel()
	for name, overTLS := range map[string]bool{"http": false, "https": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t, overTLS)
			o := n.options(t, "")
			if overTLS {
				o.Proxy.Authorities = n.way.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
			}
			client, err := Client(n.trust(), o)
			if err != nil {
				t.Fatal(err)
			}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.service.String()+"/path-of-mine", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "hush-token")
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if got := <-n.tokens; got != "hush-token" {
				t.Errorf("the service got %q", got)
			}
			if asked := n.proxy.Asked(); !slices.Equal(asked, []string{insideName}) {
				t.Errorf("the proxy was asked for %q", asked)
			}
			for _, word := range []string{"hush-token", "path-of-mine", "Authorization"} {
				if bytes.Contains(n.proxy.Read(), []byte(word)) {
					t.Errorf("the proxy could read %q", word)
				}
			}
		})
	}
}

// An error of the proxy names the proxy and the cure, and nothing is sent to the service.
func TestProxyRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set   func(*network, *Options)
		says  string
		cure  string
		class fault.Class
	}{
		"a login":         {func(n *network, _ *Options) { n.proxy.Answer = 407 }, "asks for a login (407)", "admit the function's subnets", fault.Config},
		"not allowed":     {func(n *network, _ *Options) { n.proxy.Answer = 403 }, "refuses the way to rc.inside.example:8443 (403)", "allow CONNECT to rc.inside.example:8443", fault.Config},
		"not reached":     {func(n *network, _ *Options) { n.proxy.Hosts = nil }, "does not reach rc.inside.example:8443 (502)", "NO_PROXY", fault.Retry},
		"it talks":        {func(n *network, _ *Options) { n.proxy.Chatty = true }, "says more than", "CONNECT", fault.Config},
		"no proxy there":  {func(n *network, o *Options) { o.Proxy.To = toward("http://" + n.proxy.Hosts[insideName]) }, "closed the connection instead", "http or https", fault.Retry},
		"another service": {func(_ *network, o *Options) { o.Proxy.To = toward("http://" + greeter(t)) }, "no HTTP proxy", "http or https", fault.Config},
		"it is down":      {func(_ *network, o *Options) { o.Proxy.To = toward("http://127.0.0.1:1") }, "refused the connection", "running", fault.Retry},
		"its name":        {func(_ *network, o *Options) { o.Proxy.To = toward("http://proxy.invalid:3128") }, "name", "DNS", ""},
		"its authority":   {func(n *network, o *Options) { o.Proxy.To = toward("https://" + n.way.Listener.Addr().String()) }, "", "", ""},
		"metadata":        {func(_ *network, o *Options) { o.Proxy.To = toward("http://169.254.169.254:80") }, "link-local", "", fault.Config},
		"a bad address": {func(_ *network, o *Options) {
			o.Proxy.To = func(*url.URL) (*url.URL, error) { return nil, errors.New("hush:password") }
		}, "the proxy's address cannot be used", "http://proxy.example:3128", fault.Config},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t, name == "its authority")
			o := n.options(t, "")
			c.set(n, &o)
			_, err := Dial(t.Context(), n.service, o)
			f, ok := errors.AsType[*fault.Error](err)
			if !ok || !strings.Contains(f.What, c.says) || !strings.Contains(f.Cure, c.cure) || c.class != "" && f.Class != c.class || f.Where == "" || f.Where == insideName {
				t.Fatalf("%v (%+v)", err, f)
			}
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("%v quotes what was configured", err)
			}
			if name == "its authority" && (!strings.Contains(f.What, "its key's SHA-256 is ") || !strings.Contains(f.Cure, "CaBundleLayerArn")) {
				t.Errorf("%v does not help", err)
			}
			if len(n.tokens) > 0 {
				t.Error("a request was made")
			}
		})
	}
}

// greeter speaks first, as a mail server does, and returns its address.
func greeter(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() { // ends with the listener
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("220 ready\r\n"))
		}
	}()
	return ln.Addr().String()
}

func toward(address string) func(*url.URL) (*url.URL, error) {
	return func(*url.URL) (*url.URL, error) { return url.Parse(address) }
}

// A proxy that does not answer is given up after a time, and at once when the caller's
// context ends.
func TestSilentProxyEnds(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	o := Options{AllowLoopback: true, DialTimeout: 50 * time.Millisecond, Proxy: Proxy{To: toward("http://" + silent.Addr().String())}}
	_, err = Dial(t.Context(), &url.URL{Scheme: "https", Host: "rc.example"}, o)
	if err == nil || !strings.Contains(err.Error(), "proxy "+silent.Addr().String()) || !strings.Contains(err.Error(), "no answer in time") || fault.ClassOf(err) != fault.Retry {
		t.Errorf("%v", err)
	}
}

// A host that needs no proxy is connected to directly. An address of the function's own
// machine is refused also through the proxy.
func TestWithoutTheProxy(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, false)
	o := n.options(t, n.proxy.Hosts[insideName])
	conn, err := Dial(t.Context(), &url.URL{Scheme: "https", Host: n.proxy.Hosts[insideName]}, o)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if _, err := Dial(t.Context(), &url.URL{Scheme: "https", Host: "169.254.169.254"}, o); err == nil || !strings.Contains(err.Error(), "link-local") {
		t.Errorf("error %v, want a refusal by policy", err)
	}
	if asked := n.proxy.Asked(); len(asked) > 0 {
		t.Errorf("the proxy was asked for %q", asked)
	}
}

func TestProxyBundle(t *testing.T) {
	t.Parallel()
	authority, err := pki.New()
	if err != nil {
		t.Fatal(err)
	}
	good, bad := filepath.Join(t.TempDir(), "good.pem"), filepath.Join(t.TempDir(), "bad.pem")
	for file, text := range map[string][]byte{good: authority.PEM(), bad: []byte("nothing")} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if p, err := EnvironmentProxy(good); err != nil || p.Authorities == nil || p.To == nil {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err := EnvironmentProxy(""); err != nil || p.Authorities != nil {
		t.Errorf("%+v, %v", p, err)
	}
	for _, file := range []string{bad, "missing.pem"} {
		if _, err := EnvironmentProxy(file); fault.ClassOf(err) != fault.Config || !strings.Contains(err.Error(), "AWS_CA_BUNDLE") {
			t.Errorf("%s: %v", file, err)
		}
	}
}
