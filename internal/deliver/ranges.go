package deliver

import "slices"

// doneRanges is a set of event indexes as sorted ranges [from, to): batches
// overtake each other (rule 07).
type doneRanges struct{ r [][2]int64 }

// add takes a range in; it may touch others, but not overlap them.
func (d *doneRanges) add(from, to int64) {
	if from >= to {
		return
	}
	i, _ := slices.BinarySearchFunc(d.r, from, func(r [2]int64, v int64) int {
		switch {
		case r[0] < v:
			return -1
		case r[0] > v:
			return 1
		}
		return 0
	})
	d.r = slices.Insert(d.r, i, [2]int64{from, to})
	if i+1 < len(d.r) && d.r[i][1] == d.r[i+1][0] {
		d.r[i][1] = d.r[i+1][1]
		d.r = slices.Delete(d.r, i+1, i+2)
	}
	if i > 0 && d.r[i-1][1] == d.r[i][0] {
		d.r[i-1][1] = d.r[i][1]
		d.r = slices.Delete(d.r, i, i+1)
	}
}

func (d *doneRanges) contains(index int64) bool {
	for _, r := range d.r {
		if index < r[0] {
			return false
		}
		if index < r[1] {
			return true
		}
	}
	return false
}

// count is how many indexes are in the set.
func (d *doneRanges) count() int64 {
	var n int64
	for _, r := range d.r {
		n += r[1] - r[0]
	}
	return n
}

// ranges gives a copy for the delivery document.
func (d *doneRanges) ranges() [][2]int64 { return append([][2]int64{}, d.r...) }
