package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"runecast-ingest/internal/fault"
)

// keptReplay is the record of a replay that has begun and not ended. It is a JSON
// file in the operator's cache folder. A crash of this machine leaves the file:
// the same command is then refused, since it would send everything, and cost it,
// again. No stack depends on the file; the command that continues the replay was
// printed, too.
type keptReplay struct {
	// Choice is the stack, and the command without its cursor.
	Choice string `json:"choice"`
	// GoOn is the command that continues the replay.
	GoOn string `json:"goOn"`
}

// keptFile returns the path of the record of a replay with this choice; "": this
// machine has no cache folder.
func (s *session) keptFile(choice string) string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, self, uuid.NewSHA1(uuid.Nil, []byte(choice)).String()+".replay.json")
}

// unfinished returns an error if the same replay has begun before and not ended.
func (s *session) unfinished(p replay) error {
	var kept keptReplay
	choice := s.choice(p)
	_ = json.Unmarshal(s.kept(p), &kept) // a record that cannot be read counts as none
	if kept.Choice != choice {
		return nil
	}
	return &fault.Error{Class: fault.Reject, What: "the same replay was begun before, and has not ended",
		Cure: fmt.Sprintf("go on with `%s`, which sends nothing twice; or begin once more with --anew", kept.GoOn)}
}

// choice returns the stack and a replay's command without its cursor: the same text
// whenever the same replay is asked for.
func (s *session) choice(p replay) string { return self + " " + s.stack + " " + p.goOn("") }

// keep records the command that continues a replay at a cursor. It writes the file
// whole or not at all. If that fails, a note says so, and the printed command is
// the only record.
func (s *session) keep(p replay, cursor string) {
	text, err := json.Marshal(keptReplay{Choice: s.choice(p), GoOn: s.onThisStack(p.goOn(cursor))})
	if file := s.keptFile(s.choice(p)); err == nil && file != "" {
		err = replaceFile(file, text)
	}
	if err != nil {
		s.note("not remembered on this machine: %v", err)
	}
}

// kept returns the record of a replay as JSON; nil: there is none.
func (s *session) kept(p replay) []byte {
	text, err := os.ReadFile(s.keptFile(s.choice(p)))
	if err != nil {
		return nil
	}
	return text
}

// restore puts the record of a replay back to what it was before a call that the
// function refused; before nil: there was none.
func (s *session) restore(p replay, before []byte) {
	if before == nil {
		s.forget(p)
		return
	}
	if err := replaceFile(s.keptFile(s.choice(p)), before); err != nil {
		s.note("not remembered on this machine: %v", err)
	}
}

// forget removes the record of a replay that has ended. A crash before leaves the
// record: --anew begins such a replay once more.
func (s *session) forget(p replay) {
	if err := os.Remove(s.keptFile(s.choice(p))); err != nil && !errors.Is(err, os.ErrNotExist) {
		s.note("the ended replay stays remembered on this machine: %v", err)
	}
}
