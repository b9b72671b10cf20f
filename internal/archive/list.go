package archive

import (
	"path"
	"strings"
	"time"
)

// RawInfo is one version of a raw object.
type RawInfo struct {
	Key string
	// ETag is the version; as S3 sends it, with quotes.
	ETag string
	// Size in bytes as stored.
	Size         int64
	LastModified time.Time
}

// AnalysesOf is the prefix of the raw objects of runs that started on a day, UTC.
func AnalysesOf(day time.Time) string {
	return AnalysesPrefix + "dt=" + day.UTC().Format(time.DateOnly) + "/"
}

// AnalysisDay is the day in a raw object's key; false if the key has none.
func AnalysisDay(key string) (time.Time, bool) {
	if len(key) < len(AnalysesPrefix)+len("dt=2006-01-02/") || key[:len(AnalysesPrefix)] != AnalysesPrefix {
		return time.Time{}, false
	}
	day, err := time.Parse("dt=2006-01-02/", key[len(AnalysesPrefix):len(AnalysesPrefix)+len("dt=2006-01-02/")])
	return day, err == nil
}

// IsOf tells whether a raw object can be of a system, by the system's name or
// id. Names that differ only in what is no letter or digit are taken for one.
func IsOf(key, nameOrID string) bool {
	if rest, ok := strings.CutPrefix(key, ManualPrefix); ok {
		name, _, _ := strings.Cut(rest, "/")
		return name == nameOrID
	}
	label, ok := RawLabel(key)
	wanted := LabelOf(nameOrID, nameOrID)
	return ok && (label.Slug == wanted.Slug || label.Hash == wanted.Hash)
}

// RunOf is the run in a raw object's key; false if the key has none.
func RunOf(key string) (string, bool) {
	folder, ok := strings.CutPrefix(path.Base(path.Dir(key)), "run=")
	return folder, ok && strings.HasPrefix(key, AnalysesPrefix)
}

// AnalysisStart is when the run in a raw object's key began, to the second: its
// id says so, unless that contradicts the day in the key, which then counts.
// False if the key has no day.
func AnalysisStart(key string) (time.Time, bool) {
	day, ok := AnalysisDay(key)
	if !ok {
		return day, false
	}
	run, _ := RunOf(key)
	if at, ok := RunStart(run); ok && at.Truncate(24*time.Hour).Equal(day) {
		return at, true
	}
	return day, true
}

// Started is when the run of an object began, as its key says; for a hand-made
// document when it was uploaded.
func (i RawInfo) Started() time.Time {
	if at, ok := AnalysisStart(i.Key); ok {
		return at
	}
	return i.LastModified
}

// Narrower gives what two prefixes have in common; false: nothing.
func Narrower(top, prefix string) (string, bool) {
	if strings.HasPrefix(prefix, top) {
		return prefix, true
	}
	_, above := strings.CutPrefix(top, prefix)
	return top, above
}

// RunStart is the time in a run's id, 20261122T020000Z-4f3a; false if it has none.
func RunStart(run string) (time.Time, bool) {
	stamp, _, _ := strings.Cut(run, "-")
	at, err := time.Parse(RunStamp, stamp)
	return at, err == nil
}

// RunStamp is how a run's id begins.
const RunStamp = "20060102T150405Z"
