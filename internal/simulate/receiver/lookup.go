package receiver

import (
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

const (
	// LookupPath is where Dynatrace tells about a token to whoever holds it
	// (Dynatrace docs, Access tokens API, "POST token lookup").
	LookupPath = "/api/v2/apiTokens/lookup"
	// Scope is what an access token needs for the built-in ingest.
	Scope = "openpipeline.events_security"
	// Permission is what a platform token needs, by the names of the permissions;
	// no document says so.
	Permission = "openpipeline:security.events:ingest"

	maxLookup = 16 << 10 // bytes of a request
)

// TokenState is how a token stands. The zero value is enabled, has the scope
// of the ingest, and never expires.
type TokenState struct {
	// Disabled tokens, and those whose time is over, are refused with 401. A
	// zero Expires means never.
	Disabled bool
	Expires  time.Time
	// Scopes of an access token, permissions of a platform token; nil: what the
	// ingest wants, alone.
	Scopes []string
	// NoLookup refuses the look-up with 403: nothing documents that any scope
	// will always do.
	NoLookup bool
}

// scopes returns what a token may do.
func (s TokenState) scopes(token string) []string {
	if s.Scopes == nil {
		return []string{wanted(token)}
	}
	return s.Scopes
}

// wanted is what a token of its kind needs for the built-in ingest: neither
// stands for the other.
func wanted(token string) string {
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

// authenticate refuses whoever does not have the token, names it by the scheme
// of another kind, or has one that is not valid.
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

func (r *Receiver) describe() apiToken {
	public := strings.Split(r.token(), ".")
	t := apiToken{ID: strings.Join(public[:min(2, len(public))], "."), Name: "simulated", Enabled: true, Scopes: r.options.TokenState.scopes(r.token())}
	if at := r.options.TokenState.Expires; !at.IsZero() {
		t.Expires = at.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return t
}
