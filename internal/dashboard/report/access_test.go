package report

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The page has what a screen reader and a keyboard need.
func TestAccess(t *testing.T) {
	t.Parallel()
	page := parsed(t, written(t, small()))
	if lang := page.all("html", "")[0].attributes["lang"]; lang != "en" {
		t.Errorf("language %q", lang)
	}
	for name, want := range map[string]int{"h1": 1, "main": 1, "title": 1, "header": 1, "footer": 1} {
		if got := len(page.all(name, "")); got != want {
			t.Errorf("%d <%s>, want %d", got, name, want)
		}
	}
	ids := map[string]int{}
	for _, e := range page.all("", "") {
		if id, has := e.attributes["id"]; has {
			ids[id]++
		}
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("%d elements %s", n, id)
		}
	}
	for _, e := range page.all("", "") {
		if flaw := inaccessible(e, ids); flaw != "" {
			t.Errorf("<%s %v> %s", e.name, e.attributes, flaw)
		}
	}
}

// inaccessible says what an element lacks.
func inaccessible(e *node, ids map[string]int) string {
	target := strings.TrimPrefix(e.attributes["href"], "#")
	switch {
	case e.attributes["aria-labelledby"] != "" && ids[e.attributes["aria-labelledby"]] == 0:
		return "is named by what is not there"
	case target != e.attributes["href"] && ids[target] == 0:
		return "leads nowhere"
	}
	switch e.name {
	case "table":
		if captions := e.all("caption", ""); len(captions) != 1 || captions[0].text() == "" {
			return "has no caption"
		}
	case "th":
		if scope := e.attributes["scope"]; scope != "col" && scope != "row" || e.text() == "" {
			return "has no scope or text"
		}
	case "tr":
		if len(e.all("th", "")) == 0 {
			return "has no head"
		}
	case "section", "nav":
		if e.attributes["aria-labelledby"] == "" && e.attributes["aria-label"] == "" {
			return "has no name"
		}
	case "svg":
		if e.attributes["aria-hidden"] != "true" {
			return "is not hidden, but says nothing"
		}
	case "input":
		if e.attributes["type"] != "radio" || e.attributes["name"] == "" {
			return "is no radio button of a group"
		}
	case "fieldset":
		if len(e.all("legend", "")) != 1 {
			return "has no legend"
		}
	}
	if e.attributes["class"] == "scroll" && (e.attributes["tabindex"] != "0" || e.attributes["role"] != "region") {
		return "cannot be scrolled with the keyboard"
	}
	return ""
}

// A chip, a tile and a failed span say in a word what their colour says.
func TestNoInformationByColourAlone(t *testing.T) {
	t.Parallel()
	page := parsed(t, written(t, small()))
	marked := slices.Concat(page.all("span", "chip"), page.all("div", "number"), page.all("p", "verdict"))
	if len(marked) < 20 {
		t.Fatalf("%d marks", len(marked))
	}
	for _, m := range marked {
		if m.text() == "" || len(m.all("use", "")) != 1 {
			t.Errorf("%v has no symbol or word", m.attributes)
		}
	}
}

// palette reads the colours of the style, as relative luminances (WCAG 2.2)
// for light and dark.
func palette(t *testing.T) map[string][2]float64 {
	t.Helper()
	style, err := files.ReadFile("style.css")
	if err != nil {
		t.Fatal(err)
	}
	colours := map[string][2]float64{}
	for _, m := range regexp.MustCompile(`--([a-z0-9-]+): light-dark\(#([0-9a-f]{6}), #([0-9a-f]{6})\);`).FindAllStringSubmatch(string(style), -1) {
		colours[m[1]] = [2]float64{luminance(t, m[2]), luminance(t, m[3])}
	}
	if strays := regexp.MustCompile(`#[0-9a-f]{3,8}\b`).FindAllString(string(style), -1); len(strays) != 2*len(colours) {
		t.Errorf("%d colours, but %d in variables", len(strays), 2*len(colours))
	}
	return colours
}

func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			sum += weight * c / 12.92
		} else {
			sum += weight * math.Pow((c+0.055)/1.055, 2.4)
		}
	}
	return sum
}

// In both themes text has a contrast of at least 4.5, and a drawing of at least 3, as
// WCAG asks for.
func TestContrast(t *testing.T) {
	t.Parallel()
	const text, drawing = 4.5, 3
	colours := palette(t)
	check := func(front, back string, least float64) {
		t.Helper()
		f, known := colours[front]
		b, known2 := colours[back]
		if !known || !known2 {
			t.Fatalf("no colour %s or %s", front, back)
		}
		for i, theme := range []string{"light", "dark"} {
			if got := (max(f[i], b[i]) + 0.05) / (min(f[i], b[i]) + 0.05); got < least {
				t.Errorf("%s on %s, %s: %.2f, want %v", front, back, theme, got, least)
			}
		}
	}
	for _, front := range []string{"text", "quiet", "accent"} {
		for _, back := range []string{"page", "card", "head", "track"} {
			check(front, back, text)
		}
	}
	for _, level := range []string{"critical", "high", "medium", "low", "failed", "manual", "passed"} {
		check(level, "card", text)
		check(level, level+"-soft", text)
	}
	for _, bar := range []string{"bar-failed", "bar-manual", "bar-passed", "hue0", "hue1", "hue2", "hue3", "hue4", "hue5", "hue6", "hue7"} {
		check(bar, "card", drawing)
		check(bar, "head", drawing) // the background of a line under the pointer
	}
}
