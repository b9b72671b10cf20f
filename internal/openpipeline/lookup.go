package openpipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/secret"
)

const (
	// pathLookup is the path of the look-up of a token. A token with any scope may look
	// itself up (Dynatrace docs, Access tokens API, "POST token lookup").
	pathLookup = "/api/v2/apiTokens/lookup"
	// maxLookup bounds the look-up's answer, in bytes.
	maxLookup = 8 << 20

	correctAddress = "set OPENPIPELINE_URL to https://<environment>.live.dynatrace.com"
)

// CheckAgain is the cure for an error that passes by itself.
const CheckAgain = "check again in a few minutes; if it lasts, look at the status of your Dynatrace environment"

// ErrOddLookup means that the answer to a look-up has an unknown shape: the token was
// accepted, and nothing more is known of it.
var ErrOddLookup = errors.New("the look-up's answer has another shape than known")

// ErrPlatformToken means that the token is a platform token, which the classic look-up
// does not know.
var ErrPlatformToken = errors.New("a platform token cannot be looked up")

// Token is what an environment says of an access token.
type Token struct {
	// Enabled reports whether the token is enabled; nil: the answer does not say.
	Enabled *bool
	// Expires is when the token expires, as Dynatrace wrote it; empty: never, or the
	// answer does not say.
	Expires string
	// Scopes are the token's scopes; nil: the answer does not say.
	Scopes []string
}

// LookUp asks the environment about the access token. An error is
// *endpoint.RefusedError if the answer does not describe the token, ErrOddLookup,
// ErrPlatformToken, *fault.Error, or the context's error.
func (c *Client) LookUp(ctx context.Context) (Token, error) {
	a, err := c.service.Do(ctx, endpoint.Request{Method: http.MethodPost, Path: pathLookup, Accept: "application/json", Body: asked})
	if err != nil {
		return Token{}, err
	}
	defer a.Close()
	switch {
	case a.Err != nil && ctx.Err() != nil:
		return Token{}, context.Cause(ctx)
	case a.Err != nil:
		return Token{}, a.Why()
	case KindOf(a.Token()) == PlatformToken:
		return Token{}, ErrPlatformToken
	case a.Status != http.StatusOK, a.Page():
		return Token{}, c.notLookedUp(a)
	}
	var state struct {
		Enabled *bool          `json:"enabled"`
		Expires jsontext.Value `json:"expirationDate"`
		Scopes  []string       `json:"scopes"`
	}
	err = json.UnmarshalRead(io.LimitReader(a, maxLookup), &state, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	switch {
	case err != nil && ctx.Err() != nil:
		return Token{}, context.Cause(ctx)
	case err != nil:
		return Token{}, ErrOddLookup
	}
	return Token{state.Enabled, text(state.Expires), state.Scopes}, nil
}

// asked returns the body of a look-up.
func asked(token secret.Value) []byte {
	body, _ := json.Marshal(map[string]string{"token": token.Reveal()}) // a map of texts can always be written
	return body
}

// text returns the text of a JSON string or number; empty for any other value.
func text(v jsontext.Value) string {
	switch v.Kind() {
	case '"':
		unquoted, _ := jsontext.AppendUnquote(nil, v) // invalid UTF-8 in it is replaced
		return string(unquoted)
	case '0':
		return string(v)
	}
	return ""
}

// notLookedUp returns the error of an answer that does not describe the token.
func (c *Client) notLookedUp(a *endpoint.Answer) error {
	f := fault.Error{Class: fault.Config, Cure: correctAddress}
	const request = "POST " + pathLookup
	switch code := a.Status; {
	case code == http.StatusOK:
		f.What = request + " is answered by an HTML page instead of JSON"
	case code == http.StatusUnauthorized:
		f.Class, f.What = fault.Auth, "the token is disabled, expired, or of another environment: it was refused (401)"
		f.Cure = "create in Dynatrace " + c.Wanted() + ", and store it in the secret"
	case code == http.StatusForbidden:
		f.Class, f.What = fault.Auth, "the token may not look itself up (403)"
	case code == http.StatusNotFound:
		f.What = request + " is not known there (404): it is no Dynatrace environment, or does not have this token"
	case code >= 300 && code < 400:
		f.What = fmt.Sprintf("%s was redirected (%d)", request, code)
	case a.Class() == fault.Retry:
		f.Class, f.What, f.Cure = fault.Retry, fmt.Sprintf("%s failed there (%d)", request, code), CheckAgain
	default:
		f.What = fmt.Sprintf("%s was refused (%d)", request, code)
	}
	a.AddOrigin(&f)
	return a.Refused(f)
}

// Knock posts an empty list of events, so nothing is stored, and returns the status:
// without an error it is 2xx, or 400 for the empty list, and the token was not refused.
// kind is the kind of the token that was sent. A success does not prove that events would
// be accepted: it is not documented whether Dynatrace checks the token before the body.
// An error is as in Result.Err, or the context's.
func (c *Client) Knock(ctx context.Context) (status int, kind Kind, err error) {
	a, err := c.post(ctx, func() endpoint.Content { return strings.NewReader("[]") }, time.Time{})
	if err != nil {
		return 0, "", err
	}
	if a.Err != nil && ctx.Err() != nil {
		return 0, "", context.Cause(ctx)
	}
	kind = KindOf(a.Token())
	if outcome := classify(a); outcome == Accepted || outcome == Refused {
		return a.Status, kind, nil
	}
	return a.Status, kind, c.explain(a)
}
