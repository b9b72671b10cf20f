package mapping

import (
	"strconv"
	"unicode/utf8"

	"runecast-ingest/internal/runecast"
	"runecast-ingest/internal/securityevent"
)

const (
	// maxEvidence bounds a value of the evidence in characters; Dynatrace's own
	// posture findings are cut at the same length.
	maxEvidence = 3000
	// maxEvidenceText bounds the evidence of an object in bytes. Where more
	// follows, a last entry says how many values are left out.
	maxEvidenceText = 64 << 10
)

// evidence writes the evidence of objects, one after the other into the same memory.
type evidence struct {
	// text is the value of evidence_json, a JSON string that holds JSON.
	text []byte
	// size is how long the JSON within the string is, in bytes.
	size int
	// plain: the texts of the object are plain, see runecast.Object.
	plain bool
	// word is memory for a text that is quoted twice.
	word []byte
}

// of returns an object's result values as the value of evidence_json, a JSON string;
// without values the string holds "[]". manual: a person's answer is part of the
// result. The bytes are valid until the next call.
func (e *evidence) of(values []runecast.ResultValue, manual bool) []byte {
	e.text, e.size = append(e.text[:0], '"'), 0
	kind := `{\"type\":\"AUTOMATIC\",\"description\":`
	if manual {
		kind = `{\"type\":\"MANUAL\",\"description\":`
	}
	const quotes = 6 // in kind: each has a backslash that is not part of the JSON within
	separator := "["
	for i, v := range values {
		e.text = append(append(e.text, separator...), kind...)
		e.size += len(separator) + len(kind) - quotes
		if e.size > maxEvidenceText {
			e.text = append(e.text, `\"values left out\",\"value\":\"`...)
			e.text = append(strconv.AppendInt(e.text, int64(len(values)-i), 10), `\"}`...)
			break
		}
		e.add(cut(v.Description, maxEvidence))
		e.text = append(e.text, `,\"value\":`...)
		e.add(cut(v.Value, maxEvidence))
		e.text = append(e.text, '}')
		e.size += len(`,"value":}`)
		separator = ","
	}
	if len(values) == 0 {
		e.text = append(e.text, '[')
	}
	return append(e.text, ']', '"')
}

// add adds a text as a JSON string within the string.
func (e *evidence) add(text []byte) {
	if e.plain {
		e.text = append(append(append(e.text, '\\', '"'), text...), '\\', '"')
		e.size += len(text) + 2
		return
	}
	var once int
	e.text, e.word, once = securityevent.AppendNested(e.text, e.word, text)
	e.size += once
}

// reasonOf returns for a person why a status is what it is, "" if the dashboard's word
// for it says enough. The meanings are those of the vendor's manual and script.
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

// cut returns the first characters of a text, at most so many.
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
