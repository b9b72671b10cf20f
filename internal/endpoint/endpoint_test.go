package endpoint

import (
	"strings"
	"testing"

	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/secret"
)

func TestClientRefusesBadTrust(t *testing.T) {
	t.Parallel()
	for name, cred := range map[string]secret.Credential{
		"ca_pem":      {CAPEM: "not PEM"},
		"spki_sha256": {SPKISHA256: "deadbeef"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Client(cred, Options{})
			if err == nil || !strings.Contains(err.Error(), name) || fault.ClassOf(err) != fault.Config {
				t.Errorf("error %v, want a config fault that names %s", err, name)
			}
		})
	}
}

func TestClientIgnoresProxies(t *testing.T) {
	t.Parallel()
	c, err := Client(secret.Credential{}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if g, ok := c.Transport.(*stallGuard); !ok || g.next.Proxy != nil {
		t.Error("the client takes a proxy from the environment")
	}
}
