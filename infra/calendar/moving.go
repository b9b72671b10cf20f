package main

import (
	"bytes"
	"fmt"
	"runtime"
)

// secondsAhead is source code that is added to the package time. It reads the file
// with the functions by which that package reads the zones, since the package time
// cannot import os. Its argument is the file's path.
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

// Ahead returns how far time.Now is ahead, for the package os.
func Ahead() Duration { return Duration(secondsAhead) * Second }
`

// move is one line of the standard library that reads or writes a time, and the
// line that replaces it.
type move struct {
	// file is below the folder src of the Go tree.
	file, line, moved string
}

// moves returns the changes of the standard library: the clock, and the dates of
// files, which programs read and set in their own time. The monotonic clock, and so
// timers and durations, stay as they are. Synthetic time (testing/synctest) moves
// by as much.
func moves() []move {
	const read, set = "fs.modTime = time.Unix(fs.sys.Mtim.Unix())", "utimes[i] = syscall.NsecToTimespec(t.UnixNano())"
	return []move{
		{"time/time.go", "\n\tsec, nsec, mono := runtimeNow()\n", "\n\tsec, nsec, mono := runtimeNow()\n\tsec += secondsAhead\n"},
		{"os/stat_linux.go", "\t" + read + "\n", "\t" + read + ".Add(time.Ahead())\n"},
		{"os/file_posix.go", "\t" + set + "\n", "\tutimes[i] = syscall.NsecToTimespec(t.Add(-time.Ahead()).UnixNano())\n"},
	}
}

// apply returns a source file with its line replaced. seconds is the path of the
// file that holds the number of seconds, which a program reads when it starts.
func (m move) apply(source []byte, seconds string) ([]byte, error) {
	if n := bytes.Count(source, []byte(m.line)); n != 1 {
		return nil, fmt.Errorf("%s of %s treats times in another way than is known here: adapt infra/calendar/moving.go", m.file, runtime.Version())
	}
	moved := bytes.Replace(source, []byte(m.line), []byte(m.moved), 1)
	if m.file == "time/time.go" {
		moved = fmt.Appendf(moved, secondsAhead, seconds)
	}
	return moved, nil
}
