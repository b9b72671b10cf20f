package settings

import (
	"bytes"
	"fmt"
	"strings"
)

// ForSAM returns the values as a TOML file for `sam deploy --parameter-overrides
// file://…`, in which each value arrives as it is. The file is ASCII: the SAM CLI
// (1.152 and newer) reads it in the encoding of the machine.
func (t Template) ForSAM(v Values) []byte {
	var b bytes.Buffer
	b.WriteString("# Made by runecast-ingest for the SAM CLI, anew for each deployment: change the settings file instead.\n")
	for _, p := range t {
		fmt.Fprintf(&b, "%s = %s\n", p.Name, tomlText(guarded(v[p.Name])))
	}
	return b.Bytes()
}

// passes is how often the SAM CLI unquotes a value of such a file: where it has
// read the file, and once more among all overrides (samcli/cli/types.py,
// CfnParameterOverridesType.convert, which calls itself for a file).
const passes = 2

// guarded returns what the SAM CLI turns into a value. It takes a pair of quotes
// around a value away, and a backslash before a space, an apostrophe or a quote.
// Most values have none of them, and need nothing: they arrive as they are
// however often that is done. To others are added for each pass a pair of quotes
// and the backslashes that it takes away.
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

// tomlText is a basic string of TOML 1.0.
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
