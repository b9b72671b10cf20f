package runecast

import "strings"

// Status is the result of a rule. The words are those of the vendor's own
// script (PowerCLI/RunecastFindingsSummaryReport.ps1, 2023).
type Status int

// The statuses of a rule.
const (
	// StatusUnknown: a word that is not known, or none.
	StatusUnknown       Status = iota
	StatusFail                 // FAIL
	StatusManualFail           // M_FAIL: a person's answer is part of it
	StatusManual               // MANUAL: a person has to check it
	StatusPass                 // PASS
	StatusManualPass           // M_PASS
	StatusNotRelevant          // NOT_RELEVANT: not for the system's products and versions
	StatusNotApplicable        // NOT_APPLICABLE: the system has no such object
	StatusFiltered             // FILTERED: left out by a filter in the appliance
	StatusUnlicensed           // UNLICENSED: not assessed for want of a licence
)

// KnownStatuses lists the words of all known statuses, for people.
const KnownStatuses = "FAIL, M_FAIL, MANUAL, PASS, M_PASS, NOT_RELEVANT, NOT_APPLICABLE, FILTERED, UNLICENSED"

// ParseStatus reads a status word, in any case of letters.
func ParseStatus(word string) Status {
	switch strings.ToUpper(word) {
	case "FAIL":
		return StatusFail
	case "M_FAIL":
		return StatusManualFail
	case "MANUAL":
		return StatusManual
	case "PASS":
		return StatusPass
	case "M_PASS":
		return StatusManualPass
	case "NOT_RELEVANT":
		return StatusNotRelevant
	case "NOT_APPLICABLE":
		return StatusNotApplicable
	case "FILTERED":
		return StatusFiltered
	case "UNLICENSED":
		return StatusUnlicensed
	}
	return StatusUnknown
}

// Failed reports whether the status says that a rule failed.
func (s Status) Failed() bool { return s == StatusFail || s == StatusManualFail }
