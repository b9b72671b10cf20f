package openpipeline

import "strings"

// Scopes that an access token needs for the built-in ingest and for a custom
// one; neither covers the other.
const (
	scopeBuiltIn = "openpipeline.events_security"
	scopeCustom  = "openpipeline.events_security.custom"
)

// Scope is what the token needs at this ingest address.
func (c *Client) Scope() string {
	if strings.HasPrefix(c.ingest, IngestRoot+"custom/") {
		return scopeCustom
	}
	return scopeBuiltIn
}
