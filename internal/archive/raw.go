package archive

import (
	"fmt"
	"path"
	"strings"
	"time"
)

// RawInfo is what S3 says about one version of a raw object.
type RawInfo struct {
	Key string
	// ETag names the version, as S3 sends it, with quotes.
	ETag string
	// Size is the number of bytes as stored, compressed.
	Size         int64
	LastModified time.Time
}

// Started returns when the run of the object began, as the object's key says. For a
// hand-made document it returns when the document was uploaded.
func (i RawInfo) Started() time.Time {
	if at, ok := AnalysisStart(i.Key); ok {
		return at
	}
	return i.LastModified
}

// RawKey returns the key of one system's results of one run:
// raw/v1/dt=<start date>/run=<run id>/<slug>-<hash8>.json.gz. The ids and names of
// systems may have slashes and other characters that do not belong into a key, so
// the key has only the slug of the name and the hash of the id.
func RawKey(startedAt time.Time, runID, systemID, systemName string) string {
	return fmt.Sprintf("%srun=%s/%s%s", AnalysesOf(startedAt), runID, LabelOf(systemID, systemName), rawSuffix)
}

const rawSuffix = ".json.gz"

// AnalysesOf returns the prefix of the raw objects of runs that started on a day, UTC.
func AnalysesOf(day time.Time) string { return AnalysesPrefix + day.UTC().Format(dayFolder) }

// dayFolder is the folder of a day in the keys of raw objects.
const dayFolder = "dt=2006-01-02/"

// AnalysisDay returns the day in a raw object's key; false if the key has none.
func AnalysisDay(key string) (time.Time, bool) {
	rest, ok := strings.CutPrefix(key, AnalysesPrefix)
	if !ok || len(rest) < len(dayFolder) {
		return time.Time{}, false
	}
	day, err := time.Parse(dayFolder, rest[:len(dayFolder)])
	return day, err == nil
}

// RunOf returns the id of the run in a raw object's key; false if the key has none.
func RunOf(key string) (string, bool) {
	folder, ok := strings.CutPrefix(path.Base(path.Dir(key)), "run=")
	return folder, ok && strings.HasPrefix(key, AnalysesPrefix)
}

// RunFolder returns the folder of the run in a raw object's key, with a slash at its
// end.
func RunFolder(rawKey string) string { return path.Dir(rawKey) + "/" }

// BehindRun returns a text that sorts behind the keys of all raw objects of the same
// run, and before the keys of later runs of that day.
func BehindRun(rawKey string) string { return path.Dir(rawKey) + string('/'+1) }

// AnalysisStart returns when the run in a raw object's key began: the time in the
// run's id, to the second; the beginning of the day in the key if the id has no time
// or one of another day. False if the key has no day.
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

// IsFolder reports whether a key is that of a folder made in the console: an
// empty object, nothing to deliver.
func IsFolder(key string) bool { return strings.HasSuffix(key, "/") }

// IsHandMade reports whether a raw object was uploaded by hand.
func IsHandMade(key string) bool { return strings.HasPrefix(key, ManualPrefix) }

// HandMadeSystem returns the system that the folder of a hand-made document names,
// raw/manual/<system name>/…. A saved v2 scan, which names no system itself, is of
// that system. Its id is "manual:<system name>", its type is empty. False if the key
// has no such folder.
func HandMadeSystem(key string) (System, bool) {
	rest, ok := strings.CutPrefix(key, ManualPrefix)
	name, _, folder := strings.Cut(rest, "/")
	if !ok || !folder || name == "" {
		return System{}, false
	}
	return System{ID: "manual:" + name, Name: name}, true
}

// Label is how the keys of raw objects name a system.
type Label struct {
	// Slug is the readable part of the system's name, for people only; never empty.
	Slug string
	// Hash is the beginning of the SHA-256 of the system's id, 8 hexadecimal digits.
	// It stays the same when the system gets another name.
	Hash string
}

// LabelOf returns the label of a system.
func LabelOf(systemID, systemName string) Label {
	return Label{Slug: slug(systemName), Hash: digest(systemID, hashChars)}
}

// Label returns how the keys of raw objects name the system.
func (s System) Label() Label { return LabelOf(s.ID, s.Name) }

// String returns <slug>-<hash8>.
func (l Label) String() string { return l.Slug + "-" + l.Hash }

// RawLabel returns the label in a raw object's key; false if the key has none.
func RawLabel(key string) (Label, bool) {
	name, ok := strings.CutSuffix(path.Base(key), rawSuffix)
	i := strings.LastIndexByte(name, '-')
	if !ok || !strings.HasPrefix(key, AnalysesPrefix) || i < 1 || len(name)-i-1 != hashChars {
		return Label{}, false
	}
	return Label{Slug: name[:i], Hash: name[i+1:]}, true
}

// SystemOf returns a text that the raw keys of one system have in common, and those
// of others have not: the hash of its id. The key of a hand-made document names no
// system; for such a key it returns the key itself.
func SystemOf(key string) string {
	if label, ok := RawLabel(key); ok {
		return label.Hash
	}
	return key
}
