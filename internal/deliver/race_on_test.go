//go:build race

package deliver

// underRace: the race detector makes a test about ten times slower, so tests with one
// goroutine do less under it. They run in full without it: by the second test step of
// .ci/run, and by make test RACE=.
const underRace = true
