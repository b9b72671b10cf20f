//go:build race

package collect

// underRace: the race detector makes a test about ten times slower, so tests with one
// goroutine do less under it. They do all of it without the detector: in the second test
// step of .ci/run, and by make test RACE=.
const underRace = true
