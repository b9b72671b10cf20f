package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/payload"
	"runecast-ingest/internal/simulate/receiver"
)

const rotatedToken = "dt0c01.ROTATED"

// The documents' examples, which stand for a run or a key of the rig.
const (
	newestRun = "20261122T020000Z-4f3a"
	marchRun  = "20260314T020000Z-77b1"
	newestKey = "raw/v1/dt=2026-11-22/run=" + newestRun + "/vc1.example-95c91577.json.gz"
	marchKey  = "raw/v1/dt=2026-03-14/run=" + marchRun + "/vc1.example-95c91577.json.gz"
)

// troubles has what happens to the stack before the commands of a section are typed,
// by the section's heading.
func troubles() map[string]func(*rig) {
	return map[string]func(*rig){
		"Settings": func(r *rig) { // all as it was deployed first
			r.set(collector, "RUNECAST_SYSTEMS", "")
			r.set(forwarder, "EXCLUDE_TYPES", "")
			r.set(forwarder, "EVIDENCE", "on")
		},
		"Alarms":     func(*rig) {},
		"The tokens": func(*rig) {},
		"The stack":  func(*rig) {},
		"First run":  func(*rig) {},
		"No data since yesterday": func(r *rig) {
			r.mu.Lock()
			r.deaf = true
			r.mu.Unlock()
			r.archiveAgain()
			r.mu.Lock()
			r.deaf = false
			r.mu.Unlock()
		},
		"Wrong posture": func(r *rig) {
			r.refuses(func(body []byte) int {
				if bytes.Contains(body, []byte(`"compliance.rule.id":"CIS-60001"`)) {
					return http.StatusBadRequest
				}
				return 0
			})
			r.archiveAgain()
			r.refuses(nil)
		},
		"A token was rotated": func(r *rig) {
			r.mu.Lock()
			r.receiver = receiver.New(receiver.Options{Token: rotatedToken})
			r.mu.Unlock()
			r.archiveAgain("vc1.example", "vc2.example")
			r.deploy(forwarder) // the instances of last night have ended
		},
		"The appliance has moved": func(r *rig) { r.set(collector, "RUNECAST_URL", "https://127.0.0.1:1") },
		"Dynatrace was down for a weekend": func(r *rig) {
			r.timeout = 4 * time.Second // an outage is sat out for as long as an invocation may take
			r.deploy(forwarder)
			r.refuses(func([]byte) int { return http.StatusServiceUnavailable })
			r.archiveAgain("vc1.example", "vc2.example")
			r.timeout = time.Minute
			r.deploy(forwarder)
			r.refuses(nil)
		},
		"The mapping has changed":     func(*rig) {},
		"An auditor asks for March":   func(r *rig) { r.archiveMarch() },
		"It costs too much":           func(*rig) {},
		"Duplicates are suspected":    func(*rig) {},
		"A system has been taken out": func(r *rig) { r.set(collector, "RUNECAST_SYSTEMS", "vc1.example,old-vc.example") },
		"Replay": func(r *rig) { // all as it was deployed first
			r.set(collector, "RUNECAST_SYSTEMS", "")
			r.set(forwarder, "EXCLUDE_TYPES", "")
			r.set(forwarder, "EVIDENCE", "on")
			r.archiveAgain()
		},
	}
}

// archiveAgain starts a run that archives these systems once more, or all systems.
func (r *rig) archiveAgain(systems ...string) {
	r.Helper()
	r.nextSecond()
	before := len(r.raw())
	text, err := json.Marshal(payload.RunRequest{Action: payload.Start, Mode: payload.Latest, Force: true, Systems: systems})
	if err != nil {
		r.Fatal(err)
	}
	res, err := r.invoke(r.Context(), collector, text)
	if err != nil || res.Err() != nil || len(r.raw()) == before {
		r.Fatalf("%s, %v", res.Payload, err)
	}
	r.settle()
}

// nextSecond waits for the next second. A replay finds the newest analysis by the
// run's id, in which seconds are the smallest unit.
func (r *rig) nextSecond() {
	now := time.Now()
	<-time.After(now.Truncate(time.Second).Add(time.Second).Sub(now))
}

// march returns the beginning of the month that stands for the documents' March. The
// rig has archived nothing in it.
func (r *rig) march() time.Time {
	return time.Date(r.began.Year(), r.began.Month()-8, 1, 0, 0, 0, 0, time.UTC)
}

// archiveMarch archives a scan of vc1.example that was made in the middle of March.
func (r *rig) archiveMarch() {
	r.Helper()
	at := r.march().AddDate(0, 0, 13).Add(2 * time.Hour)
	r.putOlder(r.fill(marchKey), r.fill(marchRun), at)
	r.settle()
}

// fill returns a command with the rig's own keys, runs and addresses in place of the
// documents' examples.
func (r *rig) fill(command string) string {
	first := r.march()
	day := first.AddDate(0, 0, 13)
	pairs := []string{
		marchRun, day.Format("20060102") + strings.TrimPrefix(marchRun, "20260314"), "2026-03-14", day.Format(time.DateOnly),
		"2026-03-01", first.Format(time.DateOnly), "2026-03-31", first.AddDate(0, 1, -1).Format(time.DateOnly),
		"https://new-runecast.example", r.appliance, "https://runecast.example.com", r.appliance,
	}
	keys := slices.DeleteFunc(r.raw(), func(key string) bool { return !strings.Contains(key, "/vc1.example-") })
	if n := len(keys); n > 0 {
		run, _ := archive.RunOf(keys[n-1])
		pairs = append(pairs, newestKey, keys[n-1], newestRun, run)
	}
	return strings.NewReplacer(pairs...).Replace(command)
}

// Every command of the documents' console blocks is typed here, in order, against the
// stack: first those of the README, which deploy, then those of the runbook and of all
// other documents. Before the commands of a section its trouble happens to the stack.
func TestCommandsOfDocuments(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	env := r.environment()
	happens, section := troubles(), ""
	var all []step
	for _, document := range append([]string{"README.md"}, slices.DeleteFunc(documents(t), func(d string) bool { return d == "README.md" })...) {
		all = append(all, steps(t, document)...)
	}
	for _, s := range all {
		if s.section != section {
			section = s.section
			trouble, ok := happens[section]
			if !ok {
				t.Fatalf("the section %q comes twice, or it is not known what it is about", section)
			}
			delete(happens, section)
			trouble(r)
		}
		out, failed := r.shell(env, r.fill(s.command))
		r.settle()
		if failed != s.fails {
			t.Errorf("%s: %q failed: %t\n%s", section, s.command, failed, out)
		}
		if missing := s.missing(out); len(missing) > 0 {
			t.Errorf("%s: %q does not show\n%s\nbut\n%s", section, s.command, strings.Join(missing, "\n"), out)
		}
		t.Logf("[%s] $ %s\n%s", section, s.command, out)
	}
	if len(happens) > 0 {
		t.Errorf("no document says anything about %v", happens)
	}
	r.ended()
}

// shell runs a command as an operator types it. A command that asks for a token gets
// one.
func (r *rig) shell(env []string, command string) (output string, failed bool) {
	token := rotatedToken
	switch {
	case strings.Contains(command, "create-secret --name runecast-ingest/runecast"):
		token = runecastToken
	case strings.Contains(command, "create-secret"):
		token = dynatraceToken
	}
	cmd := exec.CommandContext(r.Context(), "bash", "-c", command)
	cmd.Dir, cmd.Env, cmd.Stdin = root, env, strings.NewReader(token+"\n")
	out, err := cmd.CombinedOutput()
	return string(out), err != nil
}

// ended expects that in the end nothing is lost and nothing is counted twice.
func (r *rig) ended() {
	r.Helper()
	if st := r.receiver.Stats(); st.DuplicateFindings+st.ShapeErrors+st.Stale > 0 {
		r.Errorf("%+v", st)
	}
	if len(r.dead) > 0 {
		r.Errorf("%d messages are left in the dead-letter queue", len(r.dead))
	}
	systems := r.receiver.Tiles().Systems
	if len(systems) != 8 || slices.ContainsFunc([]string{collector, forwarder}, func(name string) bool {
		return strings.Contains(r.logs[name].String(), rotatedToken)
	}) {
		r.Errorf("the dashboard shows %d systems, or a log the token", len(systems))
	}
}
