// Package inflate reads gzip streams (RFC 1952, RFC 1951) from front to back. It
// promises what compress/gzip gives: the same bytes, up to the same place where a
// stream is cut or corrupt, also of several streams in a row. It is there because it
// takes half the time, see its benchmark: raw objects are little else than texts
// that were there before, and reading them is a good part of what a delivery costs.
package inflate

import (
	"cmp"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

const (
	// window is how far back a text may lie that is there again.
	window = 32 << 10
	// ahead is how much is made at once beside it, and input how much is read.
	ahead = 96 << 10
	input = 64 << 10
	// longest is the longest text that is there again.
	longest = 258
)

// ErrCorrupt is all that can be wrong with a stream that is not cut.
var ErrCorrupt = errors.New("inflate: the data is no gzip stream")

// Reader reads a stream. It is not safe for concurrent use.
type Reader struct {
	src    io.Reader
	srcErr error // sticky
	in     []byte
	pos    int // in in
	// bits holds count bits that were taken of the input, the next ones lowest.
	// Above these it holds some of what follows, or zeros.
	bits  uint64
	count uint

	// out[made:filled] was not read yet, and what is before is the window.
	out          []byte
	made, filled int
	// first is where the stream at hand begins in out.
	first int

	sum  uint32
	size uint32
	err  error // sticky

	block blockKind
	last  bool // the block is the stream's last
	left  int  // of a stored block
	litlen,
	dist codes
}

// blockKind is what a block is, while it is being read.
type blockKind byte

const (
	between blockKind = iota
	stored
	coded
)

// NewReader reads the header of a stream.
func NewReader(src io.Reader) (*Reader, error) {
	r := &Reader{src: src, in: make([]byte, 0, input), out: make([]byte, window+ahead)}
	if err := r.header(); err != nil {
		return nil, err
	}
	return r, nil
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	for r.made == r.filled {
		if r.err != nil {
			return 0, r.err
		}
		r.more()
	}
	n := copy(p, r.out[r.made:r.filled])
	r.made += n
	return n, nil
}

// more makes as much as there is room for, or up to the end or an error.
func (r *Reader) more() {
	if r.filled > window {
		moved := r.filled - window
		copy(r.out, r.out[moved:r.filled])
		r.filled, r.first = window, max(0, r.first-moved)
	}
	r.made = r.filled
	begun := r.filled
	for r.err == nil && len(r.out)-r.filled > longest {
		switch r.block {
		case stored:
			r.err = r.copyStored()
		case coded:
			r.err = r.decode()
		default:
			if !r.last {
				r.err = r.begin()
				continue
			}
			r.account(begun)
			begun, r.first = r.filled, r.filled
			r.err = r.end()
		}
	}
	r.account(begun)
}

// account takes in what was made of the stream since a place.
func (r *Reader) account(since int) {
	r.sum = crc32.Update(r.sum, crc32.IEEETable, r.out[since:r.filled])
	r.size += uint32(r.filled - since)
}

// Bits of the header's fourth byte: what follows its first ten bytes, in this order
// but for the first, which comes last.
const (
	withSum = 2 << iota
	withExtra
	withName
	withComment
)

// header reads what stands before the data. io.EOF: there is nothing.
func (r *Reader) header() error {
	r.sum = 0
	var head [10]byte
	for i := range head {
		b, err := r.headerByte()
		if err != nil {
			if i > 0 {
				err = cut(err)
			}
			return err
		}
		head[i] = b
	}
	if head[0] != 0x1f || head[1] != 0x8b || head[2] != 8 {
		return ErrCorrupt
	}
	if err := r.optional(head[3]); err != nil {
		return cut(err)
	}
	r.sum, r.size, r.last = 0, 0, false
	return nil
}

// optional passes over what a header may hold beside.
func (r *Reader) optional(flags byte) error {
	if flags&withExtra != 0 {
		n, err := r.headerNumber()
		for ; n > 0 && err == nil; n-- {
			_, err = r.headerByte()
		}
		if err != nil {
			return err
		}
	}
	for _, text := range []byte{withName, withComment} {
		for left := flags&text != 0; left; {
			b, err := r.headerByte()
			if err != nil {
				return err
			}
			left = b != 0
		}
	}
	if flags&withSum == 0 {
		return nil
	}
	want := uint16(r.sum)
	if got, err := r.headerNumber(); err != nil || got != want {
		return cmp.Or(err, ErrCorrupt)
	}
	return nil
}

// headerByte reads a byte, and takes it into the sum.
func (r *Reader) headerByte() (byte, error) {
	b, err := r.readByte()
	if err == nil {
		r.sum = crc32.Update(r.sum, crc32.IEEETable, []byte{b})
	}
	return b, err
}

func (r *Reader) headerNumber() (uint16, error) {
	low, err := r.headerByte()
	if err != nil {
		return 0, err
	}
	high, err := r.headerByte()
	return uint16(low) | uint16(high)<<8, err
}

// end reads what stands behind the data, and the header of a stream that follows.
func (r *Reader) end() error {
	r.drop(r.count % 8)
	var tail [8]byte
	for i := range tail {
		b, err := r.readByte()
		if err != nil {
			return cut(err)
		}
		tail[i] = b
	}
	if binary.LittleEndian.Uint32(tail[:]) != r.sum || binary.LittleEndian.Uint32(tail[4:]) != r.size {
		return ErrCorrupt
	}
	return r.header()
}

// readByte reads a byte at the border of one.
func (r *Reader) readByte() (byte, error) {
	if r.count < 8 {
		if r.refill(); r.count < 8 {
			return 0, r.srcErr
		}
	}
	b := byte(r.bits)
	r.drop(8)
	return b, nil
}

// cut makes an end of the source in the middle of a stream what it is.
func cut(err error) error {
	if err == io.EOF { //nolint:errorlint // a reader's own end; any other error comes through
		return io.ErrUnexpectedEOF
	}
	return err
}

// refill takes bits of the input, at least 56 unless it ends.
func (r *Reader) refill() {
	if len(r.in)-r.pos >= 8 {
		r.bits |= binary.LittleEndian.Uint64(r.in[r.pos:]) << r.count
		r.pos += int(63-r.count) >> 3
		r.count |= 56
		return
	}
	r.bits &= 1<<r.count - 1
	for r.count < 56 {
		if r.pos == len(r.in) && !r.load() {
			return
		}
		r.bits |= uint64(r.in[r.pos]) << r.count
		r.pos++
		r.count += 8
	}
}

// load reads on; false: the source has ended.
func (r *Reader) load() bool {
	r.in, r.pos = r.in[:0], 0
	for len(r.in) == 0 && r.srcErr == nil {
		var n int
		n, r.srcErr = r.src.Read(r.in[:cap(r.in)])
		r.in = r.in[:n]
	}
	return len(r.in) > 0
}

func (r *Reader) drop(n uint) {
	r.bits >>= n
	r.count -= n
}

// take reads a number of so many bits, at most 16.
func (r *Reader) take(n uint) (int, error) {
	if r.count < n {
		if r.refill(); r.count < n {
			return 0, cut(r.srcErr)
		}
	}
	v := int(r.bits & (1<<n - 1))
	r.drop(n)
	return v, nil
}
