package lambda

import (
	"bytes"
	"io"
	"sync"
)

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

// lineWriter passes on whole lines, so that two instances cannot mix theirs.
type lineWriter struct {
	to   io.Writer
	mu   sync.Mutex
	part []byte // a line without its end
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

// flush writes the rest of a process that ended without a newline.
func (l *lineWriter) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.part) > 0 {
		_, _ = l.to.Write(append(l.part, '\n'))
		l.part = nil
	}
}
