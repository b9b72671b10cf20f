package mapping

import (
	"strings"
	"testing"
)

func TestStandards(t *testing.T) {
	t.Parallel()
	table := newStandardTable(nil)
	for name, c := range map[string]struct{ code, systemType, shortName, name string }{
		"CIS":                        {"CIS", "", "CIS", "CIS Benchmarks"},
		"CIS on AWS":                 {"CIS", "AWS", "CIS", "CIS AWS Foundations Benchmark"},
		"CIS on Azure":               {"cis", "AZURE", "CIS", "CIS Microsoft Azure Foundations Benchmark"},
		"CIS on GCP":                 {"CIS", "GCP", "CIS", "CIS Google Cloud Platform Foundation Benchmark"},
		"CIS on vCenter":             {"CIS", "VCENTER", "CIS", "CIS VMware ESXi Benchmark"}, // 6.5 to 8.0
		"CIS on Kubernetes":          {"CIS", "KUBERNETES_CLUSTER", "CIS", "CIS Kubernetes Benchmark"},
		"CIS elsewhere":              {"CIS", "LINUX", "CIS", "CIS Benchmarks"},
		"CIS of a version":           {"CIS 1.5.0", "AWS", "CIS", "CIS AWS Foundations Benchmark 1.5.0"},
		"STIG on Kubernetes":         {"STIG", "KUBERNETES_CLUSTER", "DISA STIG", "DISA STIG Kubernetes"},
		"STIG on NSX-T":              {"DISA_STIG", "NSXT", "DISA STIG", "DISA STIG VMware NSX"},
		"STIG of a release":          {"DISA STIG v1r3", "VCENTER", "DISA STIG", "DISA STIG VMware vSphere V1R3"},
		"PCI":                        {"PCI_DSS", "AWS", "PCI DSS", "PCI DSS"},
		"PCI of its version":         {"PCI DSS v4.0.1", "", "PCI DSS", "PCI DSS 4.0.1"},
		"PCI of an old version":      {"PCI-DSS 3.2.1", "", "PCI DSS", "PCI DSS 3.2.1"},
		"PCI with underscores":       {"PCI_DSS_3_2_1", "", "PCI DSS", "PCI DSS 3.2.1"},
		"PCI of unclear digits":      {"PCIDSS321", "", "PCI DSS", "PCI DSS"},
		"NIST":                       {"NIST", "GCP", "NIST", "NIST SP 800-53"},
		"NIST on vCenter":            {"NIST 800-53", "VCENTER", "NIST", "NIST SP 800-53"},
		"NIST of a revision":         {"NIST SP 800-53 r4", "VCENTER", "NIST", "NIST SP 800-53 R4"},
		"BSI":                        {"BSI", "AWS", "BSI IT-Grundschutz", "BSI IT-Grundschutz"},
		"BSI of a year":              {"BSI IT-Grundschutz 2023", "", "BSI IT-Grundschutz", "BSI IT-Grundschutz 2023"},
		"C5":                         {"BSI C5", "AWS", "BSI C5", "BSI C5"},
		"C5 of a year":               {"C5:2026", "AWS", "BSI C5", "BSI C5:2026"},
		"ISO":                        {"ISO27001", "", "ISO 27001", "ISO/IEC 27001"},
		"ISO of a year":              {"ISO 27001:2013", "", "ISO 27001", "ISO/IEC 27001:2013"},
		"Essential Eight":            {"E8", "", "Essential Eight", "Essential Eight"},
		"Cyber Essentials":           {"Cyber Essentials", "", "Cyber Essentials", "Cyber Essentials"},
		"TISAX":                      {"TISAX", "", "TISAX", "TISAX, VDA ISA"},
		"VMware guidelines":          {"SH", "VCENTER", "VMware SCG", "VMware Security Configuration Guide"},
		"GDPR ends in R":             {"GDPR", "", "GDPR", "GDPR"},
		"ISO of another number":      {"ISO 27017", "", "ISO 27017", ""},
		"ISO of another, with year":  {"ISO/IEC 27701:2019", "", "ISO/IEC 27701:2019", ""},
		"ISO, all in one":            {"ISO270012013", "", "ISO270012013", ""},
		"ISO of a year alone":        {"ISO 2022", "", "ISO 27001", "ISO/IEC 27001:2022"},
		"NIST of another number":     {"NIST 800-171", "AWS", "NIST 800-171", ""},
		"NIST of another, revised":   {"NIST SP 800-171 r2", "VCENTER", "NIST SP 800-171 r2", ""},
		"NIST by a number alone":     {"NIST 171", "AWS", "NIST 171", ""},
		"NIST SP by a number alone":  {"NIST_SP_82", "AWS", "NIST_SP_82", ""},
		"NIST of a release alone":    {"NIST 5", "AWS", "NIST", "NIST SP 800-53 5"},
		"NIST of a dotted release":   {"NIST 5.1", "AWS", "NIST", "NIST SP 800-53 5.1"},
		"ISO by a short number":      {"ISO 701", "", "ISO 701", ""},
		"BSI by a number":            {"BSI-200", "", "BSI-200", ""},
		"NIST of one number, joined": {"NIST_SP800_53_REV5", "", "NIST_SP800_53_REV5", ""},
		"NIST, all in one":           {"NIST80053R5", "GCP", "NIST", "NIST SP 800-53 R5"},
		"BSI of another number":      {"BSI 200-2", "", "BSI 200-2", ""},
		"GDPR by its number":         {"GDPR 2016/679", "", "GDPR 2016/679", ""},
		"KVKK by its number":         {"KVKK 6698", "", "KVKK 6698", ""},
		"C5 and a year in one":       {"C52026", "", "C52026", ""},
		"E8 and a digit":             {"E82", "", "E82", ""},
		"E8 of a year":               {"E8 2023", "", "Essential Eight", "Essential Eight 2023"},
		"CIS of two digits":          {"CIS 1.10.0", "LINUX", "CIS", "CIS Benchmarks 1.10.0"},
		"CIS of a V":                 {"CIS-V8", "", "CIS", "CIS Benchmarks 8"},
		"CIS of a year no one knows": {"CIS 3022", "", "CIS 3022", ""},
		"STIG of a dotted release":   {"STIG V2.R4", "VCENTER", "DISA STIG", "DISA STIG VMware vSphere V2.R4"},
		"SH of a version":            {"SH 7.0", "VCENTER", "VMware SCG", "VMware Security Configuration Guide 7.0"},
		"unknown":                    {"ACME_HARDENING", "AWS", "ACME_HARDENING", ""},
		"unknown of a version":       {"ACME 2", "", "ACME 2", ""},
		"known at the end only":      {"MYCIS", "", "MYCIS", ""},
		"known, with more behind":    {"CISX", "", "CISX", ""},
		"punctuation alone":          {"--", "", "--", ""},
		"not ASCII":                  {"CIS–1", "", "CIS–1", ""},
		"nothing but a version":      {"V2R4", "", "V2R4", ""},
		"not ASCII before a version": {"Ünï 2", "", "Ünï 2", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if s := table.on(c.code, c.systemType); s.shortName != c.shortName || s.name != c.name || (s.name != "") != strings.HasPrefix(s.url, "https://") {
				t.Errorf("%q, %q, %q; want %q, %q", s.shortName, s.name, s.url, c.shortName, c.name)
			}
		})
	}
}

// STANDARDS renames and completes standards, and adds others.
func TestStandardsAreExtended(t *testing.T) {
	t.Parallel()
	table := newStandardTable(map[string]StandardNames{
		"cis":    {Name: "CIS, our edition", URL: "https://wiki.example/cis"},
		"STIG":   {ShortName: "STIG"},
		"ACME":   {ShortName: "Acme"},
		"NIS2":   {ShortName: "NIS2", Name: "Directive (EU) 2022/2555", URL: "https://eur-lex.europa.eu/eli/dir/2022/2555/oj"},
		"ACME 1": {ShortName: "Acme one", Name: "Acme, first", URL: "https://wiki.example/acme", Prefix: "AC"},
	})
	for name, c := range map[string]struct {
		code, systemType string
		want             [4]string // short name, name, url, prefix
	}{
		"renamed":               {"CIS", "AWS", [4]string{"CIS", "CIS, our edition", "https://wiki.example/cis", "CIS"}},
		"other spelling":        {"DISA STIG", "NSXT", [4]string{"DISA STIG", "DISA STIG VMware NSX", "https://public.cyber.mil/stigs/", "STIG"}},
		"completed":             {"STIG", "NSXT", [4]string{"STIG", "DISA STIG VMware NSX", "https://public.cyber.mil/stigs/", "STIG"}},
		"added":                 {"acme", "", [4]string{"Acme", "", "", "ACME"}},
		"added, of a version":   {"ACME 2.0", "", [4]string{"Acme", "", "", "ACME"}},
		"NIS 2":                 {"NIS 2", "", [4]string{"NIS2", "Directive (EU) 2022/2555", "https://eur-lex.europa.eu/eli/dir/2022/2555/oj", "NIS2"}},
		"NIS 2022 is not NIS2":  {"NIS 2022", "", [4]string{"NIS 2022", "", "", "NIS 2022"}},
		"NIS2022 is not NIS2":   {"NIS2022", "", [4]string{"NIS2022", "", "", "NIS2022"}},
		"NIS2 of a year":        {"NIS2 2022", "", [4]string{"NIS2", "Directive (EU) 2022/2555", "https://eur-lex.europa.eu/eli/dir/2022/2555/oj", "NIS2"}},
		"ACME 10 is not ACME 1": {"ACME 10", "", [4]string{"Acme", "", "", "ACME"}},
		"added with its digit":  {"ACME-1", "", [4]string{"Acme one", "Acme, first", "https://wiki.example/acme", "AC"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := table.on(c.code, c.systemType)
			if got := [4]string{s.shortName, s.name, s.url, s.prefix}; got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
