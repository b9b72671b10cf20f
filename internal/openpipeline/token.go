package openpipeline

import (
	"fmt"
	"strings"

	"runecast-ingest/internal/secret"
)

// Kind is a kind of Dynatrace's tokens. A token is told by how it begins, each
// time that it is used, so that one kind may be rotated into the other.
type Kind string

const (
	// AccessToken is a classic one, dt0c01.…, sent as Api-Token.
	AccessToken Kind = "access token"
	// PlatformToken is one of a user, dt0s16.…, sent as Bearer (Dynatrace docs,
	// Platform tokens). Newest environments issue no other.
	PlatformToken Kind = "platform token"
	// OtherToken begins like neither. Very old access tokens do, so it is sent as
	// one.
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

// scheme is the word before a token in the Authorization header.
func scheme(token secret.Value) string {
	if KindOf(token) == PlatformToken {
		return "Bearer"
	}
	return "Api-Token"
}

// Scope is what a token of a kind needs at this ingest address: an access token
// a scope, of which neither covers the other; a platform token, and its user,
// an IAM permission. That these permissions are the ones is known by their
// names alone.
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

// Wanted names the tokens that this ingest address takes.
func (c *Client) Wanted() string {
	return fmt.Sprintf("an access token (dt0c01.…) with the scope %s or a platform token (dt0s16.…) with the permission %s",
		c.Scope(AccessToken), c.Scope(PlatformToken))
}
