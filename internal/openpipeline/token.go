package openpipeline

import (
	"fmt"
	"strings"

	"runecast-ingest/internal/secret"
)

// Kind is a kind of Dynatrace's tokens. A token's beginning tells its kind. It is looked
// at for each request, so a rotation may replace one kind by the other.
type Kind string

const (
	// AccessToken is a classic access token, dt0c01.…, sent as Api-Token.
	AccessToken Kind = "access token"
	// PlatformToken is a user's token, dt0s16.…, sent as Bearer (Dynatrace docs,
	// Platform tokens). The newest environments issue no other kind.
	PlatformToken Kind = "platform token"
	// OtherToken begins like neither. It may be a very old access token, so it is sent as
	// Api-Token.
	OtherToken Kind = "token of an unknown kind"
)

// KindOf returns the kind of a token.
func KindOf(token secret.Value) Kind {
	switch {
	case token.HasPrefix("dt0c01."):
		return AccessToken
	case token.HasPrefix("dt0s16."):
		return PlatformToken
	}
	return OtherToken
}

// scheme returns the word before a token in the Authorization header.
func scheme(token secret.Value) string {
	if KindOf(token) == PlatformToken {
		return "Bearer"
	}
	return "Api-Token"
}

// Scope returns what a token of a kind needs at this ingest address. An access token
// needs a scope; the scope of the built-in ingest does not cover a custom one, nor the
// other way round. A platform token, and its user, need an IAM permission. Only the names
// of these permissions show that they are the right ones.
func (c *Client) Scope(kind Kind) string {
	custom := strings.HasPrefix(c.ingest, IngestRoot+"custom/")
	switch {
	case kind == PlatformToken && custom:
		return "openpipeline:security.events.custom:ingest"
	case kind == PlatformToken:
		return "openpipeline:security.events:ingest"
	case custom:
		return "openpipeline.events_security.custom"
	}
	return "openpipeline.events_security"
}

// Wanted returns, for a message to a person, the tokens that this ingest address accepts.
func (c *Client) Wanted() string {
	return fmt.Sprintf("an access token (dt0c01.…) with the scope %s or a platform token (dt0s16.…) with the permission %s",
		c.Scope(AccessToken), c.Scope(PlatformToken))
}
