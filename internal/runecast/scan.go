package runecast

import (
	"strconv"
	"strings"
	"time"
)

// success is the only status of a finished scan that public clients prove.
const success = "FINISHED_SUCCESSFULLY"

// Scan is what the appliance says about a system's last analysis. The zero
// value: never analysed.
type Scan struct {
	// Status as sent; an open set of words.
	Status string
	// Timestamp is RFC 3339 in UTC where the appliance's text or number could
	// be read as a time, else its own text. It is compared with timestamps of
	// the same appliance only, never with a clock.
	Timestamp string
}

// Succeeded tells that the results are complete.
func (s Scan) Succeeded() bool { return strings.EqualFold(s.Status, success) }

// Failed tells that the scan ended without results. The words are not public;
// a status that holds none of these is taken for a scan still running.
func (s Scan) Failed() bool {
	status := strings.ToUpper(s.Status)
	for _, word := range []string{"FAIL", "ERROR", "CANCEL", "ABORT"} {
		if strings.Contains(status, word) {
			return true
		}
	}
	return false
}

// Final tells that the scan goes on no more.
func (s Scan) Final() bool { return s.Succeeded() || s.Failed() }

// normalTime gives a time in the appliance's forms (ISO 8601, epoch
// milliseconds) as RFC 3339 in UTC, and any other text unchanged.
func normalTime(text string) string {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999", time.DateTime} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC().Format(time.RFC3339Nano)
		}
	}
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.UnixMilli(ms).UTC().Format(time.RFC3339Nano)
	}
	return text
}
