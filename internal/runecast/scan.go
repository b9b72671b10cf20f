package runecast

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// success is the only status of a finished scan that public clients prove.
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
	// Checks is how many checks v2 lists; 0 in v1.
	Checks int
	// Trouble is why the scan could not be read, this time.
	Trouble string
}

// Succeeded tells that the results are complete.
func (s Scan) Succeeded() bool { return strings.EqualFold(s.Status, success) }

// Failed tells that the scan ended without results. The words are not public;
// a status that holds none of these is taken for a scan still running.
func (s Scan) Failed() bool { return says(s.Status, "FAIL", "ERROR", "CANCEL", "ABORT") }

// Final tells that the scan goes on no more.
func (s Scan) Final() bool { return s.Succeeded() || s.Failed() }

// Silent tells that the appliance does not say whether the scan goes on, as in
// v2: its time may be that of its start, and its results may grow. Then it is
// over when they do not change any more.
func (s Scan) Silent() bool {
	return s.Found != "" && !s.Failed() && !says(s.Status, "RUN", "PROGRESS", "QUEUE", "PENDING", "WAIT", "START")
}

// Key is one text for all that tells one look at a system's scans from another.
func (s Scan) Key() string {
	if s.Found == "" {
		return s.Timestamp
	}
	return fmt.Sprintf("%s %s %d", s.Timestamp, s.Found, s.Checks)
}

// Shows tells that results read after the look s are those it saw. A download
// with all objects may list more checks than the look did, never fewer.
func (s Scan) Shows(read Scan) bool {
	return read.Status == s.Status && read.Timestamp == s.Timestamp && read.Found == s.Found && read.Checks >= s.Checks
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

// normalTime gives a time in the appliance's forms (ISO 8601, epoch
// milliseconds) as RFC 3339 in UTC, and any other text unchanged.
func normalTime(text string) string {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999", time.DateTime} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC().Format(time.RFC3339Nano)
		}
	}
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil { // 1.69E12, as some encoders write it
		f, ferr := strconv.ParseFloat(text, 64)
		if ferr != nil || f != math.Trunc(f) || math.Abs(f) > maxMilli {
			return text
		}
		ms = int64(f)
	}
	return time.UnixMilli(ms).UTC().Format(time.RFC3339Nano)
}

// maxMilli is the year 9999: what lies beyond is no time.
const maxMilli = 253_402_300_799_999
