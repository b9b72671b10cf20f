package deliver

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/openpipeline"
)

// TestModelNeedsItsRules takes away one rule at a time, and demands that
// something breaks: no rule is idle, and the model can fail. The numbers are
// those of protocol.go.
func TestModelNeedsItsRules(t *testing.T) {
	t.Parallel()
	for name, m := range withoutARule() {
		if underRace && m.large {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m.invocations = max(m.invocations, 2)
			trace, explored := explore(&m)
			if trace == nil {
				t.Fatalf("nothing breaks in %d worlds", explored)
			}
			t.Logf("after %d worlds, in %d steps: %q", explored, len(trace)-1, trace)
		})
	}
}

// withoutARule returns for each rule a model that does without it.
func withoutARule() map[string]model {
	return map[string]model{
		"01 the register is written before the scan event":    {rules: rules{eventFirst: true, ownClock: true}},
		"02 … even if nobody dies":                            {rules: rules{eventFirst: true, ownClock: true}, immortal: true},
		"03 it is written, not only read again":               {rules: rules{eventFirst: true, ownClock: true, rechecks: true}, immortal: true},
		"04 the reserved timestamp, not the time of sending":  {rules: rules{ownClock: true}},
		"05 the newest timestamp, not the last to arrive":     {rules: rules{byArrival: true}},
		"06 a generation is written before it is used":        {rules: rules{unwritten: true, derivedScanIDs: true}, limit: faults{timeouts: 1, expiries: 1}},
		"07 ranges, not a prefix":                             {rules: rules{prefix: true}},
		"08 a 504 is doubt":                                   {rules: rules{trusts504: true}, limit: faults{gateway: 1}},
		"09 nothing is finished in place after doubt":         {rules: rules{inPlace: true}, limit: faults{timeouts: 1}},
		"10 the generation counts at the commit point":        {rules: rules{orderOnly: true}, limit: faults{expiries: 1}},
		"11 a clock ahead changes nothing about what is sent": {rules: rules{ownClock: true}, skew: 3 * time.Millisecond},
		"12 each reserved timestamp is greater than the last": {rules: rules{reservesOwnClock: true}, skew: 3 * time.Millisecond},
		"13 nothing is sent after an attempt to release":      {rules: rules{sendsAfterRelease: true}, limit: faults{lost: 1}},

		"a lease that ran out is doubt":                        {rules: rules{ignoresLeases: true}, limit: faults{expiries: 1}},
		"a release in doubt says so":                           {rules: rules{forgetsDoubt: true}, limit: faults{timeouts: 1}},
		"another mapping is another generation":                {rules: rules{ignoresMapping: true}, limit: faults{releases: 1}},
		"what a failed commit replaced still counts":           {rules: rules{forgetsBefore: true}, objects: 3, batches: 1, oneByOne: true, invocations: 3, limit: faults{refusals: 1, replays: 1}},
		"the register is written only as it was read":          {rules: rules{blindRegister: true}},
		"the delivery document is written only as it was read": {rules: rules{blindDelivery: true}, limit: faults{expiries: 1}},
		"a replay begins another generation":                   {rules: rules{replaysInPlace: true}, limit: faults{replays: 1}},
		"force is for the commit that stood when it was asked": {large: true, rules: rules{forcesForEver: true}, invocations: 3, force: true, limit: faults{expiries: 1, replays: 1}},
		"what was forced away still counts":                    {large: true, rules: rules{forgetsForced: true}, invocations: 3, force: true, limit: faults{expiries: 1, replays: 1}},

		"15 a generation is committed once": {rules: rules{recommits: true}, objects: 3, batches: 1, oneByOne: true, invocations: 4, force: true, limit: faults{replays: 2}, after: committedC},

		"the delivery documents know what is shown, too":        {rules: rules{trustsRegister: true}, limit: faults{losses: 1}},
		"without a register, what is under way is waited for":   {rules: rules{waitsForNobody: true}, noZombies: true, limit: faults{losses: 1, expiries: 1}},
		"without a register, what was forced is forced no more": {rules: rules{forceLasts: true}, objects: 3, batches: 1, oneByOne: true, invocations: 3, force: true, noZombies: true, limit: faults{replays: 2, losses: 1}, after: shownC},

		"14 what is too old is not committed":               {rules: rules{ageless: true}, limit: faults{days: 1}},
		"how a generation ended is remembered":              {rules: rules{forgetsEnded: true}, objects: 3, batches: 1, oneByOne: true, invocations: 3, limit: faults{refusals: 2, replays: 1}},
		"a forced scan that is not shown yet hides nothing": {rules: rules{headOnly: true}, objects: 3, batches: 1, oneByOne: true, invocations: 3, force: true, limit: faults{replays: 1}},
		"more than one commit before is kept":               {large: true, rules: rules{keepsOne: true}, objects: 3, batches: 1, oneByOne: true, invocations: 3, force: true, limit: faults{refusals: 1, replays: 1, days: 1}},
	}
}

// committedC are the steps to a world in which the newest of three scans is
// committed, and its scan event not accepted yet; shownC those to one in which it is
// shown.
var (
	committedC = append(sentC[:len(sentC):len(sentC)], "C1 stops before the scan event is accepted", "C1 releases")
	shownC     = append(sentC[:len(sentC):len(sentC)], "C1 sends the scan event: accepted", "C1 releases")
	sentC      = []string{"C begins", "C1 reads the register", "C1 takes the lease", "C1 sends a batch: accepted", "C1 is about to commit", "C1 writes the register"}
)

// PROTOCOL.md names every rule, and no other, in the words of the cases.
func TestRulesAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## The rules, and what breaks without each")
	var documented []string
	for _, row := range regexp.MustCompile(`(?m)^\| (.+?) \| .+ \|$`).FindAllStringSubmatch(table, -1) {
		if row[1] != "rule" {
			documented = append(documented, row[1])
		}
	}
	slices.Sort(documented)
	if d := cmp.Diff(slices.Sorted(maps.Keys(withoutARule())), documented); d != "" {
		t.Errorf("- the test's cases, + PROTOCOL.md:\n%s", d)
	}
}

// rules are the rules of the protocol that a model does without; none by default.
type rules struct {
	eventFirst        bool // 01, 02: the scan event before the register
	rechecks          bool // 03: the register only read before it
	ownClock          bool // 04, 11: the scan event carries the time of sending
	byArrival         bool // 05: the dashboard shows what arrived last
	unwritten         bool // 06: a new generation in memory only; random scan ids still save it
	derivedScanIDs    bool // 06: the scan id is not random; written generations still save it
	prefix            bool // 07: only the first batches count as done
	trusts504         bool // 08: a 504 is held to be a refusal
	forgetsDoubt      bool // a generation in doubt goes on after its release
	inPlace           bool // 09: after doubt the batch is repeated
	orderOnly         bool // 10: generations play no part at the commit point
	reservesOwnClock  bool // 12: the clock, even behind the last commit
	sendsAfterRelease bool // 13: goes on when the release got no answer
	ignoresLeases     bool // a generation goes on although its holder may still send
	ignoresMapping    bool // … with another mapping
	forgetsBefore     bool // a failed commit may be replaced by any other
	blindRegister     bool // the register is written unconditionally
	blindDelivery     bool // the delivery document is
	replaysInPlace    bool // a replay sends again under the same scan id
	forcesForEver     bool // what is forced replaces whatever is newer
	forgetsForced     bool // what a forced scan replaced plays no part at the commit point
	ageless           bool // 14: a generation of any age is committed
	forgetsEnded      bool // how an earlier generation ended is forgotten
	headOnly          bool // only the newest commit that counts is looked at
	keepsOne          bool // the register keeps one commit beside the newest
	trustsRegister    bool // the delivery documents are not asked what is shown
	waitsForNobody    bool // without a register a newer scan that is under way is not waited for
	forceLasts        bool // without a register, what was forced stays so
	recommits         bool // 15: a generation that was replaced is committed again
}

func (r *rules) whenAllDone() stage {
	if r.eventFirst && !r.rechecks {
		return stageAnnounce
	}
	return stageCommit
}

// reason is that in an answer.
func (r *rules) reason(o openpipeline.Outcome) reason {
	why := reasonOf(&openpipeline.Result{Outcome: o})
	if r.trusts504 && why == becauseDoubt {
		return becauseBusy
	}
	return why
}

func (r *rules) dispose(why reason, again bool) disposition {
	d := dispose(why, nil, again)
	d.doubt = d.doubt && !r.forgetsDoubt
	return d
}

func (r *rules) begin(s *situation, c *candidate, rawKey, newScanID string) archive.Scan {
	if r.replaysInPlace && s.replay {
		again := c.recorded
		again.State = archive.DeliverySending
		return again
	}
	seen := *s
	if r.ignoresLeases {
		seen.delivery.Lease = nil
	}
	if r.ignoresMapping {
		seen.delivery.Mapping = seen.mapping
	}
	var begun scan
	begun.begin(&seen, c, rawKey, newScanID)
	return r.remembered(begun.Scan)
}

// remembered is what a delivery document keeps of a scan; of the time of its
// beginning only the day plays a part.
func (r *rules) remembered(s archive.Scan) archive.Scan {
	if r.forgetsEnded {
		s.Ended = archive.Ended{}
	}
	s.Reserved = s.Reserved && !r.recommits
	s.BegunAt = epoch().Add(time.Duration(dayOf(s.BegunAt)) * day)
	return s
}

// done is what is kept of what was accepted.
func (r *rules) done(s *archive.Scan) [][2]int64 {
	if r.prefix && !doneBatches(s)[0] {
		return nil
	}
	return s.Done
}

func (r *rules) atCommitPoint(c *candidate, now time.Time) commitStep {
	if r.orderOnly && c.register.ScanID != c.recorded.ScanID {
		c.register.Generation = 0
	}
	if r.forcesForEver {
		c.recorded.Over = c.newestOther()
	}
	if r.forgetsForced {
		c.register.Before, c.register.Earlier = archive.Commit{}, nil
	}
	if r.ageless {
		c.recorded.BegunAt = now
	}
	return c.atCommitPoint(now)
}

func (r *rules) reservation(c *candidate, rawKey string, now time.Time) archive.Register {
	register := c.reservation(rawKey, now)
	register.CommittedAt = time.Time{} // shown to people only
	if r.reservesOwnClock {
		register.Timestamp = now
	}
	if r.forgetsBefore {
		register.Before, register.Earlier = archive.Commit{}, nil
	}
	if r.keepsOne {
		register.Earlier = nil
	}
	return register
}
