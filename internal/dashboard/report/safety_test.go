package report

import (
	"crypto/sha256"
	"encoding/base64"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"runecast-ingest/internal/dashboard"
)

// fill puts the text into every string that v holds, and returns each number and
// slice something to show.
func fill(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Int:
		v.SetInt(7)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), text)
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]int{text: 7}))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), text)
		}
	}
}

func filled(text string) Page {
	var p Page
	fill(reflect.ValueOf(&p).Elem(), text)
	p.Run.Spans[0].Depth = 1
	return p
}

// skeleton is the page's elements without what they say.
func skeleton(n *node) string {
	var out strings.Builder
	n.each(func(e *node) bool {
		out.WriteString(e.name + " " + e.attributes["class"] + " " + e.attributes["href"] + "\n")
		return true
	})
	return out.String()
}

var hostile = map[string]string{
	"script":      `<script>alert(1)</script>`,
	"end tags":    `</title></style></td></table><img src=x onerror=alert(1)>`,
	"quotes":      `"'` + "`" + ` onmouseover=alert(1) x="`,
	"comment":     `--><!--<script>]]>`,
	"template":    `{{.Title}}{{template "page.html"}}`,
	"entity":      `&lt;script&gt;&#60;&`,
	"address":     `javascript:alert(1)//https://evil.example/`,
	"style":       `x}*{background:url(https://evil.example/)}`,
	"evidence":    `[{"type":"<b>","description":"<script>\u202e","value":"\u0000</code>"}]`,
	"details":     `{"<script>":"</dd>","a":["<i>"],"b":{"\u0000":null}}`,
	"NUL":         "a\x00b\x01\x1b[31m\x7f\u0085",
	"bidi":        "\u202e\u202d\u2066\u2067\u2068\u2069\u200e\u200f\u061c\u202a\u202bgro.live",
	"no UTF-8":    "\xff\xfe\xc3(\xed\xa0\x80",
	"no rune":     "\ufffe\uffff\U0010ffff",
	"half a JSON": `{"a":"b"`,
	"long word":   strings.Repeat("Donaudampfschiff", 500),
}

// Whatever a text of the appliance holds, it stays one text.
func TestHostileTextsAreInert(t *testing.T) {
	t.Parallel()
	invisible := regexp.MustCompile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
	for name, text := range hostile {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := written(t, filled(text))
			if found := invisible.FindString(got); found != "" {
				t.Errorf("%q is in the page", found)
			}
			checkInert(t, parsed(t, got))
		})
	}
}

func TestAnyTextIsInert(t *testing.T) {
	t.Parallel()
	plain := skeleton(parsed(t, written(t, filled("x"))))
	rapid.Check(t, func(rt *rapid.T) {
		// Neither JSON nor "[]", which are shown in another way, nor a level.
		text := "x" + rapid.StringOf(rapid.OneOf(rapid.Rune(), rapid.SampledFrom([]rune(`<>"'&{}/=-`+"`\x00\u202e")))).Draw(rt, "text")
		if got := skeleton(parsed(t, written(t, filled(text)))); got != plain {
			rt.Fatalf("the text changed the page")
		}
	})
}

// checkInert looks for what could load, run or send something.
func checkInert(t *testing.T, page *node) {
	t.Helper()
	for _, e := range page.all("", "") {
		switch e.name {
		case "script", "img", "iframe", "object", "embed", "form", "base", "foreignObject", "i":
			t.Errorf("<%s> is in the page", e.name)
		}
		for attribute, value := range e.attributes {
			switch {
			case strings.HasPrefix(attribute, "on"), attribute == "src", attribute == "style", attribute == "srcset", attribute == "action":
				t.Errorf("<%s %s=%q>", e.name, attribute, value)
			case attribute == "href" && !strings.HasPrefix(value, "#") && value != "data:,":
				t.Errorf("<%s> leads to %q", e.name, value)
			}
		}
	}
}

func TestNothingIsFetched(t *testing.T) {
	t.Parallel()
	page := parsed(t, written(t, small()))
	checkInert(t, page)
	styles := page.all("style", "")
	if len(styles) != 1 {
		t.Fatalf("%d styles", len(styles))
	}
	style := styles[0].children[0].said
	for _, banned := range []string{"url(", "@import", "http:", "https:", "src:"} {
		if strings.Contains(style, banned) {
			t.Errorf("the style has %s", banned)
		}
	}
	hash := sha256.Sum256([]byte(style))
	want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'; img-src data:; base-uri 'none'; form-action 'none'"
	for _, meta := range page.all("meta", "") {
		if meta.attributes["http-equiv"] == "Content-Security-Policy" && meta.attributes["content"] == want {
			return
		}
	}
	t.Errorf("no policy %s", want)
}

func TestLevels(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]level{
		"CRITICAL": {"critical", "Critical"}, dashboard.NotRelevant: {"other", "Not relevant"}, "": {"other", "None"}, "x\"": {"other", "x\""},
	} {
		if got := levelOf(value); got != want {
			t.Errorf("%q: %+v, want %+v", value, got, want)
		}
	}
}

func TestThousands(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1: "-1", -123: "-123", -1234: "-1,234"} {
		if got := Thousands(n); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
}

func TestTook(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0.0 ms", 1_250 * time.Microsecond: "1.2 ms", 1_500 * time.Millisecond: "1.50 s", 150*time.Second + 300*time.Millisecond: "2m30s",
	} {
		if got := took(d); got != want {
			t.Errorf("%d: %q, want %q", d, got, want)
		}
	}
}
