// Package notice makes the notice of a committed scan: what it changed on the dashboard,
// which is the posture before and now, and the rules that newly fail or pass. It is
// pure. It promises that the figures are those of the events that were sent, under any
// settings, that a scan is compared only with the scan that it replaced, and that a
// notice names rules by their ids and has no text of a finding.
package notice

import (
	"cmp"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/chat"
)

// Source and DetailType are the members of an event by which a rule of the event bus
// selects notices.
const (
	Source     = "runecast-ingest"
	DetailType = "Scan committed"
)

// Committed is the notice of a committed scan, the detail of an event on the bus. Each
// generation that completes has one; rarely there is a second, if the bus took the event
// and its answer was lost. The JSON has at most about 30 kB.
type Committed struct {
	// Title is one line, Text the whole message; both are fit to be shown in a chat.
	Title string `json:"title"`
	Text  string `json:"text"`
	// Changed is false only if the posture and the verdict on each rule are known to be
	// the same as before, or if a newer scan is committed already.
	Changed bool `json:"changed"`
	// Bucket is the name of the archive. It tells the events of several stacks apart.
	Bucket string `json:"bucket"`
	// System is the scan's system. The id is cut after 1,024 bytes, control characters
	// are replaced, and a system without a name has its id as its name.
	System archive.System `json:"system"`
	// Run is the run's id; for a hand-made document its key.
	Run    string `json:"run"`
	ScanID string `json:"scanId"`
	RawKey string `json:"rawKey"`
	// Posture is in per cent. Before is the posture of the scan that this one replaced;
	// null: there is nothing to compare with.
	Posture int  `json:"posture"`
	Before  *int `json:"before"`
	// Rules are the numbers of rules by their verdict.
	Rules Counts `json:"rules"`
	// Unlicensed is how many rules were not assessed for want of a licence. Neither the
	// other numbers nor the posture count them.
	Unlicensed int `json:"unlicensed"`
	// NewlyFailed and NewlyPassed are empty if the rules were not compared.
	NewlyFailed archive.RuleList `json:"newlyFailed"`
	NewlyPassed archive.RuleList `json:"newlyPassed"`
	// First: this is the first committed scan of the system. SettingsChanged: the scan
	// before was mapped by another version or by other settings. Forced: a forced
	// replay sent this scan, which may be older than the one before.
	First           bool `json:"first"`
	SettingsChanged bool `json:"settingsChanged"`
	Forced          bool `json:"forced"`
	// ArrivalBefore is the arrival of the scan that this one replaced; null: it is not
	// known. The arrival of this scan cannot be known yet.
	ArrivalBefore *Arrival `json:"arrivalBefore"`
}

// Arrival is how many rows of a scan were expected in Grail, how many of them are
// missing, and how many are there more often than they were sent.
type Arrival struct {
	// State is proven, short or over.
	State    string `json:"state"`
	Expected int64  `json:"expected"`
	Missing  int64  `json:"missing"`
	Doubled  int64  `json:"doubled"`
}

// Counts are numbers of rules by their verdict.
type Counts struct {
	Passed int `json:"passed"`
	Manual int `json:"manual"`
	Failed int `json:"failed"`
}

// maxID bounds a system's id and a key in an event, in bytes. A key of S3 has 1,024 at
// most, so keys are never cut.
const maxID = 1024

// Of returns the notice of a committed scan by its roll-up, which holds the change that
// Next found. bucket is the archive's name; forced says whether a forced replay sent the
// scan; before is the arrival of the scan that this one replaced, nil: it is not known.
func Of(r *archive.Rollup, bucket string, forced bool, before *archive.Arrival) Committed {
	c := &r.Change
	n := Committed{
		Changed: c.Differs, Bucket: bucket,
		System: archive.System{ID: chat.Line(r.System.ID, maxID), Name: chat.Name(cmp.Or(r.System.Name, r.System.ID)), Type: chat.Name(r.System.Type)},
		Run:    chat.Line(r.Order.Run, maxID), ScanID: r.ScanID, RawKey: chat.Line(r.RawKey, maxID), Posture: r.Posture,
		Rules:       Counts{Passed: r.Passed.Count, Manual: r.Manual.Count, Failed: r.Failed.Count},
		Unlicensed:  r.Unlicensed,
		NewlyFailed: shown(c.NewlyFailed), NewlyPassed: shown(c.NewlyPassed),
		First: c.First, SettingsChanged: c.Settings, Forced: forced,
	}
	if c.Against != "" {
		n.Before = &c.Before
	}
	if before != nil && before.State != archive.ArrivalUnknown {
		n.ArrivalBefore = &Arrival{State: before.State, Expected: before.Expected, Missing: before.Missing(), Doubled: before.Doubled}
	}
	n.Title, n.Text = title(r, n.System.Name), text(r, &n)
	return n
}

// shown makes the ids of a list fit for a message.
func shown(l archive.RuleList) archive.RuleList {
	ids := make([]string, len(l.First))
	for i, id := range l.First {
		ids[i] = chat.Name(id)
	}
	return archive.RuleList{Count: l.Count, First: ids}
}
