package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the module's folder.
var root = filepath.Join("..", "..")

// documents returns the paths of all Markdown files within the module, without
// those in folders of built and downloaded files.
func documents(t *testing.T) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(root, path)
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == "out" || name == ".git" || name == ".aws-sam"):
			return fs.SkipDir
		case strings.HasSuffix(name, ".md"):
			all = append(all, filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil || !slices.Contains(all, "README.md") || !slices.Contains(all, runbook) {
		t.Fatal(all, err)
	}
	return all
}

// runbook is the document with most commands.
const runbook = "infra/operate/RUNBOOK.md"

// read returns a document's text.
func read(t *testing.T, document string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(document)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// step is a command of a document, and the lines that the document shows of its
// output.
type step struct {
	section string
	command string
	fails   bool
	shown   []string
}

// steps returns the commands of a document's console blocks, in order. A command
// follows "$ "; the lines up to the next "$ " are its output, which ends with "exit
// status 1" if the command fails. Commands have no comments, which an interactive
// zsh would take for arguments.
func steps(t *testing.T, document string) []step {
	t.Helper()
	var all []step
	section, block := "", ""
	for line := range strings.Lines(read(t, document)) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "```"):
			block = strings.TrimPrefix(line, "```")
		case block == "" && strings.HasPrefix(line, "#"):
			section = strings.TrimLeft(line, "# ")
		case block != "console":
			if strings.HasPrefix(line, "$ ") {
				t.Errorf("%s: %q is in no console block, and typed by no test", document, line)
			}
		case strings.HasPrefix(line, "$ "):
			all = append(all, step{section: section, command: strings.TrimSpace(strings.TrimPrefix(line, "$ "))})
		case len(all) > 0 && line == "exit status 1":
			all[len(all)-1].fails = true
		case len(all) > 0:
			all[len(all)-1].shown = append(all[len(all)-1].shown, line)
		}
	}
	return all
}

// missing returns the lines that the document shows and an output does not have in
// this order.
func (s step) missing(output string) []string {
	lines := strings.Split(output, "\n")
	var missing []string
	for _, line := range s.shown {
		if strings.TrimSpace(line) == "" || strings.TrimSpace(line) == "…" {
			continue
		}
		want := pattern(line)
		i := 0
		for i < len(lines) && !want.MatchString(strings.Join(strings.Fields(lines[i]), " ")) {
			i++
		}
		if i == len(lines) {
			missing = append(missing, line)
			continue
		}
		lines = lines[i+1:]
	}
	return missing
}

// pattern returns what matches a line of a document: "…" matches anything; a time, a
// run's id or another id matches any other of its kind; all space is the same.
func pattern(line string) *regexp.Regexp {
	text := regexp.QuoteMeta(strings.Join(strings.Fields(line), " "))
	for _, kind := range []string{
		`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`,
		`\d{8}T\d{6}Z-[0-9a-f]{4}`,
		`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`,
		`\d{4}-\d\d-\d\d`,
		`127\.0\.0\.1:\d+`,
	} {
		quoted := strings.ReplaceAll(strings.ReplaceAll(kind, `\.`, `\\\.`), `-\d\d`, `-\d\d`)
		text = regexp.MustCompile(quoted).ReplaceAllLiteralString(text, kind)
	}
	text = strings.NewReplacer(" … ", " (.* )?", "…", ".*").Replace(text)
	return regexp.MustCompile("^" + text + "$")
}
