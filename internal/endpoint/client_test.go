package endpoint

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/secret"
)

// leaf returns a self-signed certificate for the names, as appliances have it by default.
func leaf(t *testing.T, notBefore, notAfter time.Time, names ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Runecast"},
		NotBefore: notBefore, NotAfter: notAfter, DNSNames: names,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: parsed}
}

func pemOf(c tls.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}))
}

func pinOf(c tls.Certificate) []byte {
	sum := sha256.Sum256(c.Leaf.RawSubjectPublicKeyInfo)
	return sum[:]
}

func TestTrust(t *testing.T) {
	t.Parallel()
	now := time.Now()
	good := leaf(t, now.Add(-time.Hour), now.Add(time.Hour), "localhost")
	other := leaf(t, now.Add(-time.Hour), now.Add(time.Hour), "localhost")
	misnamed := leaf(t, now.Add(-time.Hour), now.Add(time.Hour), "rc.example")
	expired := leaf(t, now.Add(-2*time.Hour), now.Add(-time.Hour), "localhost")
	b64 := func(c tls.Certificate) string { return base64.StdEncoding.EncodeToString(pinOf(c)) }
	cases := map[string]struct {
		server tls.Certificate
		cred   secret.Credential
		cure   string // empty: connects
	}{
		"system roots":              {good, secret.Credential{}, "ca_pem"},
		"PEM on one line":           {good, secret.Credential{CAPEM: strings.ReplaceAll(pemOf(good), "\n", " ")}, ""},
		"PEM escaped twice":         {good, secret.Credential{CAPEM: strings.ReplaceAll(pemOf(good), "\n", `\n`)}, ""},
		"PEM escaped thrice":        {good, secret.Credential{CAPEM: strings.ReplaceAll(pemOf(good), "\n", `\\r\\n`)}, ""},
		"PEM without line ends":     {good, secret.Credential{CAPEM: strings.ReplaceAll(pemOf(good), "\n", "")}, ""},
		"PEM of Windows":            {good, secret.Credential{CAPEM: strings.ReplaceAll(pemOf(good), "\n", "\r\n")}, ""},
		"PEM indented, two, text":   {good, secret.Credential{CAPEM: "of us:\n  " + strings.ReplaceAll(pemOf(other)+pemOf(good), "\n", "\n  ")}, ""},
		"shows its key":             {good, secret.Credential{CAPEM: pemOf(other)}, "its key's SHA-256 is " + b64(good) + ": put"},
		"misnamed shows its key":    {misnamed, secret.Credential{CAPEM: pemOf(misnamed)}, "its key's SHA-256 is " + b64(misnamed)},
		"private authority":         {good, secret.Credential{CAPEM: pemOf(good)}, ""},
		"other authority":           {good, secret.Credential{CAPEM: pemOf(other)}, "ca_pem"},
		"authority, other name":     {misnamed, secret.Credential{CAPEM: pemOf(misnamed)}, "subject alternative name"},
		"authority, expired":        {expired, secret.Credential{CAPEM: pemOf(expired)}, "renew the certificate"},
		"pin in base64":             {good, secret.Credential{SPKISHA256: b64(good)}, ""},
		"pin as curl writes it":     {good, secret.Credential{SPKISHA256: "sha256//" + b64(good)}, ""},
		"pin in base64url":          {good, secret.Credential{SPKISHA256: base64.RawURLEncoding.EncodeToString(pinOf(good))}, ""},
		"pin in hex":                {good, secret.Credential{SPKISHA256: strings.ToUpper(hex.EncodeToString(pinOf(good)))}, ""},
		"pin, other name":           {misnamed, secret.Credential{SPKISHA256: b64(misnamed)}, ""},
		"pin, other key":            {other, secret.Credential{SPKISHA256: b64(good)}, "spki_sha256"},
		"pin, expired":              {expired, secret.Credential{SPKISHA256: b64(expired)}, "renew the certificate"},
		"authority and pin":         {good, secret.Credential{CAPEM: pemOf(good), SPKISHA256: b64(good)}, ""},
		"authority and other pin":   {good, secret.Credential{CAPEM: pemOf(good), SPKISHA256: b64(other)}, "spki_sha256"},
		"other authority and pin":   {good, secret.Credential{CAPEM: pemOf(other), SPKISHA256: b64(good)}, "ca_pem"},
		"misnamed, authority + pin": {misnamed, secret.Credential{CAPEM: pemOf(misnamed), SPKISHA256: b64(misnamed)}, "subject alternative name"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewUnstartedServer(http.NotFoundHandler())
			srv.TLS = &tls.Config{Certificates: []tls.Certificate{c.server}}
			srv.Config.ErrorLog = quiet
			srv.StartTLS()
			defer srv.Close()
			_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
			client, err := Client(c.cred, Options{AllowLoopback: true})
			if err != nil {
				t.Fatal(err)
			}
			defer client.CloseIdleConnections()
			resp, err := client.Get("https://localhost:" + port)
			if c.cure == "" {
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				return
			}
			err = Explain(err, "localhost")
			if err == nil || !strings.Contains(err.Error(), c.cure) || fault.ClassOf(err) != fault.Config {
				t.Errorf("error %v, want a config fault with %q", err, c.cure)
			}
		})
	}
}

func TestBrokenAuthorities(t *testing.T) {
	t.Parallel()
	cert := pemOf(leaf(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour), "localhost"))
	for name, text := range map[string]string{
		"no PEM": "none", "cut": cert[:len(cert)/2], "no end": strings.ReplaceAll(cert, "END", "EN"), "a key": strings.ReplaceAll(cert, "CERTIFICATE", "PRIVATE KEY"),
		"no base64": "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----", "empty": "-----BEGIN CERTIFICATE----------END CERTIFICATE-----",
	} {
		_, err := Client(secret.Credential{CAPEM: text}, Options{})
		if fault.ClassOf(err) != fault.Config || !strings.Contains(err.Error(), `"ca_pem" holds no certificate`) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestParsePin(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]byte{"plain": 0x00, "base64 begins with a slash": 0xff} {
		pin := bytes.Repeat([]byte{0xab}, sha256.Size)
		pin[0] = first
		b64, hexa := base64.StdEncoding.EncodeToString(pin), hex.EncodeToString(pin)
		for _, text := range []string{
			b64, " " + b64 + "\n", strings.TrimRight(b64, "="), base64.URLEncoding.EncodeToString(pin), "sha256//" + b64, "sha256/" + b64, hexa, strings.ToUpper(hexa),
		} {
			if got, err := parsePin(text); err != nil || !bytes.Equal(got, pin) {
				t.Errorf("%s: parsePin(%q) = %x, %v", name, text, got, err)
			}
		}
	}
	for _, text := range []string{"x", "deadbeef", strings.Repeat("A", 44), strings.Repeat("A", 42), strings.Repeat("0", 66), "sha256/", "sha1/" + strings.Repeat("A", 43)} {
		if got, err := parsePin(text); err == nil {
			t.Errorf("parsePin(%q) = %x", text, got)
		}
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10} //nolint:gosec // what is refused
	srv.Config.ErrorLog = quiet
	srv.StartTLS()
	defer srv.Close()
	client, err := Client(trusting(srv), Options{AllowLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Get(srv.URL)
	if err := Explain(err, "rc.example"); err == nil || !strings.Contains(err.Error(), "TLS 1.2") || fault.ClassOf(err) != fault.Config {
		t.Errorf("error %v, want a config fault that asks for TLS 1.2", err)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var followed bool
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			followed = true
			return
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	defer srv.Close()
	client, err := Client(trusting(srv), Options{AllowLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if followed || resp.StatusCode != http.StatusTemporaryRedirect {
		t.Errorf("status %d, followed = %v; want the redirect itself", resp.StatusCode, followed)
	}
}

// A body of which no more bytes come ends with a Retry fault. A body whose bytes come
// slowly but steadily may take longer than the limit.
func TestSilentBodyEnds(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "first line\n")
		w.(http.Flusher).Flush()
		<-hang
	}))
	defer srv.Close()
	defer close(hang)
	client, err := Client(trusting(srv), Options{AllowLoopback: true, StallTimeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body := bufio.NewReader(resp.Body)
	if line, err := body.ReadString('\n'); err != nil {
		t.Fatalf("read %q, %v", line, err)
	}
	_, err = body.ReadByte()
	if err = Explain(err, "rc.example"); err == nil || !strings.Contains(err.Error(), "stopped sending") || fault.ClassOf(err) != fault.Retry {
		t.Errorf("error %v, want a stall of class retry", err)
	}
}

// An upload that the server does not read also ends with a Retry fault.
func TestBlockedUploadEnds(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	srv := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer srv.Close()
	defer close(hang)
	client, err := Client(trusting(srv), Options{AllowLoopback: true, StallTimeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Post(srv.URL, "application/json", endlessZeros{})
	if err = Explain(err, "rc.example"); err == nil || !strings.Contains(err.Error(), "no answer in time") || fault.ClassOf(err) != fault.Retry {
		t.Errorf("error %v, want a time-out of class retry", err)
	}
}

type endlessZeros struct{}

func (endlessZeros) Read(p []byte) (int, error) { return len(p), nil }

func TestExplainNetwork(t *testing.T) {
	t.Parallel()
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	cases := map[string]struct {
		err   error
		says  string
		class fault.Class
	}{
		"refused":          {dial(syscall.ECONNREFUSED), "refused the connection", fault.Retry},
		"no route":         {dial(syscall.EHOSTUNREACH), "subnets", fault.Retry},
		"dial timeout":     {dial(timeoutError{}), "security groups", fault.Retry},
		"unknown name":     {dial(&net.DNSError{IsNotFound: true}), "does not resolve", fault.Config},
		"DNS down":         {dial(&net.DNSError{IsTimeout: true}), "DNS", fault.Retry},
		"header timeout":   {timeoutError{}, "no answer in time", fault.Retry},
		"reset":            {&net.OpError{Op: "read", Err: syscall.ECONNRESET}, "cut", fault.Retry},
		"cut body":         {io.ErrUnexpectedEOF, "cut", fault.Retry},
		"deadline":         {context.DeadlineExceeded, "time for this invocation", fault.Retry},
		"cancelled":        {fmt.Errorf("get: %w", context.Canceled), "time for this invocation", fault.Retry},
		"plain HTTP there": {http.ErrSchemeMismatch, "does not speak TLS", fault.Config},
		"anything":         {errors.New("strange"), "strange", fault.Retry},
		"explained before": {fmt.Errorf("x: %w", &fault.Error{Class: fault.Auth, What: "own words"}), "own words", fault.Auth},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := Explain(c.err, "rc.example")
			if !strings.Contains(err.Error(), c.says) || fault.ClassOf(err) != c.class {
				t.Errorf("error %v (%s), want %q (%s)", err, fault.ClassOf(err), c.says, c.class)
			}
		})
	}
	if Explain(nil, "rc.example") != nil {
		t.Error("no error became one")
	}
}

type timeoutError struct{}

func (timeoutError) Error() string   { return "timed out" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }

func trusting(srv *httptest.Server) secret.Credential {
	return secret.Credential{CAPEM: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}))}
}

// quiet drops a server's log, which holds the handshake failures that the tests provoke.
var quiet = log.New(io.Discard, "", 0)
