package expect

import (
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

// begins ignores case.
func begins(text, start string) bool {
	return len(text) >= len(start) && strings.EqualFold(text[:len(start)], start)
}

// standardOf finds the standard of a profile code; false means that the issue
// is not about compliance. A code that is not in the table stands for itself.
func standardOf(code string) (standard, bool) {
	plain := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToUpper(r)
		}
		return -1
	}, code)
	switch {
	case strings.TrimSpace(code) == "", plain == "KB", plain == "BP", plain == "VUL":
		return standard{}, false
	}
	for _, key := range []string{plain, strings.TrimRightFunc(plain, unicode.IsDigit)} {
		if name, prefix := known(key); name != "" {
			return standard{code, name, prefix}, true
		}
	}
	return standard{code, code, code}, true
}

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
