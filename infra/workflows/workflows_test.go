// Package workflows holds the checks of the delivery pipeline in .github/. They
// promise that it runs no code that somebody else can change, has no right that
// it does not name, and calls only what the Makefile has.
package workflows

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func readAll(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../../.github/workflows/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no workflows: %v", err)
	}
	all := map[string]string{}
	for _, file := range files {
		all[filepath.Base(file)] = read(t, file)
	}
	return all
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// targets returns the targets of the Makefile.
func targets(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^([\w-]+):[^=\n]*## `).FindAllStringSubmatch(read(t, "../../Makefile"), -1) {
		names = append(names, m[1])
	}
	return names
}

func TestWorkflows(t *testing.T) {
	t.Parallel()
	for name, content := range readAll(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			faults, err := check(content, targets(t))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range faults {
				t.Error(f)
			}
		})
	}
}

// check looks at one workflow; this test compares all workflows with each other.
func TestWorkflowsAgree(t *testing.T) {
	t.Parallel()
	all := readAll(t)
	same := map[string]string{}
	for name, content := range all {
		for _, form := range []string{`(uses: [\w/-]+)@(.+)`, `(go-version:) (.+)`} {
			for _, m := range regexp.MustCompile(form).FindAllStringSubmatch(content, -1) {
				if before, ok := same[m[1]]; ok && before != m[2] {
					t.Errorf("%s: %s is %s, elsewhere %s", name, m[1], m[2], before)
				}
				same[m[1]] = m[2]
			}
		}
		for _, m := range regexp.MustCompile(`uses: \./\.github/workflows/(.+)`).FindAllStringSubmatch(content, -1) {
			if all[m[1]] == "" {
				t.Errorf("%s calls %s, which is not there", name, m[1])
			}
		}
	}
	language := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "../../go.mod"))[1]
	if version := same["go-version:"]; !strings.HasPrefix(version, language+".") {
		t.Errorf("Go %s is not of the language version %s", version, language)
	}
}

// Stages are stacks of their own: a release to one must not land on another's.
func TestReleasesGoToTheirOwnStage(t *testing.T) {
	t.Parallel()
	all, config := readAll(t), read(t, "../../samconfig.toml")
	stages := regexp.MustCompile(`(?m)^ +stage: (\w+)$`).FindAllStringSubmatch(all["release.yml"], -1)
	if len(stages) == 0 {
		t.Error("release.yml deploys nothing")
	}
	for _, m := range stages {
		if !strings.Contains(config, "["+m[1]+".global.parameters]") {
			t.Errorf("samconfig.toml has no stage %s", m[1])
		}
	}
	for _, want := range []string{"RUNECAST_INGEST_STAGE: ${{ inputs.stage }}", "environment: ${{ inputs.stage }}", `".settings/$RUNECAST_INGEST_STAGE.yaml"`} {
		if !strings.Contains(all["deploy.yml"], want) {
			t.Errorf("deploy.yml lacks %q", want)
		}
	}
}

// The pipeline sets values for make as environment variables with the product's prefix,
// since make reads no others.
func TestMakeTakesThePipelinesValues(t *testing.T) {
	t.Parallel()
	for name, content := range readAll(t) {
		if ignored := regexp.MustCompile(`(?m)^ +(VERSION|STAGE|ARGS|ROUNDS): `).FindStringSubmatch(content); ignored != nil {
			t.Errorf("%s sets %s, which make does not look at", name, ignored[1])
		}
	}
	makefile := read(t, "../../Makefile")
	for _, variable := range []string{"RUNECAST_INGEST_VERSION", "RUNECAST_INGEST_STAGE"} {
		if !strings.Contains(makefile, "$("+variable+")") {
			t.Errorf("the Makefile does not look at %s", variable)
		}
	}
}

// On the pipeline's machines every tool is available, so no gate may be left out.
func TestNoGateIsLeftOut(t *testing.T) {
	t.Parallel()
	if !regexp.MustCompile(`run: \.ci/run\n +env:\n +STRICT: 1\b`).MatchString(readAll(t)["ci.yml"]) {
		t.Error("ci.yml does not run .ci/run with STRICT")
	}
}

func TestMistakesAreFound(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ file, right, wrong, fault string }{
		"an action by its tag":       {"ci.yml", "checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "checkout@v7", "actions/checkout@v7 is not pinned"},
		"a short hash":               {"ci.yml", "checkout@3d3c42e5aac5ba805825da76410c181273ba90b1", "checkout@3d3c42e5", "is not pinned"},
		"a hash without its version": {"ci.yml", " # v7.0.1", "", "does not name its version"},
		"no rights named":            {"ci.yml", "permissions:\n  contents: read\n", "", "the workflow does not name its rights"},
		"all rights":                 {"ci.yml", "permissions:\n  contents: read\n", "permissions: write-all\n", "the workflow does not name its rights"},
		"a right for every job":      {"release.yml", "permissions:\n  contents: read\n", "permissions:\n  contents: write\n", "every job may write contents"},
		"a right beyond its need":    {"release.yml", "contents: read\n      id-token: write # to sign", "packages: write\n      id-token: write # to sign", "build may write packages"},
		"credentials left on disk":   {"ci.yml", "persist-credentials: false", "persist-credentials: true", "keeps its credentials"},
		"no time limit":              {"ci.yml", "    timeout-minutes: 60\n", "", "check has no time limit"},
		"an expression in a script":  {"release.yml", `"$GITHUB_REF_NAME"`, `"${{ github.ref_name }}"`, "an expression in a script"},
		"a secret":                   {"release.yml", "${{ github.token }}", "${{ secrets.TOKEN }}", "names a secret"},
		"a target that is not there": {"release.yml", "make dist", "make distribution", "there is no make distribution"},
		"no order of releases":       {"release.yml", "concurrency:\n  group: release\n  cancel-in-progress: false\n", "", "runs may overlap"},
		"any runner":                 {"ci.yml", "ubuntu-24.04", "ubuntu-latest", "ubuntu-latest"},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			right := read(t, filepath.Join("../../.github/workflows", tt.file))
			wrong := strings.Replace(right, tt.right, tt.wrong, 1)
			if wrong == right {
				t.Fatalf("%s has no %q", tt.file, tt.right)
			}
			faults, err := check(wrong, targets(t))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, tt.fault) }) {
				t.Errorf("%q was not found: %q", tt.wrong, faults)
			}
		})
	}
}
