// Package notice says what a committed scan changed on the dashboard: the
// posture before and now, and the rules that newly fail or pass. It is pure,
// and promises that its figures are those of the events that were sent, by
// whatever settings, that it compares a scan only with the one whose place it
// took, and that no text of a finding is in it: rules go by their ids.
package notice

import (
	"cmp"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/chat"
)

// What a rule of the event bus chooses the notices by.
const (
	Source     = "runecast-ingest"
	DetailType = "Scan committed"
)

// Committed is the detail of the event about a committed scan. There is
// one per generation that completes, and rarely a second one, since the bus may
// take an event whose answer is lost. Its JSON has at most about 30 kB.
type Committed struct {
	// Title is one line, Text the whole message; both are fit to be shown in a chat.
	Title string `json:"title"`
	Text  string `json:"text"`
	// Changed is false only if the posture and each rule's verdict are proven to
	// be what they were, or if a newer scan has been committed already.
	Changed bool `json:"changed"`
	// Bucket is the archive: by it the events of several stacks are distinguished.
	Bucket string `json:"bucket"`
	// System's id is whole up to 1,024 bytes, control characters replaced; one
	// without a name is named by its id.
	System archive.System `json:"system"`
	// Run is the run's id; of a hand-made document its key.
	Run    string `json:"run"`
	ScanID string `json:"scanId"`
	RawKey string `json:"rawKey"`
	// Posture is in percent; Before is that of the scan whose place this one
	// took, null if there is nothing to compare with.
	Posture int  `json:"posture"`
	Before  *int `json:"before"`
	// Rules are numbers of rules by their verdict.
	Rules Counts `json:"rules"`
	// Unlicensed is how many rules were not assessed for want of a licence: they
	// are in none of these numbers, nor in the posture.
	Unlicensed int `json:"unlicensed"`
	// NewlyFailed and NewlyPassed are empty where rules were not compared.
	NewlyFailed archive.RuleList `json:"newlyFailed"`
	NewlyPassed archive.RuleList `json:"newlyPassed"`
	// First: the first committed scan of the system. SettingsChanged: the scan
	// before was mapped by another version or by other settings. Forced: a
	// forced replay, which may show an older scan.
	First           bool `json:"first"`
	SettingsChanged bool `json:"settingsChanged"`
	Forced          bool `json:"forced"`
	// ArrivalBefore is what is known of the rows of the scan whose place this one
	// took; null: nothing. Of this scan's own nothing can be known yet.
	ArrivalBefore *Arrival `json:"arrivalBefore"`
}

// Arrival is how many rows of a scan were expected in Grail, and how many are
// missing there or too many.
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

// maxID bounds a system's id and a key in an event, in bytes: a key of S3 has
// 1,024 at most, so it stays whole.
const maxID = 1024

// Of returns the notice of a committed scan: its roll-up, with the change that
// Next found. forced reports whether a forced replay sent it; before is the
// arrival of the scan whose place it took, nil if nobody looked.
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
