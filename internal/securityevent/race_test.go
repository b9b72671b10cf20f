//go:build race

package securityevent_test

const raceEnabled = true
