package notice

import (
	"fmt"
	"strings"
	"time"

	"runecast-ingest/internal/archive"
)

// maxNamed bounds the rules of each list that a message names.
const maxNamed = 10

// title returns the first line of a notice, as
// "Runecast vc1.example: posture 60 % (80 % before), 2 rules newly failed".
func title(r *archive.Rollup, system string) string {
	c := &r.Change
	s := fmt.Sprintf("Runecast %s: posture %d %%", system, r.Posture)
	if c.Against != "" {
		s += fmt.Sprintf(" (%d %% before)", c.Before)
	}
	switch {
	case c.First:
		s += ", the first scan"
	case c.Overtaken:
		s += ", replaced by a newer scan"
	case c.Against != "" && !c.Differs:
		s += ", unchanged"
	}
	for _, l := range []struct {
		list archive.RuleList
		what string
	}{{c.NewlyFailed, "newly failed"}, {c.NewlyPassed, "newly passed"}} {
		if l.list.Count > 0 {
			s += fmt.Sprintf(", %s %s", rules(l.list.Count), l.what)
		}
	}
	return s
}

// text returns the whole message, of at most 8,000 characters.
func text(r *archive.Rollup, n *Committed) string {
	c := &r.Change
	var b strings.Builder
	fmt.Fprintf(&b, "%s failed, %d manual, %d passed; run %s", rules(r.Failed.Count), r.Manual.Count, r.Passed.Count, n.Run)
	if at, ok := archive.RunStart(r.Order.Run); !ok || !at.Equal(r.Order.StartedAt.Truncate(time.Second)) {
		fmt.Fprintf(&b, " of %s", r.Order.StartedAt.UTC().Format(time.RFC3339))
	}
	b.WriteByte('\n')
	named(&b, "newly failed", n.NewlyFailed)
	named(&b, "newly passed", n.NewlyPassed)
	if more := c.Rules - c.NewlyFailed.Count - c.NewlyPassed.Count; c.Rules >= 0 && more > 0 {
		fmt.Fprintf(&b, "%s changed otherwise: new, gone, or manual\n", rules(more))
	}
	if r.Unlicensed > 0 {
		fmt.Fprintf(&b, "%s not assessed, for want of a licence in the appliance: the posture is over the others\n", rules(r.Unlicensed))
	}
	for _, s := range []struct {
		holds bool
		text  string
	}{
		{c.Against != "" && c.Rules < 0, "there are too many rules to compare them one by one"},
		{c.Against == "" && !c.First && !c.Overtaken, "there is nothing to compare it with: the verdicts of the scan before were not kept"},
		{c.Overtaken, "a newer scan of the system was committed meanwhile: that one is shown"},
		{c.Settings, "the scan before was mapped by another version, or by other settings"},
		{n.Forced, "a forced replay sent it: an older scan may be shown"},
	} {
		if s.holds {
			b.WriteString(s.text + "\n")
		}
	}
	if n.ArrivalBefore != nil {
		b.WriteString(arrived(n.ArrivalBefore) + "\n")
	}
	b.WriteString("results: " + n.RawKey)
	return b.String()
}

// arrived returns the sentence about the arrival of the scan before.
func arrived(a *Arrival) string {
	const cure = ": runecast-ingest status shows where to look"
	switch {
	case a.State == archive.ArrivalProven:
		return fmt.Sprintf("the scan before arrived whole: %d rows", a.Expected)
	case a.State == archive.ArrivalOver:
		return fmt.Sprintf("of the scan before, Dynatrace holds %d rows more than the %d that were sent%s", a.Doubled, a.Expected, cure)
	case a.Missing == 0:
		return "of the scan before, Dynatrace does not hold the scan event" + cure
	}
	return fmt.Sprintf("of the scan before, Dynatrace does not hold %d of %d rows%s", a.Missing, a.Expected, cure)
}

// named adds a line that names the first rules of a list; no line if the list is empty.
func named(b *strings.Builder, what string, l archive.RuleList) {
	if l.Count == 0 {
		return
	}
	first := l.First[:min(len(l.First), maxNamed)]
	fmt.Fprintf(b, "%s: %s", what, strings.Join(first, ", "))
	if more := l.Count - len(first); more > 0 {
		fmt.Fprintf(b, " and %d more", more)
	}
	b.WriteByte('\n')
}

// rules returns "1 rule", "2 rules" and so on.
func rules(n int) string {
	if n == 1 {
		return "1 rule"
	}
	return fmt.Sprintf("%d rules", n)
}
