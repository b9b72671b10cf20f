package archive

import (
	"path"
	"slices"
	"time"
)

// RollupSchema is the schema of a roll-up.
const RollupSchema = "runecast-rules/1"

// rollupName ends the key of a roll-up, behind the hash of the system's id.
const rollupName = "/rules.json"

// RollupKey returns the key of a system's roll-up: systems/<hash>/rules.json, under
// the prefix of the registers. It is never the key of a register.
func RollupKey(systemID string) string {
	return RegisterPrefix + digest(systemID, registerHashLen) + rollupName
}

// IsRegister reports whether a key under systems/ is that of a register.
func IsRegister(key string) bool { return path.Dir(key)+"/" == RegisterPrefix }

// Rollup is systems/<hash>/rules.json: the verdict on each rule of a system's
// newest committed scan, as the dashboard shows it. Only the notice of the next
// commit needs it. The delivery of scans does not depend on it.
type Rollup struct {
	Header
	System     System `json:"system"`
	Order      Order  `json:"order"`
	Generation int    `json:"generation"`
	ScanID     string `json:"scanId"`
	RawKey     string `json:"rawKey"`
	// Mapping is the hash of the mapping's version and settings by which the verdicts were made.
	Mapping string `json:"mapping"`
	// Timestamp is what the register reserved for this commit: of two roll-ups
	// the one with the greater timestamp is of the newer commit.
	Timestamp time.Time `json:"timestamp"`
	// Posture is in percent: 0 to 100.
	Posture int `json:"posture"`
	// Listed: the rule sets list their rules. If not, there are too many of them, and
	// they are only counted.
	Listed bool    `json:"listed"`
	Passed RuleSet `json:"passed"`
	Manual RuleSet `json:"manual"`
	Failed RuleSet `json:"failed"`
	// Unlicensed is how many rules were not assessed for want of a licence.
	Unlicensed int `json:"unlicensed,omitzero"`
	// Change is what this commit changed.
	Change Change `json:"change"`
}

// DocumentSchema returns RollupSchema.
func (*Rollup) DocumentSchema() string { return RollupSchema }

// DocumentCure returns what is safe to do about a rollup document that cannot be read.
func (*Rollup) DocumentCure() string {
	return "none is needed: the next commit of the system writes it anew"
}

// RuleSet is the rules of one verdict.
type RuleSet struct {
	Count int `json:"count"`
	// Rules are their ids, sorted; nil unless the roll-up lists them.
	Rules []string `json:"rules,omitzero"`
}

// Change is what a commit changed on the dashboard.
type Change struct {
	// First: the system had no committed scan before.
	First bool `json:"first,omitzero"`
	// Against is the scan id of the commit that was replaced; empty: this commit is
	// the first, or the verdicts of the one before were not kept.
	Against string `json:"against,omitzero"`
	// Before is the posture of the commit that was replaced, in percent; 0 if
	// there is nothing to compare with.
	Before int `json:"before"`
	// Settings: the verdicts of the two commits were made by different versions or
	// settings of the mapping.
	Settings bool `json:"settings,omitzero"`
	// Overtaken: a newer scan of the system was committed before this one's delivery ended.
	Overtaken bool `json:"overtaken,omitzero"`
	// Rules counts the rules with another verdict than before, with those that only
	// one of the two scans has; -1: they were not compared.
	Rules int `json:"rules"`
	// NewlyFailed are the rules that fail and did not fail before, or were not there;
	// NewlyPassed are those that pass and failed before.
	NewlyFailed RuleList `json:"newlyFailed"`
	NewlyPassed RuleList `json:"newlyPassed"`
	// Differs: the posture or the verdict on a rule has changed, or it is not known
	// whether one has.
	Differs bool `json:"differs"`
}

// RuleList is a number of rules and the ids of the first of them, at most 20, sorted.
type RuleList struct {
	Count int      `json:"count"`
	First []string `json:"first"`
}

// maxFirst bounds the rules that a list names.
const maxFirst = 20

// ListRules returns the list of the rules with these ids, in any order.
func ListRules(ids []string) RuleList {
	ids = slices.Sorted(slices.Values(ids))
	return RuleList{Count: len(ids), First: append([]string{}, ids[:min(len(ids), maxFirst)]...)}
}
