//go:build race

package forward_test

// usualRounds is how many rounds of chaos a test run has. It is smaller under the race
// detector, which makes a round five times slower. The second test step of .ci/run plays
// all rounds without it.
const usualRounds = 12
