package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// runStamp is the layout of the time with which a run's id begins: when the run was
// to start, UTC.
const runStamp = "20060102T150405Z"

// NewRunID returns the id of a run, as 20261122T020000Z-4f3a: when the run was to
// start, and 4 hexadecimal digits that are the same for the same seed.
func NewRunID(at time.Time, seed string) string {
	sum := sha256.Sum256([]byte(seed))
	return at.UTC().Format(runStamp) + "-" + hex.EncodeToString(sum[:2])
}

// RunStart returns the time in a run's id; false if it has none.
func RunStart(run string) (time.Time, bool) {
	stamp, _, _ := strings.Cut(run, "-")
	at, err := time.Parse(runStamp, stamp)
	return at, err == nil
}

// RunKey returns the key of a finished run's document.
func RunKey(runID string) string { return RunsPrefix + runID + ".json" }

// RunsSince returns a text that sorts before the keys of all finished runs that were
// to start at a time or later, and behind the keys of earlier runs.
func RunsSince(at time.Time) string { return RunsPrefix + at.UTC().Format(runStamp) }

// FinishedRun returns the id of the run whose document has this key; false if the
// key is not that of a finished run.
func FinishedRun(key string) (string, bool) {
	id, ok := strings.CutPrefix(strings.TrimSuffix(key, ".json"), RunsPrefix)
	_, dated := RunStart(id)
	return id, ok && dated
}

// RunSchema is the schema of a run document.
const RunSchema = "runecast-run/1"

// States of a run.
const (
	RunIdle      = "idle"
	RunRunning   = "running"
	RunDone      = "done"
	RunFailed    = "failed"
	RunCancelled = "cancelled"
)

// Modes of a run.
const (
	// ModeAnalyze triggers an analysis of each system and waits for its end.
	ModeAnalyze = "analyze"
	// ModeLatest archives what the appliance has, without an analysis.
	ModeLatest = "latest"
)

// States of a system in a run.
const (
	SystemPending    = "pending"
	SystemTriggering = "triggering"
	SystemScanning   = "scanning"
	SystemArchived   = "archived"
	SystemUnchanged  = "unchanged"
	SystemFailed     = "failed"
	SystemTimedOut   = "timedout"
)

// Run is runs/active.json while the run goes on, and runs/<id>.json when it has ended.
type Run struct {
	Header
	ID        string      `json:"id"`
	Trigger   string      `json:"trigger"` // schedule or console
	Mode      string      `json:"mode"`    // analyze or latest
	State     string      `json:"state"`
	StartedAt time.Time   `json:"startedAt"`
	Deadline  time.Time   `json:"deadline"` // when open systems are timed out
	Lease     *Lease      `json:"lease"`
	Systems   []RunSystem `json:"systems"`
	Appliance Appliance   `json:"appliance,omitzero"`
	// Catalog is the key of the catalogue that this run archived; may be empty.
	Catalog string `json:"catalog,omitzero"`
	// Downloads counts the downloads of all systems' results at once, as API v1 has them.
	Downloads Downloads `json:"downloads,omitzero"`
	// NextLook is when the scans are looked at again; zero or past: at the next round.
	// It is set where a look reads much.
	NextLook time.Time `json:"nextLook,omitzero"`
	// Last holds, by system id, the last archived scan as runecast.Scan.Key gives it:
	// its time, and with API v2 also its counts.
	Last map[string]string `json:"last,omitzero"`
}

// Downloads counts how often a run has downloaded the results of all systems.
type Downloads struct {
	// Whole counts the downloads after which every system that was ready had ended.
	// Failed counts the others: the download was cut, its invocation died, or a
	// system could not be archived from it.
	Whole  int `json:"whole"`
	Failed int `json:"failed"`
	// Last is when the last download began. Repeat: it counts as failed.
	Last   time.Time `json:"last"`
	Repeat bool      `json:"repeat"`
}

// DocumentSchema returns RunSchema.
func (*Run) DocumentSchema() string { return RunSchema }

// DocumentCure returns what is safe to do about a run document that cannot be read.
func (*Run) DocumentCure() string {
	return "restore the last version that can be read, or delete it: an active run is then forgotten, and the next start begins a new one"
}

// RunSystem is one system's part in a run.
type RunSystem struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Type  string `json:"type"`
	State string `json:"state"`
	// Baseline is the scan that is nothing new: in mode analyze the timestamp of the
	// scan before the trigger, see runecast.Scan; in mode latest what Run.Last has of
	// the system, and empty if the start was forced.
	Baseline string `json:"baseline"`
	// Reason says for a person why a system failed or timed out, what an open one waits
	// for, or why an archived one has nothing to show.
	Reason string `json:"reason"`
	RawKey string `json:"rawKey"`
	// Bytes and SHA256 are of the object as stored, compressed.
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	// Watch is what the looks at the scan have shown; nil where the appliance says
	// when a scan is over.
	Watch *Watch `json:"watch,omitzero"`
}

// Watch is what the looks have shown of a scan of which the appliance does not say
// when it is over.
type Watch struct {
	// Checks is how many rules the scan before listed; -1: there was none.
	Checks int `json:"checks"`
	// Seen is what the last look showed, as runecast.Scan.Key. Since is since when
	// the looks have shown the same.
	Seen  string    `json:"seen"`
	Since time.Time `json:"since"`
}
