package lambda

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// CheckLine returns an error if a line that a function wrote is not in Lambda's log
// format JSON: one JSON object without repeated members, at any depth, and with one
// of the levels by which Lambda filters.
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
func CheckLine(line []byte) error {
	dec := jsontext.NewDecoder(bytes.NewReader(line)) // refuses repeated members
	object, err := dec.ReadValue()
	if err != nil {
		return fmt.Errorf("the line is no JSON: %w", err)
	}
	object = object.Clone() // the next read overwrites the decoder's buffer
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return errors.New("the line goes on after its JSON")
	}
	var members struct {
		Level string `json:"level"`
	}
	if err := json.Unmarshal(object, &members); err != nil {
		return fmt.Errorf("the line is no object with a level: %w", err)
	}
	if !slices.Contains([]string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}, members.Level) {
		return fmt.Errorf("the level %q is not one of Lambda's", members.Level)
	}
	return nil
}

// sharedWriter lets several instances write to one log.
type sharedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *sharedWriter) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(p)
}

// lineWriter passes on whole lines, so that the lines of two instances do not mix.
type lineWriter struct {
	to   io.Writer
	mu   sync.Mutex
	part []byte // the beginning of a line whose end has not come yet
}

// Write never fails: a full disk must not stop the function.
func (l *lineWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.part = append(l.part, p...)
	if end := bytes.LastIndexByte(l.part, '\n') + 1; end > 0 {
		_, _ = l.to.Write(l.part[:end])
		l.part = append(l.part[:0], l.part[end:]...)
	}
	return len(p), nil
}

// flush passes on the last line of a process that ended without a newline.
func (l *lineWriter) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.part) > 0 {
		_, _ = l.to.Write(append(l.part, '\n'))
		l.part = nil
	}
}
