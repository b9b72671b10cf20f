package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"runecast-ingest/internal/fault"
)

// env reads variables and keeps every fault.
type env struct {
	get    func(string) string
	faults []error
}

func (e *env) fail(name, what, cure string) {
	e.faults = append(e.faults, &fault.Error{Class: fault.Config, Where: name, What: what, Cure: cure})
}

func (e *env) err() error {
	if len(e.faults) == 0 {
		return nil
	}
	return fmt.Errorf("read configuration: %w", errors.Join(e.faults...))
}

func (e *env) text(name string) string { return strings.TrimSpace(e.get(name)) }

func (e *env) required(name, what string) string {
	v := e.text(name)
	if v == "" {
		e.fail(name, "is not set", "set it to "+what)
	}
	return v
}

func (e *env) oneOf(name, standard string, allowed ...string) string {
	v := e.text(name)
	if v == "" {
		return standard
	}
	for _, a := range allowed {
		if strings.EqualFold(v, a) {
			return a
		}
	}
	e.fail(name, fmt.Sprintf("%q is not known", v), "use "+strings.Join(allowed, ", "))
	return standard
}

func (e *env) list(name, standard string) []string {
	v := e.text(name)
	if v == "" {
		v = standard
	}
	var out []string
	for part := range strings.SplitSeq(v, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

func upper(list []string) []string {
	for i, v := range list {
		list[i] = strings.ToUpper(v)
	}
	return list
}

func (e *env) results(name, standard string) []string {
	all := []string{"FAILED", "MANUAL", "PASSED", "NOT_RELEVANT"}
	list := upper(e.list(name, standard))
	if slices.Equal(list, []string{"ALL"}) {
		return all
	}
	for _, v := range list {
		if !slices.Contains(all, v) {
			e.fail(name, fmt.Sprintf("%q is not known", v), "use all, or some of "+strings.Join(all, ", "))
		}
	}
	return list
}

func (e *env) duration(name string, standard, least time.Duration) time.Duration {
	v := e.text(name)
	if v == "" {
		return standard
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < least {
		e.fail(name, fmt.Sprintf("%q is not a duration of at least %s", v, least), "write it as 90s, 30m or 5h30m")
		return standard
	}
	return d
}

func (e *env) integer(name string, standard, least, most int) int {
	v := e.text(name)
	if v == "" {
		return standard
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		e.fail(name, fmt.Sprintf("%q is not a number from %d to %d", v, least, most), "use digits only")
		return standard
	}
	return n
}

func (e *env) percent(name, standard string) float64 {
	v := e.text(name)
	if v == "" {
		v = standard
	}
	digits, isPercent := strings.CutSuffix(v, "%")
	f, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if err != nil || !isPercent || !(f >= 0 && f <= 100) {
		e.fail(name, fmt.Sprintf("%q is not a share", v), "write it as 1% or 0.5%")
		return 0
	}
	return f / 100
}

func (e *env) level(name string) slog.Level {
	v := e.oneOf(name, "info", "debug", "info", "warn", "error")
	var l slog.Level
	if err := l.UnmarshalText([]byte(v)); err != nil {
		return slog.LevelInfo
	}
	return l
}

func (e *env) object(name string, into any) {
	v := e.text(name)
	if v == "" {
		return
	}
	if err := json.Unmarshal([]byte(v), into, json.RejectUnknownMembers(true)); err != nil {
		e.fail(name, "is not a JSON object of the right shape ("+err.Error()+")", "see the settings in functions/README.md")
	}
}

func (e *env) scanPath(name string) string {
	v := e.text(name)
	if v != "" && (!strings.HasPrefix(v, "/") || !strings.Contains(v, "{id}")) {
		e.fail(name, fmt.Sprintf("%q is not a path template", v), "write it as /rc2/api/v1/scan/{id}")
	}
	return v
}

func (e *env) endpoint(name string, allowLoopback bool, example string) *url.URL {
	v := e.text(name)
	if v == "" {
		e.fail(name, "is not set", "set it to an address such as "+example)
		return nil
	}
	u, err := parseAddress(v, allowLoopback)
	if err != nil {
		e.fail(name, err.Error(), "set it to an address such as "+example)
		return nil
	}
	u.Path = strings.TrimRight(u.Path, "/")
	return u
}

// ingestPath is the built-in security-events endpoint (Dynatrace docs,
// OpenPipeline ingest API, 2025-06-24).
const ingestPath = "/platform/ingest/v1/security.events"

// ingestURL completes an environment's base address to the ingest address, and
// leads the web application's host to the API's. The note tells what changed.
func ingestURL(u *url.URL) (*url.URL, string) {
	if u == nil {
		return nil, ""
	}
	note := ""
	if host := strings.Replace(u.Host, ".apps.dynatrace", ".live.dynatrace", 1); host != u.Host {
		note = fmt.Sprintf("OPENPIPELINE_URL: %s serves the web application, sending to %s", u.Host, host)
		u.Host = host
	}
	if !strings.Contains(u.Path, "/platform/ingest/") {
		u.Path += ingestPath
	}
	return u, note
}

// variables records which names a loader asks for.
func variables(load func(func(string) string)) []string {
	var names []string
	load(func(name string) string {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		return ""
	})
	slices.Sort(names)
	return names
}
