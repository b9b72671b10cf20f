package collect

import (
	"fmt"
	"strings"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/chat"
	"runecast-ingest/internal/payload"
)

// noticeOf returns the notice about a run that has ended; a is the answer about it.
func noticeOf(r *archive.Run, a *payload.RunAnswer) payload.RunNotice {
	n := payload.RunNotice{Run: r.ID, State: r.State}
	if r.State == archive.RunDone && a.Failed+a.TimedOut > 0 {
		n.State = "partly failed"
	}
	n.Title = fmt.Sprintf("Runecast analysis %s: %s, %d of %d systems archived", r.ID, n.State, a.Archived, a.Systems)
	var lines []string
	for i := range r.Systems {
		s := &r.Systems[i]
		switch {
		case s.Reason == "":
		case s.State == archive.SystemArchived: // the reason begins with the state
			lines = append(lines, fmt.Sprintf("%s: %s\n", chat.Name(s.Name), chat.Reason(s.Reason)))
		default:
			lines = append(lines, fmt.Sprintf("%s: %s, %s\n", chat.Name(s.Name), s.State, chat.Reason(s.Reason)))
		}
	}
	var text strings.Builder
	for i, line := range lines {
		if text.Len() > chat.MaxText {
			fmt.Fprintf(&text, "and %d more systems: see %s\n", len(lines)-i, archive.RunKey(r.ID))
			break
		}
		text.WriteString(line)
	}
	n.Text = text.String() + a.Next
	return n
}

// merge returns one notice for all runs that an invocation has ended, since a start may
// also end the run before; nil if it has ended none.
func merge(all []payload.RunNotice) *payload.RunNotice {
	if len(all) == 0 {
		return nil
	}
	n := all[len(all)-1]
	for _, earlier := range all[:len(all)-1] {
		n.Text += "\n\n" + earlier.Title + "\n" + earlier.Text
	}
	return &n
}
