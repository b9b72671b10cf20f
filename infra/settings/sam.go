package settings

import (
	"bytes"
	"fmt"
	"strings"
)

// ForSAM returns the text of a TOML file for `sam deploy --parameter-overrides
// file://…`, with which each value arrives as it is. v must have a value for every
// parameter. The file is ASCII, since the SAM CLI (1.152 and newer) reads it in the
// encoding of the machine.
func (t Template) ForSAM(v Values) []byte {
	var b bytes.Buffer
	b.WriteString("# Made by runecast-ingest for the SAM CLI, anew for each deployment: change the settings file instead.\n")
	for _, p := range t {
		fmt.Fprintf(&b, "%s = %s\n", p.Name, tomlText(guarded(v[p.Name])))
	}
	return b.Bytes()
}

// passes is how often the SAM CLI unquotes a value of such a file: once when it has
// read the file, and once more with all overrides (samcli/cli/types.py,
// CfnParameterOverridesType.convert, which calls itself for a file).
const passes = 2

// guarded returns a text that the SAM CLI turns into value. In each pass the SAM CLI
// removes a pair of quotes around a text, and a backslash before a space, an
// apostrophe or a quote. A value with neither arrives as it is, and is returned
// unchanged. To other values guarded adds, for each pass, the quotes and backslashes
// that the pass removes.
func guarded(value string) string {
	r := strings.NewReplacer(` `, `\ `, `"`, `\"`, `'`, `\'`)
	quoted := value != "" && strings.ContainsRune(`"'`, rune(value[0])) && value[0] == value[len(value)-1]
	escaped := strings.Contains(value, `\ `) || strings.Contains(value, `\"`) || strings.Contains(value, `\'`)
	for range passes {
		if quoted || escaped {
			value = `"` + r.Replace(value) + `"`
		}
	}
	return value
}

// tomlText returns a text as a basic string of TOML 1.0, in ASCII.
func tomlText(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"', r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case r >= ' ' && r < 0x7f:
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\U%08X`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
