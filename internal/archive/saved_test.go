package archive

import (
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"runecast-ingest/internal/fault"
)

// What a person has saved and is no JSON object is named, with the cure.
func TestSavedNamesOtherForms(t *testing.T) {
	t.Parallel()
	const unpack, token = "unpack it", "with a token"
	for name, c := range map[string]struct{ saved, says, cure string }{
		"zip":               {"PK\x03\x04\x14\x00\x08\x00", "packed by zip", unpack},
		"an empty zip":      {"PK\x05\x06\x00\x00", "packed by zip", unpack},
		"gzip within gzip":  {"\x1f\x8b\x08\x00", "packed by gzip, twice", unpack},
		"zstd":              {"\x28\xb5\x2f\xfd\x04\x00", "packed by zstd", unpack},
		"bzip2":             {"BZh91AY&SY", "packed by bzip2", unpack},
		"xz":                {"\xfd7zXZ\x00\x00", "packed by xz", unpack},
		"7-Zip":             {"7z\xbc\xaf\x27\x1c\x00", "packed by 7-Zip", unpack},
		"a login page":      {"\r\n<!DOCTYPE html><html>", "HTML", token},
		"one in UTF-16":     {string(widened(binary.LittleEndian, "\ufeff<html>")), "HTML", token},
		"one without mark":  {string(widened(binary.LittleEndian, "<html>")), "HTML", token},
		"a list":            {" \n[{}]", "is a list", SaveWhole},
		"a console's lines": {"\r\nresults\r\n-------\r\n{@{uid=1}}", `begins with "results\r\n---"`, SaveWhole},
		"a table":           {"uid;name\n1;vc1", "no JSON object", SaveWhole},
		"a picture":         {"\x89PNG\r\n\x1a\n", "no JSON object", SaveWhole},
		"null":              {"null", "no JSON object", SaveWhole},
		"a text":            {`"{}"`, "no JSON object", SaveWhole},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := SavedObject(iotest.OneByteReader(strings.NewReader(c.saved)))
			if fault.ClassOf(err) != fault.Reject || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), c.cure) {
				t.Errorf("%v; want %q and %q", err, c.says, c.cure)
			}
		})
	}
	long := "\ufeff" + strings.Repeat(" ", 2*startBytes) + `{"a":1}`
	for _, saved := range []string{"", " \r\n", "{", "\ufeff{}", long} {
		r, err := SavedObject(strings.NewReader(saved))
		if err != nil {
			t.Fatalf("%q: %v", saved, err)
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != strings.TrimPrefix(saved, "\ufeff") {
			t.Errorf("%q, %v", got, err)
		}
	}
	broken := errors.New("broken")
	r, err := SavedObject(io.MultiReader(strings.NewReader(`{"a"`), iotest.ErrReader(broken)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}
