package collect

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"runecast-ingest/internal/archive"
)

const (
	// maxText bounds the list of systems in bytes: chat services take messages
	// of 8,000 characters (Amazon Q Developer, "Custom notifications").
	maxText = 6500
	// maxRules bounds the rules that it names of each.
	maxRules = 10
)

// Notice is what people are told when a run has ended.
type Notice struct {
	// Title is one line, Text the whole message.
	Title string `json:"title"`
	Text  string `json:"text"`
	Run   string `json:"run"`
	// State is done, partly failed, failed or cancelled.
	State string `json:"state"`
}

// maxCompared is how large results may be, compressed, that are read once more
// for the notice: about 80 MB of JSON, a second of work. A run's time belongs to
// the archive.
const maxCompared = 4 << 20

// compare finds out what the archived analyses came to. It is told to people
// only, so what cannot be read, or not in time, is left out.
func (v *invocation) compare(ctx context.Context) {
	if v.o.Outcome == nil {
		return
	}
	if !v.stop.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, v.stop.Sub(v.o.Now()))
		defer cancel()
	}
	for i := range v.run.Systems {
		s := &v.run.Systems[i]
		if s.State != archive.SystemArchived || s.Outcome != nil || s.Bytes > maxCompared {
			continue
		}
		out, err := v.o.Outcome(ctx, s.RawKey, s.Previous)
		if err != nil {
			v.o.Log.WarnContext(ctx, "the notice goes without an outcome", "run", v.run.ID, "system", s.ID, "key", s.RawKey, "error", err.Error())
			continue
		}
		s.Outcome = out
	}
}

// notice words the end of a run.
func notice(r *archive.Run, a *Answer) Notice {
	n := Notice{Run: r.ID, State: r.State}
	if r.State == archive.RunDone && a.Failed+a.TimedOut > 0 {
		n.State = "partly failed"
	}
	n.Title = fmt.Sprintf("Runecast analysis %s: %s, %d of %d systems archived", r.ID, n.State, a.Archived, a.Systems)
	var text strings.Builder
	for i := range r.Systems {
		if text.Len() > maxText {
			fmt.Fprintf(&text, "and %d more systems: see %s\n", len(r.Systems)-i, archive.RunKey(r.ID))
			break
		}
		line(&text, &r.Systems[i])
	}
	n.Text = text.String() + a.Next
	return n
}

// line tells of one system, as "vc1.example: 87 % (85 % before), 3 newly failed: CIS-1, …".
func line(w *strings.Builder, s *archive.RunSystem) {
	fmt.Fprintf(w, "%s: ", plain(s.Name))
	o := s.Outcome
	switch {
	case o == nil && s.Reason != "":
		fmt.Fprintf(w, "%s, %s\n", s.State, cut(plain(s.Reason)))
		return
	case o == nil && s.Bytes > maxCompared:
		fmt.Fprintf(w, "%s, %d MB compressed: too large to be compared here\n", s.State, s.Bytes/1_000_000)
		return
	case o == nil:
		fmt.Fprintf(w, "%s\n", s.State)
		return
	case o.Before < 0:
		fmt.Fprintf(w, "posture %d %%, %d rules failed, %d manual, %d passed\n", o.Posture, o.Failed, o.Manual, o.Passed)
		return
	}
	fmt.Fprintf(w, "posture %d %% (%d %% before), %d rules failed, %d manual, %d passed\n", o.Posture, o.Before, o.Failed, o.Manual, o.Passed)
	rules(w, "newly failed", o.NewlyFailed)
	rules(w, "newly passed", o.NewlyPassed)
}

func rules(w *strings.Builder, what string, l archive.RuleList) {
	if l.Count == 0 {
		return
	}
	first := l.First[:min(len(l.First), maxRules)]
	fmt.Fprintf(w, "  %d %s: %s", l.Count, what, plain(strings.Join(first, ", ")))
	if l.Count > len(first) {
		w.WriteString(", …")
	}
	w.WriteByte('\n')
}

// plain keeps what the appliance sent from looking like lines of the message.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, s)
}

// maxReason bounds a reason in bytes; the run document has all of it.
const maxReason = 400

func cut(s string) string {
	if len(s) <= maxReason {
		return s
	}
	return strings.ToValidUTF8(s[:maxReason], "") + "…"
}

// merge makes one notice of several: a start may also end the run before. Of
// none it makes none.
func merge(all []Notice) *Notice {
	if len(all) == 0 {
		return nil
	}
	n := all[len(all)-1]
	for _, earlier := range all[:len(all)-1] {
		n.Text += "\n\n" + earlier.Title + "\n" + earlier.Text
	}
	return &n
}
