package expect

import (
	"regexp"
	"strings"
	"unicode"
)

// standard is what a profile code stands for.
type standard struct{ code, name, prefix string }

// ruleID returns the id of a rule as the dashboard shows it: "CIS-66577".
func (s standard) ruleID(id string) string {
	if begins(id, s.code+"-") || begins(id, s.prefix+"-") {
		return id
	}
	return s.prefix + "-" + id
}

// begins reports whether a text begins with start, in any letter case.
func begins(text, start string) bool {
	return len(text) >= len(start) && strings.EqualFold(text[:len(start)], start)
}

// standardOf finds the standard of a profile code; false means that the issue
// is not about compliance. A code that is not in the table stands for itself.
func standardOf(code string) (standard, bool) {
	plain := letters(code)
	switch {
	case strings.TrimSpace(code) == "", plain == "KB", plain == "BP", plain == "VUL":
		return standard{}, false
	}
	name, prefix := known(plain)
	if name == "" {
		name, prefix = unversioned(code)
	}
	if name != "" {
		return standard{code, name, prefix}, true
	}
	return standard{code, code, code}, true
}

// version matches a version, release or year, with dots for its punctuation.
var version = regexp.MustCompile(`^\.?(?:V?[0-9]{1,2}(?:\.[0-9]{1,2})*(?:R[0-9]+)?|R[0-9]{1,2}(?:\.[0-9]{1,2})*|(?:19|20)[0-9]{2}|[0-9]{3})$`)

// numbered matches a publisher's name with the number of one of its standards. The
// number is then no version of the publisher's best known standard.
var numbered = regexp.MustCompile(`^(NIST|NIST\.?SP|ISO|BSI)\.?[0-9]{2,3}$`)

// unversioned returns the name and prefix of a code whose end is a version: those of
// the longest known code before the version, since "NIST 800-53 5" is release 5 of
// NIST 800-53. They are empty if no code before a version is known.
func unversioned(code string) (name, prefix string) {
	text := plainly(code)
	digit := func(i int) bool { return text[i] >= '0' && text[i] <= '9' }
	for i := len(text) - 1; i > 0 && name == ""; i-- {
		if version.MatchString(text[i:]) && (!digit(i-1) || !digit(i)) { // a number is never cut
			name, prefix = known(letters(text[:i]))
			if numbered.MatchString(text) {
				name = ""
			}
		}
	}
	return name, prefix
}

// plainly returns a code in upper case, with dots for its punctuation.
func plainly(code string) string {
	return strings.Join(strings.FieldsFunc(strings.ToUpper(code), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), ".")
}

// letters returns the letters and digits of a code, in upper case.
func letters(code string) string { return strings.ReplaceAll(plainly(code), ".", "") }

// known returns the name and the prefix of rule ids of a standard, by the letters of
// its code; both are empty if the code is not in the table.
func known(code string) (name, prefix string) {
	switch code {
	case "CIS", "NIST", "HIPAA", "GDPR", "DORA", "KVKK", "TISAX":
		return code, code
	case "STIG", "DISASTIG":
		return "DISA STIG", "STIG"
	case "PCI", "PCIDSS":
		return "PCI DSS", "PCI"
	case "NISTSP", "NIST80053", "NISTSP80053":
		return "NIST", "NIST"
	case "BSI", "ITGRUNDSCHUTZ", "BSIITGRUNDSCHUTZ":
		return "BSI IT-Grundschutz", "BSI"
	case "C5", "BSIC5":
		return "BSI C5", "C5"
	case "CE", "CYBERESSENTIALS":
		return "Cyber Essentials", "CE"
	case "E8", "ESSENTIALEIGHT":
		return "Essential Eight", "E8"
	case "ISO", "ISO27001":
		return "ISO 27001", "ISO"
	case "SCG", "VSCG", "VMWARESCG", "SH":
		return "VMware SCG", "SCG"
	}
	return "", ""
}
