package openpipeline

import (
	"net/http"
	"sync"

	"runecast-ingest/internal/secret"
)

// clients keeps the HTTP client of the trust in use: connections are reused
// until the secret names another CA or pin.
type clients struct {
	mu     sync.Mutex
	ca     string
	pin    string
	client *http.Client
}

func (c *clients) get(cred secret.Credential, build func(secret.Credential) (*http.Client, error)) (*http.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client != nil && c.ca == cred.CAPEM && c.pin == cred.SPKISHA256 {
		return c.client, nil
	}
	client, err := build(cred)
	if err != nil {
		return nil, err
	}
	c.ca, c.pin, c.client = cred.CAPEM, cred.SPKISHA256, client
	return client, nil
}
