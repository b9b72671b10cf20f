package main

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// answer is the JSON that a function answered, as it came.
type answer jsontext.Value

// figures are the members of an answer that decide what is done next.
type figures struct {
	OK       *bool  `json:"ok"`
	Failed   int    `json:"failed"`
	TimedOut int    `json:"timedout"`
	Pending  int    `json:"pending"`
	Objects  int    `json:"objects"`
	Accepted int64  `json:"accepted"`
	State    string `json:"state"` // of a run
	Cursor   string `json:"cursor"`
}

// figures returns the figures of an answer; zero ones of an answer that is no
// object.
func (a answer) figures() figures {
	var f figures
	if json.Unmarshal(a, &f) != nil {
		return figures{}
	}
	return f
}

// wellDone returns an error if the answer says that a check, a system or a
// delivery failed.
func (a answer) wellDone() error {
	f := a.figures()
	switch {
	case f.OK != nil && !*f.OK:
		return errors.New("a check failed: its cure stands beside it")
	case f.Failed+f.TimedOut > 0:
		return fmt.Errorf("%d failed: the reasons stand above", f.Failed+f.TimedOut)
	}
	return nil
}

// lastRun returns an error if the collector's status says that a system of the
// newest run failed, or that there was no run.
func (a answer) lastRun() error {
	var status struct {
		Runs []jsontext.Value `json:"runs"`
	}
	if err := json.Unmarshal(a, &status); err != nil {
		return fmt.Errorf("read the collector's status: %w", err)
	}
	if len(status.Runs) == 0 {
		return errors.New("the run has left no trace: see the collector's log")
	}
	return answer(status.Runs[0]).wellDone()
}
