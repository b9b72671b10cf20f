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

// keptReplay is what is remembered of a replay until it has ended, in a file of
// the operator's own. A crash of this machine leaves it: the same command then
// does not begin, and pay for, the same replay once more. It lies beside no
// stack's state: without it, the command that goes on was printed too.
type keptReplay struct {
	// Choice is the stack, and the command without its cursor.
	Choice string `json:"choice"`
	// GoOn is the command that goes on.
	GoOn string `json:"goOn"`
}

// keptFile is where a replay is kept, by what it chooses; "": this machine has no
// place for it.
func (s *session) keptFile(choice string) string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, self, uuid.NewSHA1(uuid.Nil, []byte(choice)).String()+".replay.json")
}

// unfinished refuses to begin a replay that was cut off before.
func (s *session) unfinished(p replay) error {
	var kept keptReplay
	choice := s.choice(p)
	_ = json.Unmarshal(s.kept(p), &kept) // what cannot be read remembers nothing
	if kept.Choice != choice {
		return nil
	}
	return &fault.Error{Class: fault.Reject, What: "the same replay was begun before, and has not ended",
		Cure: fmt.Sprintf("go on with `%s`, which sends nothing twice; or begin once more with --anew", kept.GoOn)}
}

// choice is a replay's command without its cursor, the same on every day.
func (s *session) choice(p replay) string { return self + " " + s.stack + " " + p.goOn("") }

// keep remembers how a replay goes on. Where that fails, the printed command has to do.
func (s *session) keep(p replay, cursor string) {
	text, err := json.Marshal(keptReplay{Choice: s.choice(p), GoOn: s.onThisStack(p.goOn(cursor))})
	if file := s.keptFile(s.choice(p)); err == nil && file != "" {
		err = replaceFile(file, text)
	}
	if err != nil {
		s.note("not remembered on this machine: %v", err)
	}
}

// kept returns what is remembered of a replay; nil: nothing is.
func (s *session) kept(p replay) []byte {
	text, err := os.ReadFile(s.keptFile(s.choice(p)))
	if err != nil {
		return nil
	}
	return text
}

// restore remembers of a replay what was remembered before a call that was refused.
func (s *session) restore(p replay, before []byte) {
	if before == nil {
		s.forget(p)
		return
	}
	if err := replaceFile(s.keptFile(s.choice(p)), before); err != nil {
		s.note("not remembered on this machine: %v", err)
	}
}

// forget ends what keep began.
func (s *session) forget(p replay) {
	if err := os.Remove(s.keptFile(s.choice(p))); err != nil && !errors.Is(err, os.ErrNotExist) {
		s.note("the ended replay stays remembered on this machine: %v", err)
	}
}
