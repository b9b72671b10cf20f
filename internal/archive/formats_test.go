package archive

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// FORMATS.md names every member of the documents in the bucket, with the prefix of
// their keys and their schema.
func TestFormatsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("FORMATS.md")
	if err != nil {
		t.Fatal(err)
	}
	formats := string(text)
	for heading, document := range map[string]any{
		"## Raw object":        Envelope{},
		"### Run":              Run{},
		"### Delivery":         Delivery{},
		"### Register":         Register{},
		"### Roll-up":          Rollup{},
		"### Sweep":            Sweep{},
		"### Verification":     Verify{},
		"### Refused event":    RefusedEvent{},
		"## State documents\n": Header{},
	} {
		_, section, found := strings.Cut(formats, heading)
		if section, _, _ = strings.Cut(section, "\n#"); !found {
			t.Errorf("FORMATS.md has no section %q", heading)
		}
		for _, name := range members(reflect.TypeOf(document), 0) {
			if !strings.Contains(section, "`"+name+"`") && !strings.Contains(section, `"`+name+`"`) {
				t.Errorf("FORMATS.md does not have the member %s under %q", name, heading)
			}
		}
		for _, name := range members(reflect.TypeOf(document), 2) { // the parts of several documents are shown once
			if !strings.Contains(formats, "`"+name+"`") && !strings.Contains(formats, `"`+name+`"`) {
				t.Errorf("FORMATS.md does not have the member %s of what is under %q", name, heading)
			}
		}
	}
	for _, part := range []string{
		RawPrefix, ManualPrefix, CatalogPrefix, DeliveryPrefix, RegisterPrefix, QuarantinePrefix, RunsPrefix, ActiveRunKey, SweepKey, VerifyKey, RunCheckKey, DeliveryCheckKey,
		RawSchema, RunSchema, DeliverySchema, RegisterSchema, RollupSchema, SweepSchema, VerifySchema, QuarantineSchema,
	} {
		if !strings.Contains(formats, "`"+part) {
			t.Errorf("FORMATS.md does not have %s", part)
		}
	}
}

// members returns the JSON names of a type's members, and of the members within
// these down to a depth. Those of Header have a section of their own.
func members(t reflect.Type, depth int) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t.PkgPath() != reflect.TypeFor[Header]().PkgPath() || depth < 0 {
		return nil
	}
	var all []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && f.Type == reflect.TypeFor[Header]():
		case f.Anonymous:
			all = append(all, members(f.Type, depth)...)
		case name == "schema" || name == "writeId":
			if t == reflect.TypeFor[Header]() {
				all = append(all, name)
			}
		default:
			all = append(all, name)
			all = append(all, members(f.Type, depth-1)...)
		}
	}
	return all
}
