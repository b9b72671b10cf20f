package forward

import (
	"testing"
	"time"
)

func TestCursorText(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		text string
		want cursor
	}{
		"of the first object":            {"5f0c ", cursor{id: "5f0c"}},
		"behind a system":                {"5f0c 3b2a", cursor{id: "5f0c", position: "3b2a"}},
		"behind a name with all signs":   {"5f0c raw/manual/a b@c.json", cursor{id: "5f0c", position: "raw/manual/a b@c.json"}},
		"at a pace":                      {"5f0c@1767225600250 3b2a", cursor{id: "5f0c", position: "3b2a", pacedUntil: time.UnixMilli(1767225600250)}},
		"at a pace, of the first object": {"5f0c@1767225600250 ", cursor{id: "5f0c", pacedUntil: time.UnixMilli(1767225600250)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := parseCursor(one.text); got != one.want {
				t.Errorf("%+v, want %+v", got, one.want)
			}
			if got := one.want.String(); got != one.text {
				t.Errorf("%q, want %q", got, one.text)
			}
		})
	}
	for name, text := range map[string]string{"no position": "5f0c", "no time": "5f0c@soon "} {
		if got := parseCursor(text); got != (cursor{id: "5f0c"}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
