package receiver

import (
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

const (
	// LookupPath is where Dynatrace describes a token to a caller that sends it
	// (Dynatrace docs, Access tokens API, "POST token lookup").
	LookupPath = "/api/v2/apiTokens/lookup"
	// Scope is what an access token needs for the built-in ingest.
	Scope = "openpipeline.events_security"
	// Permission is what a platform token needs for the built-in ingest. No document
	// says so: it is inferred from the names of the permissions.
	Permission = "openpipeline:security.events:ingest"

	maxLookup = 16 << 10 // bytes of a request
)

// TokenState says whether a token is valid, and what it may do. With the zero value
// it is enabled, has the scope of the ingest, and never expires.
type TokenState struct {
	// A token that is disabled or expired is refused with 401. A zero Expires means
	// that it never expires.
	Disabled bool
	Expires  time.Time
	// Scopes are the scopes of an access token or the permissions of a platform
	// token; nil: only what the ingest needs.
	Scopes []string
	// NoLookup refuses the look-up with 403. No document promises that a token of any
	// scope may look itself up.
	NoLookup bool
}

// scopes returns the scopes or permissions of a token.
func (s TokenState) scopes(token string) []string {
	if s.Scopes == nil {
		return []string{ingestScope(token)}
	}
	return s.Scopes
}

// ingestScope returns what a token of its kind needs for the built-in ingest: Scope or
// Permission. Neither replaces the other.
func ingestScope(token string) string {
	if strings.HasPrefix(token, platformPrefix) {
		return Permission
	}
	return Scope
}

// SetToken makes another token the only one accepted, as a rotation does.
func (r *Receiver) SetToken(token string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.options.Token = token
}

func (r *Receiver) token() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.options.Token
}

// platformPrefix begins the tokens that are sent as Bearer; all others are sent
// as Api-Token (Dynatrace docs, Platform tokens and Access tokens).
const platformPrefix = "dt0s16."

// authenticate refuses a request without the token, one that sends it with the scheme
// of the other kind of token, and every request if the token is disabled or expired.
func (r *Receiver) authenticate(req *http.Request) *refusal {
	token, state := r.token(), r.options.TokenState
	scheme := "Api-Token "
	if strings.HasPrefix(token, platformPrefix) {
		scheme = "Bearer "
	}
	over := !state.Expires.IsZero() && !r.options.Now().Before(state.Expires)
	if token == "" || req.Header.Get("Authorization") != scheme+token || state.Disabled || over {
		return refuse(http.StatusUnauthorized, "the token is missing or invalid")
	}
	return nil
}

// lookup answers 200 and the documented ApiToken, 404 and no body for a token
// that is not known, or an error envelope.
func (r *Receiver) lookup(w http.ResponseWriter, req *http.Request) {
	if no := r.mayLookUp(req); no != nil {
		r.countRefusal(no.status)
		no.write(w)
		return
	}
	var asked struct {
		Token string `json:"token"`
	}
	if err := json.UnmarshalRead(io.LimitReader(req.Body, maxLookup), &asked); err != nil || asked.Token == "" {
		no := refuse(http.StatusBadRequest, "the body holds no token")
		r.countRefusal(no.status)
		no.write(w)
		return
	}
	if asked.Token != r.token() {
		r.countRefusal(http.StatusNotFound)
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.MarshalWrite(w, r.describe()) // the asker may be gone
}

func (r *Receiver) mayLookUp(req *http.Request) *refusal {
	switch {
	case req.Method != http.MethodPost:
		return refuse(http.StatusMethodNotAllowed, "method %s is not allowed", req.Method)
	case strings.HasPrefix(req.Header.Get("Authorization"), "Bearer "):
		return refuse(http.StatusUnauthorized, "the token is missing or invalid") // a classic endpoint knows no platform token
	case r.options.TokenState.NoLookup:
		return refuse(http.StatusForbidden, "the token lacks the scope apiTokens.read")
	}
	return r.authenticate(req)
}

// apiToken is the documented metadata of a token.
type apiToken struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Enabled bool     `json:"enabled"`
	Expires string   `json:"expirationDate,omitzero"`
	Scopes  []string `json:"scopes"`
}

// describe returns the metadata of the token in use. Its id is the public part: all
// but what follows the second dot.
func (r *Receiver) describe() apiToken {
	public := strings.Split(r.token(), ".")
	t := apiToken{ID: strings.Join(public[:min(2, len(public))], "."), Name: "simulated", Enabled: true, Scopes: r.options.TokenState.scopes(r.token())}
	if at := r.options.TokenState.Expires; !at.IsZero() {
		t.Expires = at.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return t
}
