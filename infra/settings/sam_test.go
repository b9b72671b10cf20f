package settings

import (
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// samFile is what the SAM CLI reads of a TOML file that `--parameter-overrides
// file://…` names, by the rules of its version 1.164 (samcli/cli/types.py,
// CfnParameterOverridesType.convert): a table's values as texts, unquoted, and
// unquoted once more, since the function calls itself for a file. Of TOML it knows
// what the files here use: bare keys and basic strings.
func samFile(text string) (map[string]string, error) {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		name, quoted, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " = ")
		if !ok || !regexp.MustCompile(`^[A-Za-z0-9_-]+$`).MatchString(name) {
			return nil, fmt.Errorf("no TOML: %q", line)
		}
		value, err := strconv.Unquote(quoted) // \", \\ and \UXXXXXXXX mean the same in TOML and in Go
		if err != nil || strings.ContainsFunc(quoted, func(r rune) bool { return r < ' ' || r > '~' }) {
			return nil, fmt.Errorf("no ASCII string of TOML: %s", quoted)
		}
		out[name] = samUnquoted(samUnquoted(value))
	}
	return out, nil
}

// samUnquoted restates _unquote_wrapped_quotes.
func samUnquoted(value string) string {
	if value != "" && value[0] == value[len(value)-1] && strings.ContainsRune(`"'`, rune(value[0])) {
		if len(value) == 1 {
			return "" // Python's value[1:-1]
		}
		value = value[1 : len(value)-1]
	}
	for _, escaped := range []string{` `, `"`, `'`} {
		value = strings.ReplaceAll(value, `\`+escaped, escaped)
	}
	return value
}

// samTyped restates what the SAM CLI makes of a typed Name=value. The shell has
// removed the quotes, and the SAM CLI splits the text at spaces again.
func samTyped(typed string) map[string]string {
	out := map[string]string{}
	const value = `("(?:\\.|[^"\\]+)*"|'(?:\\.|[^'\\]+)*'|(?:\\.|[^ "\\]+)+)`
	for _, m := range regexp.MustCompile(`(?: )([A-Za-z0-9"']+)=`+value).FindAllStringSubmatch(" "+strings.TrimSpace(typed), -1) {
		out[samUnquoted(m[1])] = samUnquoted(m[2])
	}
	return out
}

// The SAM CLI cuts values that are typed behind --parameter-overrides, which is why
// values go to it in a file.
func TestTypedValuesAreCut(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]map[string]string{
		"RunecastSystems=Prod vCenter,Lab":     {"RunecastSystems": "Prod"},
		"ExcludeTypes=PCI DSS,VUL":             {"ExcludeTypes": "PCI"},
		"RunecastSystems=":                     {},
		`RunecastSystems="Prod vCenter,Lab"`:   {"RunecastSystems": "Prod vCenter,Lab"},
		`Standards={"X":{"name":"My"}}`:        {"Standards": "{"},
		"ScheduleExpression=cron(0 4 * * ? *)": {"ScheduleExpression": "cron(0"},
	} {
		if got := samTyped(typed); !maps.Equal(got, want) {
			t.Errorf("%s arrives as %q, not as %q", typed, got, want)
		}
	}
}

// odd returns values that something on the way might cut or change.
func odd() []string {
	return []string{
		"", " ", "Prod vCenter,Lab", "PCI DSS,VUL", "cron(0 4 * * ? *)", `{"X":{"name":"My \"own\" standard","url":"https://x.example/?a=b&c=d#e"}}`,
		`'`, `"`, `''`, `""`, `"quoted"`, `'quoted'`, `\`, `\\`, `ends with \`, `\"`, `\'`, `\ `, `\\"`, `\\\'`, `a\"b\'c\ d`, "two\nlines", "tab\there", "Übersicht ✅ 日本 😀",
		"A=b C=d", "ParameterKey=A,ParameterValue=b", "file://etc/passwd", "$include", "${HOME} $(id) `id`", "# no comment", "null", "~", "true", "0x10", "1e3", "- a", "{a: b}", "[a]", "*x", "&x", "!x", "%x", "@x", "a: b", "a #b", "a,b , c",
	}
}

func TestValuesReachTheSAMCLI(t *testing.T) {
	t.Parallel()
	for _, value := range odd() {
		arrives(t, value)
	}
}

func FuzzValuesReachTheSAMCLI(f *testing.F) {
	for _, value := range odd() {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		arrives(t, strings.ToValidUTF8(value, "?"))
	})
}

// Values without quotes and escapes, as most are, are written unchanged.
func TestPlainValuesStayAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"", "Prod vCenter,Lab", "cron(0 4 * * ? *)", `{"X":{"name":"My standard"}}`, "O'Brien", `C:\team`} {
		if got := guarded(value); got != value {
			t.Errorf("%q becomes %q", value, got)
		}
	}
}

func arrives(t *testing.T, value string) {
	t.Helper()
	file := Template{{Name: "A"}, {Name: "B"}}.ForSAM(Values{"A": value, "B": "after"})
	got, err := samFile(string(file))
	if err != nil || got["A"] != value || got["B"] != "after" || len(got) != 2 {
		t.Errorf("%q arrives as %q, %v", value, got, err)
	}
}
