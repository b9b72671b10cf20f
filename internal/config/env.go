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

// Env reads variables and collects the faults in them. If Err returns an error, the
// values that were read are not to be used.
type Env struct {
	get    func(string) string
	faults []error
}

// New makes a reader; getenv is os.Getenv.
func New(getenv func(string) string) *Env { return &Env{get: getenv} }

// fail adds a fault of a variable.
func (e *Env) fail(name, what, cure string) {
	e.faults = append(e.faults, &fault.Error{Class: fault.Config, Where: name, What: what, Cure: cure})
}

// Refuse adds a fault that the caller has found, such as two values that do not fit
// together.
func (e *Env) Refuse(name, what, cure string) { e.fail(name, what, cure) }

// Err returns all faults in one error of class config; nil: there is none.
func (e *Env) Err() error {
	if len(e.faults) == 0 {
		return nil
	}
	return fmt.Errorf("read configuration: %w", errors.Join(e.faults...))
}

// text reads a variable without white space around it, and without the byte-order
// mark that a program on Windows may have put before it.
func (e *Env) text(name string) string {
	return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(e.get(name)), "\ufeff"))
}

// Required reads a text that must be set. The cure of a missing one is "set it to" and
// what.
func (e *Env) Required(name, what string) string {
	v := e.text(name)
	if v == "" {
		e.fail(name, "is not set", "set it to "+what)
	}
	return v
}

// Switch reports whether a setting of two words, such as off and on or false and true,
// is on or true. The first word is the default.
func (e *Env) Switch(name, standard, other string) bool {
	v := OneOf(e, name, standard, other)
	return v == "true" || v == "on"
}

// OneOf reads one of several words, in upper or lower case; standard is the default.
func OneOf[T ~string](e *Env, name string, standard T, others ...T) T {
	v := e.text(name)
	if v == "" {
		return standard
	}
	allowed := append([]T{standard}, others...)
	for _, a := range allowed {
		if strings.EqualFold(v, string(a)) {
			return a
		}
	}
	e.fail(name, fmt.Sprintf("%q is not known", v), "use "+joined(allowed))
	return standard
}

// SomeOf reads a list of allowed words, in upper or lower case, or "all" for all of
// them; standard is the default.
func SomeOf[T ~string](e *Env, name string, standard []T, allowed ...T) []T {
	list := e.List(name)
	switch {
	case len(list) == 0:
		return standard
	case len(list) == 1 && strings.EqualFold(list[0], "all"):
		return allowed
	}
	var some []T
	for _, v := range list {
		i := slices.IndexFunc(allowed, func(a T) bool { return strings.EqualFold(v, string(a)) })
		if i < 0 {
			e.fail(name, fmt.Sprintf("%q is not known", v), "use all, or some of "+joined(allowed))
			continue
		}
		some = append(some, allowed[i])
	}
	return some
}

func joined[T ~string](words []T) string {
	var all []string
	for _, w := range words {
		all = append(all, string(w))
	}
	return strings.Join(all, ", ")
}

// List reads words separated by commas; nil: the setting is empty. A word that begins
// with a quote is refused, since it would be compared together with the quote.
func (e *Env) List(name string) []string {
	var out []string
	for part := range strings.SplitSeq(e.text(name), ",") {
		switch part = strings.TrimSpace(part); {
		case part == "":
		case wrapped(part):
			e.fail(name, fmt.Sprintf("%q stands in quotes", part), "write the words as they are, separated by commas: one,two words,three")
		default:
			out = append(out, part)
		}
	}
	return out
}

// wrapped reports whether a text begins with a quote, or as a JSON list of texts does.
func wrapped(text string) bool {
	return strings.IndexAny(strings.TrimPrefix(text, "["), "\"'`“”„‘’‚«»") == 0
}

// Upper makes words upper case, in place.
func Upper(list []string) []string {
	for i, v := range list {
		list[i] = strings.ToUpper(v)
	}
	return list
}

// Duration reads a duration as Go writes it, not below least; standard is the default.
func (e *Env) Duration(name string, standard, least time.Duration) time.Duration {
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

// Integer reads a whole number from least to most; standard is the default.
func (e *Env) Integer(name string, standard, least, most int) int {
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

// Percent reads a share from 0% to 100%, and returns "1%" as 0.01; standard is the
// default.
func (e *Env) Percent(name, standard string) float64 {
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

// Level reads debug, info, warn or error; info is the default.
func (e *Env) Level(name string) slog.Level {
	v := OneOf(e, name, "info", "debug", "warn", "error")
	var l slog.Level
	if err := l.UnmarshalText([]byte(v)); err != nil {
		return slog.LevelInfo
	}
	return l
}

// Object reads a JSON object into a value, which stays as it is if the setting is empty.
// Members that the value does not have are refused.
func (e *Env) Object(name string, into any) {
	v := e.text(name)
	if v == "" {
		return
	}
	if v == "null" {
		e.fail(name, "is null, and no JSON object", "leave it empty, or see the settings in functions/README.md")
		return
	}
	if err := json.Unmarshal([]byte(v), into, json.RejectUnknownMembers(true)); err != nil {
		e.fail(name, "is not a JSON object of the right shape ("+err.Error()+")", "see the settings in functions/README.md")
	}
}

// Parsed reads a text with a parser; cure says how the text is to be written. It returns
// the zero value if the setting is empty.
func Parsed[T any](e *Env, name string, parse func(string) (T, error), cure string) (v T) {
	text := e.text(name)
	if text == "" {
		return v
	}
	v, err := parse(text)
	if err != nil {
		e.fail(name, err.Error(), cure)
	}
	return v
}

// PathTemplate reads a path that holds {id}; empty: the setting is empty.
func (e *Env) PathTemplate(name, example string) string {
	v := e.text(name)
	if v != "" && (!strings.HasPrefix(v, "/") || !strings.Contains(v, "{id}")) {
		e.fail(name, fmt.Sprintf("%q is not a path template", v), "write it as "+example)
	}
	return v
}

// Endpoint reads the address of an outside service, which must be set, and cuts slashes
// at its end; nil: the address has a fault. It must be https; plain http is accepted for
// a loopback host if allowLoopback is set.
func (e *Env) Endpoint(name string, allowLoopback bool, example string) *url.URL {
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

// OptionalEndpoint reads an address as Endpoint does, but it need not be set; nil: it is
// not set, or has a fault.
func (e *Env) OptionalEndpoint(name string, allowLoopback bool, example string) *url.URL {
	if e.text(name) == "" {
		return nil
	}
	return e.Endpoint(name, allowLoopback, example)
}

// Variables returns the names of all variables that a loader reads, sorted.
func Variables(load func(func(string) string)) []string {
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
