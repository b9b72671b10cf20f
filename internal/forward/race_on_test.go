//go:build race

package forward_test

// usualRounds is how many rounds of chaos a test run has: fewer under the race
// detector, which makes them five times slower. All are played where there is
// none, by the second test step of .ci/run.
const usualRounds = 12
