package mapping

import (
	"strings"

	"runecast-ingest/internal/config"
)

// standard is how a profile code is shown.
type standard struct {
	shortName, name, url, prefix string
}

// standards by normalised profile code; names and versions as Dynatrace's page
// "Compliance standards" lists them (2026-02).
func builtinStandards() map[string]standard {
	cis := standard{"CIS", "CIS Benchmarks", "https://www.cisecurity.org/cis-benchmarks", "CIS"}
	stig := standard{"DISA STIG", "DISA STIG", "https://public.cyber.mil/stigs/", "STIG"}
	pci := standard{"PCI DSS", "PCI DSS 4.0", "https://www.pcisecuritystandards.org/", "PCI"}
	nist := standard{"NIST", "NIST SP 800-53", "https://csrc.nist.gov/pubs/sp/800/53/r5/upd1/final", "NIST"}
	bsi := standard{"BSI IT-Grundschutz", "BSI IT-Grundschutz", "https://www.bsi.bund.de/grundschutz", "BSI"}
	c5 := standard{"BSI C5", "BSI C5 (2020)", "https://www.bsi.bund.de/c5", "C5"}
	ce := standard{"Cyber Essentials", "Cyber Essentials 3.1", "https://www.ncsc.gov.uk/cyberessentials/overview", "CE"}
	e8 := standard{"Essential Eight", "Essential Eight", "https://www.cyber.gov.au/essential-eight", "E8"}
	iso := standard{"ISO 27001", "ISO/IEC 27001:2022", "https://www.iso.org/standard/27001", "ISO"}
	scg := standard{"VMware SCG", "VMware Security Configuration Guide", "https://github.com/vmware/vcf-security-and-compliance-guidelines", "SCG"}
	return map[string]standard{
		"CIS":  cis,
		"STIG": stig, "DISASTIG": stig,
		"PCI": pci, "PCIDSS": pci,
		"NIST": nist, "NISTSP": nist, "NIST80053": nist, "NISTSP80053": nist,
		"HIPAA": {"HIPAA", "HIPAA Security Rule", "https://www.hhs.gov/hipaa/for-professionals/security/", "HIPAA"},
		"BSI":   bsi, "ITGRUNDSCHUTZ": bsi, "BSIITGRUNDSCHUTZ": bsi,
		"C5": c5, "BSIC5": c5,
		"GDPR": {"GDPR", "GDPR", "https://eur-lex.europa.eu/eli/reg/2016/679/oj", "GDPR"},
		"DORA": {"DORA", "DORA", "https://eur-lex.europa.eu/eli/reg/2022/2554/oj", "DORA"},
		"CE":   ce, "CYBERESSENTIALS": ce,
		"E8": e8, "ESSENTIALEIGHT": e8,
		"ISO": iso, "ISO27001": iso,
		"KVKK":  {"KVKK", "KVKK", "https://www.kvkk.gov.tr/", "KVKK"},
		"TISAX": {"TISAX", "TISAX (VDA ISA 5.1)", "https://enx.com/tisax/", "TISAX"},
		"SCG":   scg, "VSCG": scg, "VMWARESCG": scg, "SH": scg,
	}
}

// standardTable looks a profile code up: codes are open, an unknown one is
// shown as it is.
type standardTable map[string]standard

func newStandardTable(more map[string]config.Standard) standardTable {
	t := standardTable(builtinStandards())
	for code, s := range more {
		known := t.of(code)
		t[normalise(code)] = standard{
			shortName: or(s.ShortName, known.shortName), name: or(s.Name, known.name),
			url: or(s.URL, known.url), prefix: or(s.Prefix, known.prefix),
		}
	}
	return t
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (t standardTable) of(code string) standard {
	n := normalise(code)
	if s, ok := t[n]; ok {
		return s
	}
	if s, ok := t[strings.TrimRight(n, "0123456789")]; ok {
		return s
	}
	return standard{shortName: code, prefix: code}
}

// normalise upper-cases a code and takes punctuation and spaces away.
func normalise(code string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r > 0x7f {
			return r
		}
		return -1
	}, strings.ToUpper(code))
}

// ruleID is unique per standard and keeps ids that name their standard.
func (s standard) ruleID(code, displayID string) string {
	for _, p := range []string{code, s.prefix} {
		if p != "" && len(displayID) > len(p) && displayID[len(p)] == '-' && strings.EqualFold(displayID[:len(p)], p) {
			return displayID
		}
	}
	return s.prefix + "-" + displayID
}
