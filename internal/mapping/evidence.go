package mapping

import (
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxEvidence bounds a value of the evidence in characters; Dynatrace's own
// posture findings are cut at the same length.
const maxEvidence = 3000

// appendEvidence writes an object's result values as the JSON text of
// evidence_json; "[]" without values.
func appendEvidence(dst []byte, values []resultValue, manual bool) []byte {
	kind := `[{"type":"AUTOMATIC","description":`
	if manual {
		kind = `[{"type":"MANUAL","description":`
	}
	dst = dst[:0]
	for i, v := range values {
		if i == 0 {
			dst = append(dst, kind...)
		} else {
			dst = append(append(dst, ','), kind[1:]...)
		}
		dst, _ = jsontext.AppendQuote(dst, cut(v.description, maxEvidence))
		dst = append(dst, `,"value":`...)
		dst, _ = jsontext.AppendQuote(dst, cut(v.value, maxEvidence))
		dst = append(dst, '}')
	}
	if len(values) == 0 {
		dst = append(dst, '[')
	}
	return append(dst, ']')
}

// cut keeps the first characters of a text.
func cut(b []byte, characters int) []byte {
	if len(b) <= characters {
		return b
	}
	for i := 0; i < len(b); {
		if characters--; characters < 0 {
			return b[:i]
		}
		_, size := utf8.DecodeRune(b[i:])
		i += size
	}
	return b
}
