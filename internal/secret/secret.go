// Package secret reads credentials from AWS Secrets Manager. It promises that
// a token is never printed: the type that holds it redacts itself in every
// format that logs, errors and traces use.
package secret

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/fault"
)

const redacted = "[redacted]"

// Value is a secret text. Only Reveal returns it.
type Value struct{ text string }

// NewValue wraps a text as a secret.
func NewValue(text string) Value { return Value{text} }

// Reveal returns the text itself, for the request that carries it.
func (v Value) Reveal() string { return v.text }

// HasPrefix reports whether the secret begins with a text that is no secret,
// such as the mark of a kind of token.
func (v Value) HasPrefix(prefix string) bool { return strings.HasPrefix(v.text, prefix) }

// Redact returns a text of another service with "[redacted]" in place of the secret.
func (v Value) Redact(text string) string {
	if v.text == "" {
		return text
	}
	return strings.ReplaceAll(text, v.text, redacted)
}

// Format keeps the text out of every fmt verb.
func (v Value) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(redacted)) }

// String returns "[redacted]".
func (v Value) String() string { return redacted }

// GoString returns "[redacted]".
func (v Value) GoString() string { return redacted }

// MarshalText keeps the text out of JSON and of map keys.
func (v Value) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue keeps the text out of slog.
func (v Value) LogValue() slog.Value { return slog.StringValue(redacted) }

// Credential is what a secret holds about one endpoint.
type Credential struct {
	// Token is sent in the Authorization header.
	Token Value
	// QueryToken, if set, is the token for the query service.
	QueryToken Value
	// CAPEM, if set, is the only authority trusted for the endpoint (PEM).
	CAPEM string
	// SPKISHA256, if set, pins the endpoint's public key: SHA-256 of the
	// certificate's SubjectPublicKeyInfo in base64 or hexadecimal.
	SPKISHA256 string
	// SecretID is the ARN or name of the secret that the credential was read from.
	SecretID string
	// VersionID is the Secrets Manager version that was read; it changes with rotation.
	VersionID string
}

// Parse reads a secret's text: a bare token, or a JSON object
// {"token":"…","query_token":"…","ca_pem":"…","spki_sha256":"…"}. A token is
// printable ASCII without spaces. An error is a *fault.Error of class Config: it names the
// member that is bad and what to store, never the value.
func Parse(raw string) (Credential, error) {
	switch {
	case strings.HasPrefix(raw, "\ufeff"):
		return Credential{}, bad("it begins with a byte-order mark, which editors and shells on Windows write",
			"store it again as UTF-8 without a byte-order mark, or type it into the console of Secrets Manager")
	case strings.ContainsRune(raw, 0):
		return Credential{}, bad("it holds zero bytes, as text in UTF-16 does",
			"store it again as UTF-8, or type it into the console of Secrets Manager")
	}
	text := strings.TrimSpace(raw)
	var c Credential
	if strings.HasPrefix(text, "{") {
		var doc struct {
			Token      string `json:"token"`
			QueryToken string `json:"query_token"`
			CAPEM      string `json:"ca_pem"`
			SPKISHA256 string `json:"spki_sha256"`
		}
		if json.Unmarshal([]byte(text), &doc) != nil { // its error may quote the secret
			return Credential{}, bad("it begins with { but is not a JSON object with string members", storeIt)
		}
		if err := checkMembers(text); err != nil {
			return Credential{}, err
		}
		text = strings.TrimSpace(doc.Token)
		if query := strings.TrimSpace(doc.QueryToken); query != "" {
			if err := checkToken("query_token", query); err != nil {
				return Credential{}, err
			}
			c.QueryToken = NewValue(query)
		}
		c.CAPEM, c.SPKISHA256 = doc.CAPEM, strings.TrimSpace(doc.SPKISHA256)
	}
	if err := checkToken("token", text); err != nil {
		return Credential{}, err
	}
	c.Token = NewValue(text)
	return c, nil
}

// checkMembers refuses a member whose name differs from one that is read only in case or
// in the signs between its letters: what it holds, as a pin, would be ignored. Members of
// other names are ignored, since they may belong to another program.
func checkMembers(text string) error {
	var members map[string]jsontext.Value
	_ = json.Unmarshal([]byte(text), &members) // it was read as an object before
	for _, name := range slices.Sorted(maps.Keys(members)) {
		for _, known := range []string{"token", "query_token", "ca_pem", "spki_sha256"} {
			if name != known && lettersOf(name) == lettersOf(known) {
				return bad(fmt.Sprintf("it has a member %q, which is not read", name), fmt.Sprintf("write its name as %q", known))
			}
		}
	}
	return nil
}

// lettersOf returns the letters and digits of a name, in lower case.
func lettersOf(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}

// ErrNoQueryToken means that the secret holds no token that may query.
var ErrNoQueryToken = errors.New(`it holds no token that may query: to have arrivals proven, store a platform token (dt0s16.…) with ` +
	`storage:security.events:read and storage:buckets:read beside "token" as "query_token"`)

// PlatformPrefix is how platform tokens begin. Only they may query (Dynatrace docs,
// Platform tokens).
const PlatformPrefix = "dt0s16."

// ForQueries returns the credential for the query service, with QueryToken as its Token.
// Without a QueryToken it keeps the ingest's token if that is a platform token, which may
// be allowed to read, and else returns ErrNoQueryToken. A QueryToken of another kind is a
// *fault.Error of class Config.
func (c Credential) ForQueries() (Credential, error) {
	switch own := c.QueryToken.text != ""; {
	case own && !c.QueryToken.HasPrefix(PlatformPrefix):
		return Credential{}, bad(`the member "query_token" is no platform token (dt0s16.…), and no other may query`, "create a platform token with storage:security.events:read and storage:buckets:read")
	case own:
		c.Token = c.QueryToken
	case !c.Token.HasPrefix(PlatformPrefix):
		return Credential{}, ErrNoQueryToken
	}
	return c, nil
}

// storeIt is the cure for a secret whose text cannot be used.
const storeIt = `store the bare token, or {"token":"…","ca_pem":"…"}`

// checkToken returns an error if a text cannot be a token: it is empty, or has quotes,
// spaces or other characters that a shell, an editor or a person added.
func checkToken(member, text string) error {
	named := "the token"
	if member != "token" {
		named = "the member \"" + member + "\""
	}
	if text == "" {
		return bad(`the member "token" is missing or empty`, storeIt)
	}
	if first, _ := utf8.DecodeRuneInString(text); strings.ContainsRune("\"'`“”„‘’‚«»", first) {
		return bad(named+" stands in quotes", "store the token without quotes around it")
	}
	switch {
	case strings.ContainsRune("[<(", rune(text[0])):
		return bad(named+" begins with a bracket", storeIt)
	case strings.Contains(text, "://"):
		return bad(named+" is an address", storeIt)
	}
	for _, r := range text {
		switch {
		case r <= ' ' || r == 0x7f:
			return bad(named+" holds a space or a control character", storeIt)
		case r > 0x7f:
			return bad(fmt.Sprintf("%s holds a character that no token has (%U)", named, r), "copy the token again from where it was shown, and store nothing but it")
		}
	}
	return nil
}

func bad(what, cure string) error {
	return &fault.Error{Class: fault.Config, What: "the secret cannot be used, " + what, Cure: cure}
}
