package mapping

import (
	"strings"

	"runecast-ingest/internal/runecast"
	"runecast-ingest/internal/securityevent"
)

// verdict is what an appliance's issue status means on the dashboard.
type verdict struct {
	status securityevent.Status
	// manualCheck: a person's answer is part of the result, or has to be.
	manualCheck bool
}

// verdictOf returns the verdict that a status means; false for an unknown status, and
// for UNLICENSED.
func verdictOf(status runecast.Status) (verdict, bool) {
	switch status {
	case runecast.StatusFail:
		return verdict{status: securityevent.Failed}, true
	case runecast.StatusManualFail:
		return verdict{status: securityevent.Failed, manualCheck: true}, true
	case runecast.StatusManual:
		return verdict{status: securityevent.Manual, manualCheck: true}, true
	case runecast.StatusPass:
		return verdict{status: securityevent.Passed}, true
	case runecast.StatusManualPass:
		return verdict{status: securityevent.Passed, manualCheck: true}, true
	case runecast.StatusNotRelevant, runecast.StatusNotApplicable, runecast.StatusFiltered:
		return verdict{status: securityevent.NotRelevant}, true
	}
	return verdict{}, false
}

// has reports whether an object has the verdict: it has no status of its own, or one
// that means the same.
func (v verdict) has(o *runecast.Object) bool {
	if len(o.Status) == 0 {
		return true
	}
	own, _ := verdictOf(runecast.ParseStatus(string(o.Status)))
	return own.status == v.status
}

// severityOf reads a severity. For an unknown word it returns LOW and false, so that
// the dashboard's severity filter keeps the row.
func severityOf(word string) (severity securityevent.Severity, known bool) {
	switch strings.ToUpper(word) {
	case "CRITICAL":
		return securityevent.Critical, true
	case "MAJOR", "HIGH":
		return securityevent.High, true
	case "MEDIUM":
		return securityevent.Medium, true
	case "LOW":
		return securityevent.Low, true
	}
	return securityevent.Low, false
}

// rank returns a number that is higher for a worse severity, for MIN_SEVERITY.
func rank(s securityevent.Severity) int {
	switch s {
	case securityevent.Critical:
		return 3
	case securityevent.High:
		return 2
	case securityevent.Medium:
		return 1
	}
	return 0
}
