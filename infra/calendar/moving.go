package main

import (
	"bytes"
	"fmt"
	"runtime"
)

// clock is the line of time.Now that reads the clock.
const clock = "\n\tsec, nsec, mono := runtimeNow()\n"

// secondsAhead is what is added to the package time. It reads the file in the way in
// which that package reads the zones, since it cannot import os.
const secondsAhead = `
// secondsAhead is how many seconds time.Now is ahead: the content of a file of infra/calendar.
var secondsAhead = func() int64 {
	text, err := readFile(%[1]q)
	seconds, rest, bad := leadingInt(text)
	if err != nil || bad != nil || len(rest) > 0 {
		panic("this program was built by infra/calendar for another date, and " + %[1]q + " does not say for which")
	}
	return int64(seconds)
}()
`

// moving changes the source of the package time (time.go) so that time.Now is
// ahead by the seconds that a file holds when a program starts. The monotonic
// clock, and so timers and durations, are as before. Synthetic time
// (testing/synctest) is moved by as much.
func moving(source []byte, file string) ([]byte, error) {
	if n := bytes.Count(source, []byte(clock)); n != 1 {
		return nil, fmt.Errorf("time.Now of %s reads the clock in another way than is known here: adapt infra/calendar/moving.go", runtime.Version())
	}
	moved := bytes.Replace(source, []byte(clock), []byte(clock+"\tsec += secondsAhead\n"), 1)
	return fmt.Appendf(moved, secondsAhead, file), nil
}
