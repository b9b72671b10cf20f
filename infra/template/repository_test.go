package template

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

func repositoryChecks() map[string]check {
	return map[string]check{"the application repository is told what this is": repositoryIsTold}
}

// repositoryIsTold compares the metadata with the bounds of the Serverless Application
// Repository (API reference, CreateApplication): lengths and characters. The version
// must be that of the release, and the files of licence and README must exist.
func repositoryIsTold(template node) {
	m := template.at("Metadata", "AWS::ServerlessRepo::Application")
	for member, pattern := range map[string]string{
		"Name": `^[A-Za-z0-9-]{1,140}$`, "Author": `^[A-Za-z0-9](-?[A-Za-z0-9])*$`, "SpdxLicenseId": `^Apache-2\.0$`,
		"Description": `^.{1,256}$`, "SemanticVersion": `^[0-9]+\.[0-9]+\.[0-9]+$`,
	} {
		if text := m.at(member).text(); !regexp.MustCompile(pattern).MatchString(text) {
			m.wrong("%s %q is not taken", member, text)
		}
	}
	labels := m.at("Labels").texts()
	if len(labels) == 0 || len(labels) > 10 {
		m.wrong("%d labels", len(labels))
	}
	for _, label := range labels {
		if !regexp.MustCompile(`^[A-Za-z0-9+_:/@-]{1,127}$`).MatchString(label) {
			m.wrong("the label %q is not taken", label)
		}
	}
	const most = 5 << 20
	for _, member := range []string{"LicenseUrl", "ReadmeUrl"} {
		if info, err := os.Stat(filepath.Join("..", "..", m.at(member).text())); err != nil || info.Size() > most {
			m.wrong("%s: %v", member, err)
		}
	}
	makefile, err := os.ReadFile("../../Makefile")
	if version := m.at("SemanticVersion").text(); err != nil || !strings.Contains(string(makefile), "\nRELEASE := "+version+"\n") {
		m.wrong("version %s is not the Makefile's RELEASE (%v)", version, err)
	}
}
