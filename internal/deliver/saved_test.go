package deliver

import (
	"encoding/binary"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"runecast-ingest/internal/fault"
)

const savedAnswer = `{"results": [{"uid": "2788", "scanStatus": {"status": "FINISHED_SUCCESSFULLY", "timestamp": "2026-11-22T02:00:41.000Z"},
"issues": [{"id": "2001", "issueDisplayId": "CIS-60001", "severity": "Major", "type": "CIS", "title": "Zürich", "products": [{"name": "PRODUCT"}],
"status": "FAIL", "affectedObjectsCount": 0, "affectedObjects": []}]}]}`

func utf16le(text string) string {
	out := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(text)) {
		out = binary.LittleEndian.AppendUint16(out, unit)
	}
	return string(out)
}

// A document that a person's program has saved is read, or refused with a cure.
func TestSavedAnswers(t *testing.T) {
	t.Parallel()
	esxi := strings.Replace(savedAnswer, "PRODUCT", "VMware ESX 9.0", 1)
	for name, c := range map[string]struct {
		saved string
		kind  string // of the system; "": refused
		says  string
	}{
		"UTF-8":              {saved: esxi, kind: "VCENTER"},
		"with a mark":        {saved: "\ufeff" + esxi, kind: "VCENTER"},
		"UTF-16":             {saved: utf16le(esxi), kind: "VCENTER"},
		"of EKS":             {saved: strings.Replace(savedAnswer, "PRODUCT", "Amazon EKS", 1), kind: "KUBERNETES_CLUSTER"},
		"its list alone":     {saved: "\r\n " + savedAnswer[len(`{"results": `):len(savedAnswer)-1], says: "is a list"},
		"cut by PowerShell":  {saved: strings.Replace(esxi, `{"name": "VMware ESX 9.0"}`, `"@{name=VMware ESX 9.0}"`, 1), says: "ConvertTo-Json has cut it"},
		"UTF-32":             {saved: "\xff\xfe\x00\x00{\x00\x00\x00", says: "UTF-32"},
		"a zip archive":      {saved: "PK\x03\x04" + esxi, says: "packed by zip: unpack it"},
		"a login page":       {saved: "<html>Sign in</html>", says: "is HTML or XML"},
		"a console's lines":  {saved: "\r\nresults\r\n-------\r\n", says: "no JSON object"},
		"an at in the texts": {saved: strings.Replace(esxi, "Zürich", "mail @{x}", 1), kind: "VCENTER"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			open := Source(func() (io.ReadCloser, error) {
				return io.NopCloser(iotest.OneByteReader(strings.NewReader(c.saved))), nil
			})
			parts, err := Contents(open, "raw/manual/saved.json")
			if c.kind == "" {
				if fault.ClassOf(err) != fault.Reject || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "save ") && !strings.Contains(err.Error(), "save it") && !strings.Contains(err.Error(), "unpack it") {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil || len(parts) != 1 || parts[0].Envelope.System.Type != c.kind {
				t.Fatalf("%+v, %v", parts, err)
			}
			doc, done, err := parts[0].Open(open)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = done() }()
			if doc.System.ID != "2788" {
				t.Errorf("%+v", doc.Envelope)
			}
		})
	}
}
