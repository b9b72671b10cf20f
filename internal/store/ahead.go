package store

import "io"

const (
	// aheadBuffers is how many buffers of aheadSize bytes there are. A buffer holds as
	// much as one read from the network returns.
	aheadBuffers = 4
	aheadSize    = 64 << 10
)

// ahead writes to a writer in a goroutine of its own, so that the producer does not wait
// for the compression, and two processors are used if there are two. An error of the
// writer is returned by one of the next writes, or by Close.
type ahead struct {
	full  chan []byte
	empty chan []byte
	begun []byte // the buffer that is being filled
	ended chan struct{}
	err   error // of the writer; valid once ended is closed
}

func newAhead(w io.Writer) *ahead {
	a := &ahead{full: make(chan []byte, aheadBuffers), empty: make(chan []byte, aheadBuffers), ended: make(chan struct{})}
	for range aheadBuffers {
		a.empty <- make([]byte, 0, aheadSize)
	}
	a.begun = <-a.empty
	go func() {
		defer close(a.ended)
		for b := range a.full {
			if _, a.err = w.Write(b); a.err != nil {
				return
			}
			a.empty <- b[:0]
		}
	}()
	return a
}

// Write copies p into the buffers. It waits while all buffers are full.
func (a *ahead) Write(p []byte) (n int, err error) {
	for {
		taken := copy(a.begun[len(a.begun):cap(a.begun)], p[n:])
		a.begun = a.begun[:len(a.begun)+taken]
		if n += taken; n == len(p) {
			return n, nil
		}
		a.full <- a.begun // never waits: there is room for all buffers
		a.begun = nil
		select {
		case a.begun = <-a.empty:
		case <-a.ended:
			return n, a.err
		}
	}
}

// Close writes what is left in the buffers, and returns when the writer is not used any
// more.
func (a *ahead) Close() error {
	if len(a.begun) > 0 {
		a.full <- a.begun
	}
	close(a.full)
	<-a.ended
	return a.err
}
