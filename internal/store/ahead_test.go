package store

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// slow is a writer that waits before each write until the test lets it go on.
type slow struct {
	bytes.Buffer
	let chan struct{}
	err error
}

func (s *slow) Write(p []byte) (int, error) {
	<-s.let
	if s.err != nil {
		return 0, s.err
	}
	return s.Buffer.Write(p)
}

func TestAheadWritesInOrder(t *testing.T) {
	t.Parallel()
	var want, got bytes.Buffer
	a := newAhead(&got)
	for i := range 500 {
		p := bytes.Repeat([]byte{byte(i)}, i*37%5000) // and some that are empty
		want.Write(p)
		if n, err := a.Write(p); n != len(p) || err != nil {
			t.Fatal(n, err)
		}
		clear(p) // it is the caller's again
	}
	large := bytes.Repeat([]byte("large"), aheadSize)
	want.Write(large)
	if n, err := a.Write(large); n != len(large) || err != nil {
		t.Fatal(n, err)
	}
	if err := a.Close(); err != nil || !bytes.Equal(got.Bytes(), want.Bytes()) {
		t.Errorf("%d bytes of %d, %v", got.Len(), want.Len(), err)
	}
}

// Write does not wait before all buffers are full; then it waits for the writer.
func TestAheadIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &slow{let: make(chan struct{})}
		a := newAhead(s)
		written := 0
		go func() {
			for range 10 * aheadBuffers {
				if n, err := a.Write(make([]byte, aheadSize/2)); err == nil {
					written += n
				}
			}
		}()
		synctest.Wait()
		if written < (aheadBuffers-1)*aheadSize || written > aheadBuffers*aheadSize {
			t.Errorf("%d bytes were taken", written)
		}
		close(s.let)
		synctest.Wait()
		if err := a.Close(); err != nil || s.Len() != 10*aheadBuffers*aheadSize/2 {
			t.Errorf("%d bytes, %v", s.Len(), err)
		}
	})
}

func TestAheadReturnsTheWritersError(t *testing.T) {
	t.Parallel()
	full := errors.New("the disk is full")
	for name, size := range map[string]int{"at a later write": 20 * aheadSize, "at the end": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			let := make(chan struct{})
			close(let)
			a := newAhead(&slow{let: let, err: full})
			_, err := strings.NewReader(strings.Repeat("x", size)).WriteTo(a)
			if got := []error{err, a.Close()}; !slices.ContainsFunc(got, func(err error) bool { return errors.Is(err, full) }) {
				t.Errorf("%v", got)
			}
		})
	}
}
