package mapping

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"runecast-ingest/internal/runecast"
)

// standard is how a profile code is shown.
type standard struct {
	shortName, name, url, prefix string
	// editions are by type of system; general is for systems of any other type. A
	// name or URL in STANDARDS is shown instead of theirs.
	general  edition
	editions map[string]edition
}

// edition is a standard as it is published for a platform.
type edition struct {
	// title is the name without a version, with the punctuation that stands before
	// one. A version is shown only if the profile code has it, since the appliance does
	// not say otherwise which version it checked.
	title string
	url   string
}

// builtinStandards returns the standards by normalised profile code.
func builtinStandards() map[string]standard {
	cis := standard{shortName: "CIS", prefix: "CIS", general: edition{"CIS Benchmarks ", "https://www.cisecurity.org/cis-benchmarks"}, editions: map[string]edition{
		runecast.TypeAWS:        {"CIS AWS Foundations Benchmark ", "https://www.cisecurity.org/benchmark/amazon_web_services"},
		runecast.TypeAzure:      {"CIS Microsoft Azure Foundations Benchmark ", "https://www.cisecurity.org/benchmark/azure"},
		runecast.TypeGCP:        {"CIS Google Cloud Platform Foundation Benchmark ", "https://www.cisecurity.org/benchmark/google_cloud_computing_platform"},
		runecast.TypeKubernetes: {"CIS Kubernetes Benchmark ", "https://www.cisecurity.org/benchmark/kubernetes"},
		runecast.TypeVCenter:    {"CIS VMware ESXi Benchmark ", "https://www.cisecurity.org/benchmark/vmware"},
	}}
	const disa = "https://public.cyber.mil/stigs/"
	stig := standard{shortName: "DISA STIG", prefix: "STIG", general: edition{"DISA STIG ", disa}, editions: map[string]edition{
		runecast.TypeKubernetes: {"DISA STIG Kubernetes ", disa},
		runecast.TypeNSXT:       {"DISA STIG VMware NSX ", disa},
		runecast.TypeVCenter:    {"DISA STIG VMware vSphere ", disa},
	}}
	nist := single("NIST", "NIST", "NIST SP 800-53 ", "https://csrc.nist.gov/pubs/sp/800/53/r5/upd1/final")
	pci := single("PCI DSS", "PCI", "PCI DSS ", "https://www.pcisecuritystandards.org/")
	hipaa := single("HIPAA", "HIPAA", "HIPAA Security Rule ", "https://www.hhs.gov/hipaa/for-professionals/security/")
	bsi := single("BSI IT-Grundschutz", "BSI", "BSI IT-Grundschutz ", "https://www.bsi.bund.de/grundschutz")
	c5 := single("BSI C5", "C5", "BSI C5:", "https://www.bsi.bund.de/c5")
	gdpr := single("GDPR", "GDPR", "GDPR ", "https://eur-lex.europa.eu/eli/reg/2016/679/oj")
	dora := single("DORA", "DORA", "DORA ", "https://eur-lex.europa.eu/eli/reg/2022/2554/oj")
	ce := single("Cyber Essentials", "CE", "Cyber Essentials ", "https://www.ncsc.gov.uk/cyberessentials/overview")
	e8 := single("Essential Eight", "E8", "Essential Eight ", "https://www.cyber.gov.au/essential-eight")
	iso := single("ISO 27001", "ISO", "ISO/IEC 27001:", "https://www.iso.org/standard/27001")
	kvkk := single("KVKK", "KVKK", "KVKK ", "https://www.kvkk.gov.tr/")
	tisax := single("TISAX", "TISAX", "TISAX, VDA ISA ", "https://enx.com/tisax/")
	scg := single("VMware SCG", "SCG", "VMware Security Configuration Guide ", "https://github.com/vmware/vcf-security-and-compliance-guidelines")
	return map[string]standard{
		"CIS": cis, "STIG": stig, "DISASTIG": stig, "PCI": pci, "PCIDSS": pci,
		"NIST": nist, "NISTSP": nist, "NIST80053": nist, "NISTSP80053": nist,
		"HIPAA": hipaa, "BSI": bsi, "ITGRUNDSCHUTZ": bsi, "BSIITGRUNDSCHUTZ": bsi, "C5": c5, "BSIC5": c5,
		"GDPR": gdpr, "DORA": dora, "CE": ce, "CYBERESSENTIALS": ce, "E8": e8, "ESSENTIALEIGHT": e8,
		"ISO": iso, "ISO27001": iso, "KVKK": kvkk, "TISAX": tisax,
		"SCG": scg, "VSCG": scg, "VMWARESCG": scg, "SH": scg,
	}
}

// single is a standard that is the same on every platform.
func single(shortName, prefix, title, url string) standard {
	return standard{shortName: shortName, prefix: prefix, general: edition{title, url}}
}

// standardTable has the standards by normalised profile code. Profile codes are an open
// set: one that is not in the table is shown as it is.
type standardTable map[string]standard

// newStandardTable returns the built-in table, changed and extended by the setting
// STANDARDS.
func newStandardTable(more map[string]StandardNames) standardTable {
	builtin, t := standardTable(builtinStandards()), standardTable(builtinStandards())
	for code, s := range more {
		known := builtin.of(code)
		known.shortName, known.prefix = or(s.ShortName, known.shortName), or(s.Prefix, known.prefix)
		known.name, known.url = s.Name, s.URL
		t[normalise(code)] = known
	}
	return t
}

// or returns a, or b if a is empty.
func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// of returns the standard of a profile code for any type of system.
func (t standardTable) of(code string) standard { return t.on(code, "") }

// on returns the standard of a profile code with its names for a type of system.
func (t standardTable) on(code, systemType string) standard {
	s, version, ok := t.find(code)
	if !ok {
		return standard{shortName: code, prefix: code}
	}
	e, ok := s.editions[systemType]
	if !ok {
		e = s.general
	}
	if e.title != "" {
		s.name = or(s.name, strings.TrimRight(e.title+version, " :,"))
	}
	s.url = or(s.url, e.url)
	return s
}

// find looks a code up as it is, then without a version at its end, and returns that
// version: "PCI DSS 3.2.1", "NIST_800_53_R5", "STIG V2R4". An end that may be something
// else than a version belongs to the code, and a number is never split: ISO 27017 is no
// edition of ISO 27001, NIS 2022 none of NIS2, and NIST 171 none of NIST SP 800-53.
func (t standardTable) find(code string) (s standard, version string, ok bool) {
	if s, ok = t[normalise(code)]; ok {
		return s, "", true
	}
	for i := len(code) - 1; i > max(0, len(code)-maxVersion); i-- {
		if !utf8.RuneStart(code[i]) || isDigit(code[i-1]) && isDigit(code[i]) {
			continue
		}
		if s, ok = t[normalise(code[:i])]; !ok || publishes(code[:i]) && isNumber.MatchString(code[i:]) {
			continue
		}
		if version, ok = versionOf(code[i:]); ok {
			return s, version, true
		}
	}
	return standard{}, "", false
}

// publishes reports whether a code is the name of a publisher. Alone it stands for the
// publisher's best known standard; with a number behind it, for another one.
func publishes(code string) bool {
	switch normalise(code) {
	case "BSI", "ISO", "NIST", "NISTSP":
		return true
	}
	return false
}

// isNumber matches the number of a standard, as in NIST SP 800-171 or BSI 200. It does
// not match a year, a release, or a version of several numbers.
var isNumber = regexp.MustCompile(`^[^0-9A-Za-z]*[0-9]{2,3}[^0-9A-Za-z]*$`)

// maxVersion bounds a version, in bytes, with the punctuation in it and before it.
const maxVersion = 24

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// versionForm matches a version, with dots for any punctuation: up to four numbers
// below 100, with or without a release (2.4, V2R4); a release alone (R5.1); a year.
var versionForm = regexp.MustCompile(`^(V?\.?[0-9]{1,2}(\.[0-9]{1,2}){0,3}(\.?R[0-9]{1,2})?|R\.?[0-9]{1,2}(\.[0-9]{1,2}){0,2}|(19|20)[0-9]{2})$`)

// versionOf returns the version that the end of a code stands for; false if it is no
// version. Three digits without punctuation are a version, but it is not known which:
// it returns "" for them.
func versionOf(end string) (string, bool) {
	parts := strings.FieldsFunc(strings.ToUpper(end), func(r rune) bool { return normalise(string(r)) == "" })
	version := strings.Join(parts, ".")
	switch {
	case len(version) == 3 && strings.Trim(version, "0123456789") == "":
		return "", true
	case !versionForm.MatchString(version):
		return "", false
	case strings.Contains(version, "R"): // a release: V2R4, R5
		return version, true
	}
	return strings.TrimLeft(version, "V."), true
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

// ruleID returns an id of a rule that is unique over all standards: the display id with
// the standard's prefix in front, or the display id alone if it begins with the prefix
// or the code.
func (s standard) ruleID(code, displayID string) string {
	for _, p := range []string{code, s.prefix} {
		if p != "" && len(displayID) > len(p) && displayID[len(p)] == '-' && strings.EqualFold(displayID[:len(p)], p) {
			return displayID
		}
	}
	return s.prefix + "-" + displayID
}
