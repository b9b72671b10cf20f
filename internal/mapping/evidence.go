package mapping

import (
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"runecast-ingest/internal/runecast"
)

const (
	// maxEvidence bounds a value of the evidence in characters; Dynatrace's own
	// posture findings are cut at the same length.
	maxEvidence = 3000
	// maxEvidenceText bounds the evidence of an object in bytes. Where more
	// follows, a last entry says how many values are left out.
	maxEvidenceText = 64 << 10
)

// appendEvidence writes an object's result values as the JSON text of
// evidence_json; "[]" without values.
func appendEvidence(dst []byte, values []runecast.ResultValue, manual bool) []byte {
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
		if len(dst) > maxEvidenceText {
			dst = append(dst, `"values left out","value":"`...)
			dst = append(strconv.AppendInt(dst, int64(len(values)-i), 10), `"}`...)
			break
		}
		dst, _ = jsontext.AppendQuote(dst, cut(v.Description, maxEvidence))
		dst = append(dst, `,"value":`...)
		dst, _ = jsontext.AppendQuote(dst, cut(v.Value, maxEvidence))
		dst = append(dst, '}')
	}
	if len(values) == 0 {
		dst = append(dst, '[')
	}
	return append(dst, ']')
}

// reasonOf says why a status is what it is, where the dashboard's word for it
// does not; the meanings are those of the vendor's manual and script.
func reasonOf(status string) string {
	switch runecast.ParseStatus(status) {
	case runecast.StatusManualFail, runecast.StatusManualPass:
		return "A manual check is part of this result."
	case runecast.StatusManual:
		return "Somebody has to check this and answer it in Runecast."
	case runecast.StatusNotApplicable:
		return "The system has no object that the rule applies to."
	case runecast.StatusNotRelevant:
		return "The rule does not concern the system's products and versions."
	case runecast.StatusFiltered:
		return "A filter in Runecast leaves this result out."
	}
	return ""
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
