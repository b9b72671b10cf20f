package appliance

import (
	"fmt"
	"html"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

const htmlType = "text/html;charset=utf-8"

// admitted reports whether a request may go on to the API; if not, it has answered it.
func (a *Appliance) admitted(w http.ResponseWriter, r *http.Request) bool {
	if a.updating(w, r) {
		return false
	}
	if a.options.Faults.Login != "" && isLogin(r.URL.Path) {
		a.showLogin(w)
		return false
	}
	// An Authorization header carries the bare token; Bearer is accepted too.
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	expired := !a.options.Faults.TokenUntil.IsZero() && !a.options.Now().Before(a.options.Faults.TokenUntil)
	switch {
	case token == "":
		a.demandLogin(w, r, "Full authentication is required to access this resource")
		return false
	case expired, token != a.options.Token && token != a.options.ReadOnlyToken:
		a.demandLogin(w, r, "Bad credentials")
		return false
	case token != a.options.Token && r.Method != http.MethodGet && r.Method != http.MethodHead:
		a.refuse(w, r, http.StatusForbidden, "Access is denied")
		return false
	}
	return true
}

// updating answers with 503 during an update, and reports whether it did.
func (a *Appliance) updating(w http.ResponseWriter, r *http.Request) bool {
	elapsed := a.options.Now().Sub(a.started)
	for _, update := range a.options.Faults.Updates {
		left := update.After + update.For - elapsed
		if elapsed < update.After || left <= 0 {
			continue
		}
		if update.RetryAfter {
			seconds := (left + time.Second - 1) / time.Second
			w.Header().Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
		}
		a.refuse(w, r, http.StatusServiceUnavailable, "Service Unavailable")
		return true
	}
	return false
}

// demandLogin refuses a missing or wrong token. It is possible, but not proven, that
// real appliances send programs to a login page as they send people: their login is
// that of Spring Security.
func (a *Appliance) demandLogin(w http.ResponseWriter, r *http.Request, message string) {
	switch a.options.Faults.Login {
	case LoginRedirect:
		w.Header().Set("Location", root(r.URL.Path)+"/login")
		w.WriteHeader(http.StatusFound)
	case LoginPage:
		a.showLogin(w)
	default:
		a.refuse(w, r, http.StatusUnauthorized, message)
	}
}

// root returns the part of the appliance that a path belongs to: /rca, else /rc2.
func root(path string) string {
	if strings.HasPrefix(path, "/rca/") {
		return "/rca"
	}
	return "/rc2"
}

func isLogin(path string) bool { return path == root(path)+"/login" }

// showLogin answers with a login page that has the fields of a real one.
func (a *Appliance) showLogin(w http.ResponseWriter) {
	w.Header().Set("Content-Type", htmlType)
	_, _ = w.Write([]byte(`<!DOCTYPE html>
<html><head><title>Runecast Analyzer</title></head>
<body><form method="post" action="login"><input name="j_username"><input name="j_password" type="password"><button>Log in</button></form></body></html>
`))
}

// refuse answers with the error body of Spring, on which the appliance is
// likely built, or of Tomcat, in which it runs. The error bodies of real appliances
// are not public.
func (a *Appliance) refuse(w http.ResponseWriter, r *http.Request, status int, message string) {
	if a.options.Faults.Errors == ErrorsHTML {
		title := fmt.Sprintf("HTTP Status %d – %s", status, http.StatusText(status))
		w.Header().Set("Content-Type", htmlType)
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `<!doctype html><html lang="en"><head><title>%s</title></head><body><h1>%s</h1><hr class="line" /><p><b>Message</b> %s</p></body></html>`,
			title, title, html.EscapeString(message))
		return
	}
	body, err := json.Marshal(problem{
		Timestamp: a.now().UTC().Format(timeLayout),
		Status:    status,
		Error:     http.StatusText(status),
		Message:   message,
		Path:      r.URL.Path,
	}, lenient)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone: nobody is left to tell
}
