package preflight

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/secret"
)

// Paths of the appliance's API; see package runecast.
const (
	pathVCenters   = "/rc2/api/v1/vcenters"
	pathDetected   = "/rc2/api/v1/results?onlyDetectedIssues=true"
	pathResults    = "/rc2/api/v1/results"
	pathIssues     = "/rc2/api/v1/issues"
	pathLicences   = "/rc2/api/v1/licenses"
	pathInstances  = "/rca/api/v2/rca-instances?localOnly=false"
	pathInstances1 = "/rc2/api/v2/rca-instances?localOnly=false"
	pathEcosystems = "/rca/api/v2/rca-instances/1/ecosystems"
	pathLatest     = "/rca/api/v2/ecosystems/{id}/config-scans/latest?includeAllAnalyzedObjects="

	// maxSmall bounds a document that is decoded at once.
	maxSmall = 8 << 20

	newToken = "create an API access token in the appliance (Settings > API Access tokens) and store it in the secret"
	checkURL = "check RUNECAST_URL: the appliance's own address, https, nothing in between that asks for a login"
)

// caller makes single calls: each once, without the patience of the client, so
// that the answer itself can be looked at.
type caller struct {
	http    *http.Client
	base    string
	host    string
	header  secret.Value // Authorization
	version string
}

func (p *Preflight) caller(cred secret.Credential) (*caller, error) {
	client, err := endpoint.Client(cred, p.o.limits())
	if err != nil {
		return nil, err
	}
	base := *p.o.URL
	path := strings.TrimRight(base.Path, "/")
	for _, ui := range []string{"/rc2", "/rca"} { // a path of the user interface
		path = strings.TrimSuffix(path, ui)
	}
	base.Path, base.RawPath = path, ""
	return &caller{http: client, base: base.String(), host: p.o.URL.Host, header: cred.Token, version: p.o.Version}, nil
}

// get makes one request; any answer is no error.
func (a *caller) get(ctx context.Context, path string) (*http.Response, error) {
	return a.do(ctx, http.MethodGet, path, nil)
}

// do makes one request, with a JSON body if it is not nil; any answer is no error.
func (a *caller) do(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, a.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, &fault.Error{Class: fault.Config, What: "the address cannot be used", Cure: "correct the URL in the settings"}
	}
	req.Header.Set("Authorization", a.header.Reveal())
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "runecast-ingest/"+a.version)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return nil, endpoint.Explain(late(ctx, err, a.host), a.host)
	}
	return resp, nil
}

// small decodes a document of limited size; errors are *fault.Error, in a *refusal if there was an answer.
func (a *caller) small(ctx context.Context, path string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	resp, err := a.get(ctx, path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := a.accept(path, resp); err != nil {
		return err
	}
	err = json.UnmarshalRead(io.LimitReader(resp.Body, maxSmall), into, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	switch {
	case ctx.Err() != nil:
		return endpoint.Explain(late(ctx, context.Cause(ctx), a.host), a.host)
	case err != nil:
		return &fault.Error{Class: fault.Reject, Where: a.host, What: "the answer to GET " + path + " is cut, or has another shape than known",
			Cure: `send what {"action":"capture"} gives to the maintainers of this function`}
	}
	return nil
}

// refusal is an answer that is no result.
type refusal struct {
	code  int
	fault *fault.Error
}

func (r *refusal) Error() string { return r.fault.Error() }
func (r *refusal) Unwrap() error { return r.fault }

// accept gives nil for an answer of the API.
func (a *caller) accept(path string, resp *http.Response) error {
	f := &fault.Error{Class: fault.Config, Where: a.host, Cure: checkURL}
	request := "GET " + path
	switch code := resp.StatusCode; {
	case code == http.StatusOK && mediaType(resp) == "text/html":
		f.What, f.Cure = request+" is answered by an HTML page instead of JSON", checkURL+"; a login page also means that the token is not valid"
	case code == http.StatusOK:
		return nil
	case code == http.StatusUnauthorized:
		f.Class, f.What, f.Cure = fault.Auth, "the token was refused (401)", newToken
	case code == http.StatusForbidden:
		f.Class, f.What, f.Cure = fault.Auth, "the token's user may not read this (403, "+request+")", newToken
	case code >= 300 && code < 400:
		f.What, f.Cure = fmt.Sprintf("%s was redirected (%d)", request, code), checkURL+"; a redirect to a login page also means that the token is not valid"
	case code == http.StatusNotFound:
		f.What = request + " is not known there (404)"
	case code >= 500:
		f.Class, f.What = fault.Retry, fmt.Sprintf("%s failed on the appliance (%d)", request, code)
		f.Cure = "wait: it may be restarting or updating itself; if it lasts, look at its system status"
	default:
		f.What = fmt.Sprintf("%s was refused (%d)", request, code)
	}
	return &refusal{resp.StatusCode, f}
}

func mediaType(resp *http.Response) string {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return kind
}

// loose is a text or number that nothing depends on; any other value is empty.
type loose string

// UnmarshalJSONFrom reads any value.
func (l *loose) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*l = ""
	switch dec.PeekKind() {
	case '"', '0':
		tok, err := dec.ReadToken()
		if err == nil {
			*l = loose(tok.String())
		}
		return err
	}
	return dec.SkipValue()
}
