package workflows

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// workflow has the parts of a workflow file that are checked.
type workflow struct {
	Permissions yaml.Node
	Concurrency yaml.Node
	Jobs        map[string]job
}

type job struct {
	RunsOn      string            `yaml:"runs-on"`
	Uses        string            `yaml:"uses"`
	Timeout     int               `yaml:"timeout-minutes"`
	Permissions map[string]string `yaml:"permissions"`
	Steps       []step            `yaml:"steps"`
}

type step struct {
	Uses string         `yaml:"uses"`
	Run  string         `yaml:"run"`
	With map[string]any `yaml:"with"`
}

// writeRights returns the rights to write that a job may have.
func writeRights() []string {
	return []string{"id-token", "attestations", "contents"} // sign or take a role, attest, publish
}

// check returns what is wrong with a workflow.
func check(content string, targets []string) ([]string, error) {
	var w workflow
	if err := yaml.Unmarshal([]byte(content), &w); err != nil {
		return nil, fmt.Errorf("read workflow: %w", err)
	}
	faults := w.rights()
	if w.Concurrency.IsZero() && !strings.Contains(content, "workflow_call:") {
		faults = append(faults, "runs may overlap")
	}
	if strings.Contains(content, "secrets.") {
		faults = append(faults, "it names a secret")
	}
	for _, name := range slices.Sorted(maps.Keys(w.Jobs)) {
		faults = append(faults, w.Jobs[name].check(name, targets)...)
	}
	return append(faults, pins(content)...), nil
}

// rights returns what is wrong with the rights of all jobs that have none of their own.
func (w *workflow) rights() []string {
	granted := map[string]string{}
	if w.Permissions.IsZero() || w.Permissions.Decode(&granted) != nil {
		return []string{"the workflow does not name its rights"}
	}
	var faults []string
	for right, level := range granted {
		if level != "read" && level != "none" {
			faults = append(faults, fmt.Sprintf("every job may %s %s", level, right))
		}
	}
	return faults
}

func (j job) check(name string, targets []string) []string {
	var faults []string
	for right, level := range j.Permissions {
		if level == "write" && !slices.Contains(writeRights(), right) {
			faults = append(faults, fmt.Sprintf("%s may write %s", name, right))
		}
	}
	if j.Uses != "" {
		return faults // another workflow of ours, which is checked itself
	}
	if j.Timeout == 0 {
		faults = append(faults, name+" has no time limit")
	}
	if j.RunsOn != "ubuntu-24.04" {
		faults = append(faults, fmt.Sprintf("%s runs on %q", name, j.RunsOn))
	}
	for _, s := range j.Steps {
		faults = append(faults, s.check(targets)...)
	}
	return faults
}

func (s step) check(targets []string) []string {
	var faults []string
	if strings.HasPrefix(s.Uses, "actions/checkout@") && s.With["persist-credentials"] != false {
		faults = append(faults, "the checkout keeps its credentials")
	}
	if strings.Contains(s.Run, "${{") {
		faults = append(faults, fmt.Sprintf("an expression in a script: %s", s.Run))
	}
	for _, m := range regexp.MustCompile(`\bmake ([\w-]+)`).FindAllStringSubmatch(s.Run, -1) {
		if !slices.Contains(targets, m[1]) {
			faults = append(faults, "there is no make "+m[1])
		}
	}
	return faults
}

// pins returns the actions that are not named by the full hash of a commit, which nobody
// can move, with the version as a comment.
func pins(content string) []string {
	var faults []string
	for _, m := range regexp.MustCompile(`(?m)uses: (\S+)(.*)$`).FindAllStringSubmatch(content, -1) {
		switch action := m[1]; {
		case strings.HasPrefix(action, "./.github/workflows/"):
		case !regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40}$`).MatchString(action):
			faults = append(faults, action+" is not pinned to a commit")
		case !regexp.MustCompile(`^ # v\d+`).MatchString(m[2]):
			faults = append(faults, action+" does not name its version")
		}
	}
	return faults
}
