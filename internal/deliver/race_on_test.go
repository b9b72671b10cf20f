//go:build race

package deliver

// underRace: the race detector makes a test about ten times slower, so that what
// has one goroutine does less. All of it is done where there is none: by the
// second test step of .ci/run, and by make test RACE=.
const underRace = true
