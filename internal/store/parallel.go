package store

import (
	"iter"

	"golang.org/x/sync/errgroup"
)

const (
	// readers is how many documents are read at the same time.
	readers = 16
	// readAhead is how many elements of a list are held in memory.
	readAhead = 256
)

// inParallel calls read for each element of a list, up to readers at the same time, and
// returns the results in the list's order. An error of the list comes after the results
// of the elements before it, and ends the sequence.
func inParallel[In, Out any](list iter.Seq2[In, error], read func(In) Out) iter.Seq2[Out, error] {
	return func(yield func(Out, error) bool) {
		ahead := make([]In, 0, readAhead)
		flush := func() bool {
			for _, out := range readAll(ahead, read) {
				if !yield(out, nil) {
					return false
				}
			}
			ahead = ahead[:0]
			return true
		}
		for in, err := range list {
			if err != nil {
				if flush() {
					var none Out
					yield(none, err)
				}
				return
			}
			if ahead = append(ahead, in); len(ahead) == readAhead && !flush() {
				return
			}
		}
		flush()
	}
}

func readAll[In, Out any](all []In, read func(In) Out) []Out {
	out := make([]Out, len(all))
	var group errgroup.Group
	group.SetLimit(readers)
	for i := range all {
		group.Go(func() error {
			out[i] = read(all[i])
			return nil // read keeps an error in its result
		})
	}
	_ = group.Wait()
	return out
}
