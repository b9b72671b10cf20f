package runecast

import (
	"testing"
	"time"
)

func TestParseTime(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"1690270800000": "2023-07-25T07:40:00Z", "1.6902708E12": "2023-07-25T07:40:00Z", "1690270800000.0": "2023-07-25T07:40:00Z",
		"2023-07-25T09:40:00+02:00": "2023-07-25T07:40:00Z", "2023-07-25T09:40:00+0200": "2023-07-25T07:40:00Z", "2023-07-25T07:40:00Z": "2023-07-25T07:40:00Z",
		"2023-07-25T09:40:00.123456789+0200": "2023-07-25T07:40:00.123456789Z", "2023-07-25T07:40:00": "2023-07-25T07:40:00Z",
		"2023-07-25T07:40:00.123": "2023-07-25T07:40:00.123Z", "2023-07-25 07:40:00": "2023-07-25T07:40:00Z", "2023-07-25": "2023-07-25T00:00:00Z",
		"1e400": "", "1e300": "", "1.5": "", "NaN": "", "": "", "soon": "", "0": "", "-5": "", "253402300800000": "", "2023-13-01": "",
	} {
		got, ok := ParseTime(text)
		if ok != (want != "") || ok && (got.Format(time.RFC3339Nano) != want || got.Location() != time.UTC) {
			t.Errorf("%q: %s, %v; want %q", text, got, ok, want)
		}
		normal := normalTime(text)
		if want == "" {
			want = text
		}
		if normal != want {
			t.Errorf("%q: normal %q", text, normal)
		}
	}
}
