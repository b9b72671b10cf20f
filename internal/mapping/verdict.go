package mapping

import (
	"strings"

	"runecast-ingest/internal/securityevent"
)

// verdict is what an appliance's issue status means.
type verdict struct {
	status securityevent.Status
	// manualCheck: a person's answer is part of the result (the M_ statuses).
	manualCheck bool
	// unlicensed: nothing was assessed.
	unlicensed bool
	known      bool
}

// verdictOf reads an issue status. The strings are those of the vendor's own
// script (PowerCLI/RunecastFindingsSummaryReport.ps1, 2023).
func verdictOf(status string) verdict {
	switch strings.ToUpper(status) {
	case "FAIL":
		return verdict{status: securityevent.Failed, known: true}
	case "M_FAIL":
		return verdict{status: securityevent.Failed, manualCheck: true, known: true}
	case "MANUAL":
		return verdict{status: securityevent.Manual, manualCheck: true, known: true}
	case "PASS":
		return verdict{status: securityevent.Passed, known: true}
	case "M_PASS":
		return verdict{status: securityevent.Passed, manualCheck: true, known: true}
	case "NOT_RELEVANT", "NOT_APPLICABLE", "FILTERED":
		return verdict{status: securityevent.NotRelevant, known: true}
	case "UNLICENSED":
		return verdict{unlicensed: true, known: true}
	}
	return verdict{}
}

// severityOf reads a severity; an unknown word is LOW, so that the dashboard's
// severity filter keeps the row.
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

// rank orders severities for MIN_SEVERITY.
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
