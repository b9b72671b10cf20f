package runecast

import (
	"fmt"
	"strings"
)

// success is the status of a finished scan, the only one that public client scripts
// use.
const success = "FINISHED_SUCCESSFULLY"

// Scan is what the appliance says about a system's last analysis. The zero
// value: never analysed.
type Scan struct {
	// Status as sent; an open set of words. No status of v2 is public: mostly empty.
	Status string
	// Timestamp is RFC 3339 in UTC where the appliance's text or number could
	// be read as a time, else its own text. It is compared with timestamps of
	// the same appliance only, never with a clock.
	Timestamp string
	// Found is v2's summary: the counts of critical, major, medium and low
	// issues and of vulnerabilities, as sent, with slashes between. Empty in v1.
	Found string
	// Rules is how many rules v2 lists; 0 in v1.
	Rules int
	// Trouble says for a person why the scan could not be read this time; empty: it
	// was read.
	Trouble string
}

// Succeeded reports whether the results are complete.
func (s Scan) Succeeded() bool { return strings.EqualFold(s.Status, success) }

// Failed reports whether the scan ended without results. The appliance's words for
// that are not public: a status that holds none of those listed here is taken for
// that of a scan still running.
func (s Scan) Failed() bool { return says(s.Status, "FAIL", "ERROR", "CANCEL", "ABORT") }

// Final reports whether the scan has ended.
func (s Scan) Final() bool { return s.Succeeded() || s.Failed() }

// Silent reports whether the appliance does not say if the scan goes on, as in v2:
// the scan's time may be that of its start, and its results may still grow. Such a
// scan counts as ended when its results do not change any more.
func (s Scan) Silent() bool {
	return s.Found != "" && !s.Failed() && !says(s.Status, "RUN", "PROGRESS", "QUEUE", "PENDING", "WAIT", "START")
}

// Key returns a text that two looks at a system's last scan have in common if the
// scan has not changed between them: its time, and in v2 its counts.
func (s Scan) Key() string {
	if s.Found == "" {
		return s.Timestamp
	}
	return fmt.Sprintf("%s %s %d", s.Timestamp, s.Found, s.Rules)
}

// Shows reports whether read, the scan in results that were downloaded after s was
// looked at, is the same scan as s. A download with all objects may list more rules
// than the look did, never fewer.
func (s Scan) Shows(read Scan) bool {
	return read.Status == s.Status && read.Timestamp == s.Timestamp && read.Found == s.Found && read.Rules >= s.Rules
}

func says(status string, words ...string) bool {
	status = strings.ToUpper(status)
	for _, word := range words {
		if strings.Contains(status, word) {
			return true
		}
	}
	return false
}
