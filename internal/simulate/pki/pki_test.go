package pki_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"runecast-ingest/internal/simulate/pki"
)

func TestServer(t *testing.T) {
	t.Parallel()
	authority, other := newAuthority(t), newAuthority(t)
	tests := map[string]struct {
		hosts   []string
		name    string
		trusted *pki.Authority
		refused any // pointer to the expected error type; nil = accepted
	}{
		"default name":       {name: "localhost", trusted: authority},
		"default address":    {name: "127.0.0.1", trusted: authority},
		"given name":         {hosts: []string{"rc.example", "10.0.0.7"}, name: "rc.example", trusted: authority},
		"given address":      {hosts: []string{"rc.example", "10.0.0.7"}, name: "10.0.0.7", trusted: authority},
		"IPv6":               {hosts: []string{"::1"}, name: "::1", trusted: authority},
		"default is dropped": {hosts: []string{"rc.example"}, name: "localhost", trusted: authority, refused: new(x509.HostnameError)},
		"foreign authority":  {name: "localhost", trusted: other, refused: new(x509.UnknownAuthorityError)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, err := authority.Server(tt.hosts...)
			if err != nil {
				t.Fatal(err)
			}
			roots := x509.NewCertPool()
			if !roots.AppendCertsFromPEM(tt.trusted.PEM()) {
				t.Fatal("PEM holds no certificate")
			}
			err = handshake(t, server, &tls.Config{RootCAs: roots, ServerName: tt.name})
			if tt.refused == nil {
				if err != nil {
					t.Fatalf("handshake: %v", err)
				}
				return
			}
			if !errors.As(err, tt.refused) {
				t.Fatalf("handshake: got %v, want a %T", err, tt.refused)
			}
		})
	}
}

func TestValidity(t *testing.T) {
	t.Parallel()
	server, err := newAuthority(t).Server()
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(server.Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(leaf.NotAfter); left > 24*time.Hour || left < 23*time.Hour {
		t.Errorf("the certificate ends in %v, want about 24h", left)
	}
	if leaf.IsCA {
		t.Error("a server's certificate may sign others")
	}
}

func TestPEMIsACopy(t *testing.T) {
	t.Parallel()
	authority := newAuthority(t)
	clear(authority.PEM())
	if !x509.NewCertPool().AppendCertsFromPEM(authority.PEM()) {
		t.Error("a caller can damage the authority's certificate")
	}
}

func newAuthority(t *testing.T) *pki.Authority {
	t.Helper()
	authority, err := pki.New()
	if err != nil {
		t.Fatal(err)
	}
	return authority
}

// handshake returns the client's error.
func handshake(t *testing.T, server, client *tls.Config) error {
	t.Helper()
	plain, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := tls.NewListener(plain, server)
	defer listener.Close()
	go func() {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		defer connection.Close()
		_, _ = io.Copy(io.Discard, connection) // shakes hands, and waits for the client to go
	}()
	connection, err := (&tls.Dialer{Config: client}).DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		return err
	}
	return connection.Close()
}
