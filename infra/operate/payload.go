package main

import (
	"regexp"
	"strconv"
	"strings"

	"runecast-ingest/internal/payload"
)

// paged is a payload whose answer may end with a cursor.
type paged interface {
	// from returns the same payload with a cursor, at which the call continues.
	from(cursor string) paged
	// goOn returns the command that continues at a cursor.
	goOn(cursor string) string
}

// inspection is a request for the forwarder's status or quarantine.
type inspection struct {
	Action string `json:"action"`
	payload.QuarantineRequest
}

func (p inspection) from(cursor string) paged {
	p.Next = cursor
	return p
}

func (p inspection) goOn(cursor string) string {
	if p.Action == payload.Quarantine {
		return commandLine("quarantine", flagValue{"next", cursor})
	}
	return commandLine("status", flagValue{"system", p.System}, flagValue{"since", p.Since}, flagValue{"until", p.Until}, flagValue{"next", cursor})
}

// replay is a request to send archived scans again.
type replay struct{ payload.ReplayRequest }

func (p replay) from(cursor string) paged {
	p.Next = cursor
	return p
}

func (p replay) goOn(cursor string) string {
	values := []flagValue{
		{"key", p.Key}, {"prefix", p.Prefix}, {"run", p.Run}, {"system", p.System}, {"since", p.Since}, {"until", p.Until}, {"state", p.State},
		{"limit", number(float64(p.Limit))}, {"rate", number(p.MaxEventsPerSecond)}, {"price", number(p.PricePerGiB)}, {"next", cursor},
	}
	line := commandLine("replay", values...)
	if p.DryRun {
		line += " --dry-run"
	}
	if p.Force {
		line += " --force"
	}
	return line
}

// flagValue is a flag with its value; a flag with an empty value is left out.
type flagValue struct{ flag, value string }

// number returns a number as it is typed, "" for zero.
func number(n float64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}

// commandLine returns a command as it is typed in a shell; a value with special
// characters is quoted.
func commandLine(command string, values ...flagValue) string {
	line := self + " " + command
	for _, v := range values {
		if v.value == "" {
			continue
		}
		value := v.value
		if !regexp.MustCompile(`^[A-Za-z0-9_./:=@,-]+$`).MatchString(value) || strings.HasPrefix(value, "=") {
			value = "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
		}
		line += " --" + v.flag + "=" + value
	}
	return line
}
