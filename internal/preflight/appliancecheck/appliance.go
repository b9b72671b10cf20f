package appliancecheck

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"runecast-ingest/internal/appliance"
	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/preflight"
	"runecast-ingest/internal/runecast"
)

// leastForDynatrace is the first version with Dynatrace's own integration
// (Dynatrace docs, "Ingest Runecast Analyzer compliance findings").
const leastForDynatrace = "6.9.12"

// token proves that the appliance accepts the token: one version of the API answers.
func (c *check) token(ctx context.Context) preflight.Row {
	var first, second string
	first, c.v1 = c.answers(ctx, runecast.V1)
	second, c.v2 = c.answers(ctx, runecast.V2)
	unknown := func(err error) bool { return endpoint.StatusOf(err) == http.StatusNotFound }
	switch {
	case c.v1 == nil:
		return preflight.Passed("accepted (" + first + ")")
	case c.v2 == nil:
		return preflight.Passed("accepted (" + second + ")")
	case unknown(c.v1) && unknown(c.v2):
		return preflight.Fail("neither API v1 nor v2 is known at this address (404)",
			"check RUNECAST_URL: the appliance's own address, https, nothing in between that asks for a login")
	case unknown(c.v1):
		return preflight.FailedBy(c.v2)
	}
	return preflight.FailedBy(c.v1)
}

// answers requests the smallest list of one version of the API.
func (c *check) answers(ctx context.Context, version string) (string, error) {
	limited, cancel := context.WithTimeout(ctx, preflight.CallTime)
	defer cancel()
	request, err := c.app.Answers(limited, version)
	return request, preflight.Late(limited, err, c.o.URL.Host)
}

// version shows the versions of the appliance and its definitions.
func (c *check) version(ctx context.Context) preflight.Row {
	limited, cancel := context.WithTimeout(ctx, preflight.CallTime)
	defer cancel()
	info := c.app.Info(limited)
	if info.Version == "" {
		return preflight.Unproven("the appliance does not tell its version", "")
	}
	detail := info.Version + ", definitions " + cmp.Or(info.Definitions, "unknown")
	if older(info.Version, leastForDynatrace) {
		return preflight.Warn(detail+": below "+leastForDynatrace+", which Dynatrace's own integration asks for; this function does not",
			"update the appliance when you can: older versions are less proven")
	}
	return preflight.Passed(detail)
}

// older reports whether a version of dotted numbers is older than another. A part that is
// not a number counts as 0.
func older(version, than string) bool {
	parts := strings.Split(version, ".")
	for i, want := range strings.Split(than, ".") {
		have := 0
		if i < len(parts) {
			have, _ = strconv.Atoi(parts[i])
		}
		if w, _ := strconv.Atoi(want); have != w {
			return have < w
		}
	}
	return false
}

// apiVersion shows which versions of the API answer, which one is set, and which one a
// run would use.
func (c *check) apiVersion(ctx context.Context) preflight.Row {
	var answers []string
	if c.v1 == nil {
		answers = append(answers, "v1")
	}
	if c.v2 == nil {
		answers = append(answers, "v2")
	}
	detail := fmt.Sprintf("answering: %s; set: %s", strings.Join(answers, ", "), c.o.API)
	limited, cancel := context.WithTimeout(ctx, preflight.CallTime)
	defer cancel()
	before := ""
	if c.last != nil {
		before = c.last.Appliance.API
	}
	speak, err := c.app.APIVersion(limited, appliance.Past{Before: before})
	switch {
	case err != nil:
		return preflight.FailedBy(preflight.Late(limited, err, c.o.URL.Host))
	case speak == runecast.V1 && c.v1 != nil, speak == runecast.V2 && c.v2 != nil:
		return preflight.Fail(detail, "set RUNECAST_API to auto or "+strings.Join(answers, " or "))
	}
	c.speak = speak
	detail += "; used: " + speak
	switch {
	case c.last == nil:
		return preflight.Unproven(detail+"; what the runs before used is not known", `cure "archive" first: runs keep to the API of those before`)
	case before == "":
		return preflight.Passed(detail)
	case before != speak:
		return preflight.Warn(fmt.Sprintf("%s; the runs before used %s: each system gets another id with the next run", detail, before),
			`set RUNECAST_API back to auto if that is not meant; else read "The appliance's API has changed" in the runbook`)
	}
	return preflight.Passed(detail + ", as by the runs before")
}

// maxLicences bounds the licences that a row names.
const maxLicences = 20

// licences shows until when the licences are valid, and warns before they end. Rules on
// a host without a licence come as UNLICENSED, which is never sent.
func (c *check) licences(ctx context.Context) preflight.Row {
	limited, cancel := context.WithTimeout(ctx, preflight.CallTime)
	defer cancel()
	all, err := c.app.Licences(limited)
	if err != nil {
		return preflight.Unproven(preflight.FailedBy(preflight.Late(limited, err, c.o.URL.Host)).Detail, "")
	}
	renew := "renew the licence: results of systems without one are never sent"
	if len(all.List) == 0 {
		return preflight.Fail("there is no licence", renew)
	}
	var details []string
	valid, soon := 0, false
	for i, l := range all.List {
		if i < maxLicences {
			details = append(details, fmt.Sprintf("%.80s until %.40s", l.Name, l.ValidUntil))
		}
		at, known := runecast.ParseTime(l.ValidUntil)
		if left := at.Sub(c.o.Now()); !known || left > 0 {
			valid++
			soon = soon || known && left < preflight.ExpirySoon
		}
	}
	detail := strings.Join(details, "; ")
	if all.Unlicensed != "" && all.Unlicensed != "0" {
		detail += fmt.Sprintf("; %.20s hosts without licence", all.Unlicensed)
	}
	switch {
	case valid == 0:
		return preflight.Fail("expired: "+detail, renew)
	case valid < len(all.List), soon:
		return preflight.Warn(detail, renew)
	case all.Unlicensed != "" && all.Unlicensed != "0":
		return preflight.Warn(detail, "license these hosts in the appliance: their rules are not assessed and never sent")
	}
	return preflight.Passed(detail)
}
