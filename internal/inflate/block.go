package inflate

import (
	"encoding/binary"
	"math/bits"
)

// begin reads the header of a block.
func (r *Reader) begin() error {
	head, err := r.take(3)
	if err != nil {
		return err
	}
	r.last = head&1 != 0
	switch head >> 1 {
	case 0:
		r.block = stored
		return r.beginStored()
	case 1:
		r.block = coded
		return r.fixed()
	case 2:
		r.block = coded
		return r.dynamic()
	}
	return ErrCorrupt
}

func (r *Reader) beginStored() error {
	r.drop(r.count % 8)
	size, err := r.take(16)
	if err != nil {
		return err
	}
	again, err := r.take(16)
	if err != nil {
		return err
	}
	if size != again^0xffff {
		return ErrCorrupt
	}
	r.left = size
	return nil
}

// copyStored copies of a stored block what there is room for.
func (r *Reader) copyStored() error {
	for r.left > 0 && r.filled < len(r.out) {
		if r.count > 0 || r.pos == len(r.in) {
			b, err := r.readByte()
			if err != nil {
				return cut(err)
			}
			r.out[r.filled] = b
			r.filled++
			r.left--
			continue
		}
		n := copy(r.out[r.filled:], r.in[r.pos:min(len(r.in), r.pos+r.left)])
		r.bits = 0 // what was seen of these bytes
		r.filled, r.pos, r.left = r.filled+n, r.pos+n, r.left-n
	}
	if r.left == 0 {
		r.block = between
	}
	return nil
}

// How long texts are that are there again, and how far back they lie: the least of
// each code, and how many bits more follow.
var (
	lengthLeast = [29]uint16{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	lengthMore  = [29]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distLeast   = [30]uint16{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
	distMore    = [30]uint8{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
	// order is that of the lengths of the codes for lengths of codes.
	order = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
)

const (
	endOfBlock = 256
	mostLitlen = 286
	mostDist   = 30
	// mostTogether is how many bits a text takes at most that is there again.
	mostTogether = 48
)

// decode makes what a block says, as much as there is room for. The state is kept in
// variables of its own meanwhile: most of the time of a reading is spent here.
func (r *Reader) decode() error {
	out, filled, first := r.out, r.filled, r.first
	in, pos, buffer, count := r.in, r.pos, r.bits, r.count
	litlens, dists := r.litlen.table, r.dist.table
	firstLitlen, firstDist := (*[1 << litlenBits]uint32)(litlens), (*[1 << distBits]uint32)(dists)
	var err error
	for len(out)-filled > longest {
		if count < mostTogether {
			if len(in)-pos >= 8 {
				buffer |= binary.LittleEndian.Uint64(in[pos:]) << (count & 63)
				pos += int(63-count) >> 3
				count |= 56
			} else {
				r.pos, r.bits, r.count = pos, buffer, count
				r.refill()
				in, pos, buffer, count = r.in, r.pos, r.bits, r.count
			}
		}
		e := firstLitlen[buffer&(1<<litlenBits-1)]
		if e&isLonger != 0 {
			e = litlens[e>>16+uint32(buffer>>litlenBits)&(1<<(e>>8&15)-1)]
		}
		n := uint(e & 15)
		if n == 0 || n > count {
			err = r.ends(n)
			break
		}
		buffer, count = buffer>>(n&63), count-n
		if e&isLiteral != 0 {
			out[filled] = byte(e >> 16)
			filled++
			continue
		}
		if e&isEnd != 0 {
			r.block = between
			break
		}
		more := uint(e >> 8 & 15)
		if more > count {
			err = r.ends(more)
			break
		}
		length := int(e>>16) + int(buffer&(1<<(more&63)-1))
		buffer, count = buffer>>(more&63), count-more

		d := firstDist[buffer&(1<<distBits-1)]
		if d&isLonger != 0 {
			d = dists[d>>16+uint32(buffer>>distBits)&(1<<(d>>8&15)-1)]
		}
		n, more = uint(d&15), uint(d>>8&15)
		if n == 0 || n+more > count {
			err = r.ends(n)
			break
		}
		back := int(d>>16) + int(buffer>>(n&63)&(1<<(more&63)-1))
		buffer, count = buffer>>((n+more)&63), count-n-more
		if back > filled-first {
			err = ErrCorrupt
			break
		}
		again(out, filled, back, length)
		filled += length
	}
	r.filled, r.pos, r.bits, r.count = filled, pos, buffer, count
	return err
}

// ends is why the input does not go on: a code that is none, or the source's end.
func (r *Reader) ends(n uint) error {
	if n == 0 {
		return ErrCorrupt
	}
	return cut(r.srcErr)
}

// again puts at a place what is so far back, so many bytes, and may go on as it
// repeats itself. There is room for the longest text.
func again(out []byte, at, back, length int) {
	from := at - back
	if back >= length {
		if length <= 16 && back >= 16 { // two words, of which the second may be too much
			a, b := binary.LittleEndian.Uint64(out[from:]), binary.LittleEndian.Uint64(out[from+8:])
			binary.LittleEndian.PutUint64(out[at:], a)
			binary.LittleEndian.PutUint64(out[at+8:], b)
			return
		}
		copy(out[at:at+length], out[from:])
		return
	}
	for end := at + length; at < end; {
		at += copy(out[at:end], out[from:at])
	}
}

// fixed prepares the codes that every reader knows.
func (r *Reader) fixed() error {
	var lengths [288 + 32]uint8
	for i := range 288 {
		switch {
		case i < 144, i >= 280:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		default:
			lengths[i] = 7
		}
	}
	for i := 288; i < len(lengths); i++ {
		lengths[i] = 5
	}
	return r.codes(lengths[:288], lengths[288:])
}

// dynamic reads the codes of a block.
func (r *Reader) dynamic() error {
	head, err := r.take(14)
	if err != nil {
		return err
	}
	litlens, dists, count := head&31+257, head>>5&31+1, head>>10+4
	if litlens > mostLitlen || dists > mostDist {
		return ErrCorrupt
	}
	var lengths [mostLitlen + mostDist]uint8
	var short [19]uint8
	for _, at := range order[:count] {
		n, err := r.take(3)
		if err != nil {
			return err
		}
		short[at] = uint8(n)
	}
	if !r.dist.build(short[:], 7, func(symbol int) uint32 { return uint32(symbol) << 16 }) {
		return ErrCorrupt
	}
	for i := 0; i < litlens+dists; {
		symbol, err := r.short()
		if err != nil {
			return err
		}
		if symbol < 16 {
			lengths[i] = uint8(symbol)
			i++
			continue
		}
		value, more, times := uint8(0), uint(2), 3
		switch symbol {
		case 16:
			if i == 0 {
				return ErrCorrupt
			}
			value = lengths[i-1]
		case 17:
			more = 3
		default:
			more, times = 7, 11
		}
		n, err := r.take(more)
		if err != nil {
			return err
		}
		if times += n; i+times > litlens+dists {
			return ErrCorrupt
		}
		for ; times > 0; times-- {
			lengths[i] = value
			i++
		}
	}
	return r.codes(lengths[:litlens], lengths[litlens:litlens+dists])
}

// short reads a code for a length of a code.
func (r *Reader) short() (int, error) {
	if r.count < 7 {
		r.refill()
	}
	e := r.dist.table[r.bits&(1<<7-1)]
	n := uint(e & 15)
	if n == 0 || n > r.count {
		return 0, r.ends(n)
	}
	r.drop(n)
	return int(e >> 16), nil
}

// codes prepares the codes of a block by their lengths.
func (r *Reader) codes(litlens, dists []uint8) error {
	ok := r.litlen.build(litlens, litlenBits, func(symbol int) uint32 {
		switch {
		case symbol < endOfBlock:
			return uint32(symbol)<<16 | isLiteral
		case symbol == endOfBlock:
			return isEnd
		case symbol >= mostLitlen:
			return isNone
		}
		return uint32(lengthLeast[symbol-endOfBlock-1])<<16 | uint32(lengthMore[symbol-endOfBlock-1])<<8
	}) && r.dist.build(dists, distBits, func(symbol int) uint32 {
		if symbol >= mostDist {
			return isNone
		}
		return uint32(distLeast[symbol])<<16 | uint32(distMore[symbol])<<8
	})
	if !ok {
		return ErrCorrupt
	}
	return nil
}

const (
	// litlenBits and distBits are looked up at once; longer codes take two look-ups.
	litlenBits, distBits = 10, 9
	mostBits             = 15
)

// An entry of a table holds in its lowest four bits how long its code is; none is
// none. Above stand what it is, and how many bits more follow, then its value. Of a
// longer code, the first entry has in these places how many bits more are looked up,
// and where.
const (
	isLiteral = 1 << 4
	isEnd     = 1 << 5
	isLonger  = 1 << 6
	isNone    = 1 << 7
)

// codes are looked up by the bits that come next.
type codes struct{ table []uint32 }

// build fills the table by the lengths of the codes, of the symbols in order, and
// reports whether these fill the space of codes, as they must but for a single one.
func (c *codes) build(lengths []uint8, look uint, entry func(symbol int) uint32) bool {
	var count, next [mostBits + 1]int
	for _, n := range lengths {
		count[n]++
	}
	longest, code := uint(0), 0
	for n := 1; n <= mostBits; n++ {
		code <<= 1
		next[n] = code
		if code += count[n]; count[n] > 0 {
			longest = uint(n)
		}
		if code > 1<<n {
			return false
		}
	}
	c.table = append(c.table[:0], make([]uint32, 1<<look)...)
	if longest == 0 {
		return true // any code is an error, when it comes
	}
	if full := next[longest] + count[longest]; full != 1<<longest && (longest != 1 || full != 1) {
		return false
	}
	for symbol, n := range lengths {
		if n == 0 {
			continue
		}
		length := uint(n)
		reversed := uint32(bits.Reverse16(uint16(next[n])) >> (16 - length))
		next[n]++
		e := entry(symbol)
		if e != isNone {
			e |= uint32(length)
		} else {
			e = 0
		}
		if length <= look {
			for i := reversed; i < 1<<look; i += 1 << length {
				c.table[i] = e
			}
			continue
		}
		first := &c.table[reversed&(1<<look-1)]
		if *first == 0 {
			*first = uint32(len(c.table))<<16 | uint32(longest-look)<<8 | isLonger
			c.table = append(c.table, make([]uint32, 1<<(longest-look))...)
			first = &c.table[reversed&(1<<look-1)]
		}
		base, size := *first>>16, uint32(1)<<(longest-look)
		for i := reversed >> look; i < size; i += 1 << (length - look) {
			c.table[base+i] = e
		}
	}
	return true
}
