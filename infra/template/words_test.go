package template

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// doubtful matches words that CloudFormation and SAM, which read YAML 1.1, take for a
// truth value, a number or a date, while these tests, and most people, take them for text:
// y and on, 0755, 22:30, 1_000, 2012-10-17 (yaml.org/type: bool, int, float,
// timestamp). Words that every reader takes for the same are not doubtful: true,
// false, null, plain numbers.
var doubtful = regexp.MustCompile(`^(?i:y|n|yes|no|on|off)$|` +
	`^[-+]?0[0-9_]+$|^[-+]?0b[01_]+$|^[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?$|^[-+]?[0-9]+_[0-9_]*(\.[0-9_]*)?$|` +
	`^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?$`)

// unquoted returns the doubtful words without quotes in a document, with their lines.
func unquoted(n *yaml.Node) (found []string) {
	if n.Kind == yaml.ScalarNode && n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0 && doubtful.MatchString(n.Value) {
		found = append(found, fmt.Sprintf("line %d: %s", n.Line, n.Value))
	}
	for _, c := range n.Content {
		found = append(found, unquoted(c)...)
	}
	return found
}

func unquotedIn(text []byte) ([]string, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("parse YAML: %w", err)
	}
	return unquoted(&doc), nil
}

// templates returns the texts of the files that CloudFormation or SAM reads, by path.
func templates(t *testing.T) map[string][]byte {
	t.Helper()
	root, all := os.DirFS("../.."), map[string][]byte{}
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (path == "out" || path == ".git" || path == ".aws-sam" || d.Name() == "node_modules"):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".yaml" && filepath.Ext(path) != ".yml":
			return nil
		}
		text, err := fs.ReadFile(root, path)
		if err == nil && (bytes.Contains(text, []byte("\nResources:")) || bytes.Contains(text, []byte("AWSTemplateFormatVersion"))) {
			all[path] = text
		}
		return err
	})
	if err != nil || all["template.yaml"] == nil {
		t.Fatalf("%v, and %d templates", err, len(all))
	}
	all["template.yaml"] = []byte(readTemplate(t))
	return all
}

// Every word of a template means the same to these tests and to CloudFormation. A default
// of "on" without its quotes would be true to CloudFormation, and pass all other tests.
func TestTemplatesMeanTheSameInYAML11(t *testing.T) {
	t.Parallel()
	for path, text := range templates(t) {
		found, err := unquotedIn(text)
		if err != nil || len(found) > 0 {
			t.Errorf("%s: put quotes around %q, CloudFormation does not take it for text; %v", path, found, err)
		}
	}
}

// Every word of the template whose meaning changes without its quotes is found if it
// loses them.
func TestLostQuotesAreFound(t *testing.T) {
	t.Parallel()
	text, lost := readTemplate(t), 0
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	var lose func(*yaml.Node)
	lose = func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode && n.Style&yaml.DoubleQuotedStyle != 0 && doubtful.MatchString(n.Value) {
			lost++
			lines := strings.SplitAfter(text, "\n")
			line, quoted := lines[n.Line-1], `"`+n.Value+`"`
			lines[n.Line-1] = line[:n.Column-1] + strings.Replace(line[n.Column-1:], quoted, n.Value, 1)
			found, err := unquotedIn([]byte(strings.Join(lines, "")))
			if want := fmt.Sprintf("line %d: %s", n.Line, n.Value); err != nil || len(found) != 1 || found[0] != want {
				t.Errorf("%q and %v, want %s", found, err, want)
			}
		}
		for _, c := range n.Content {
			lose(c)
		}
	}
	lose(&doc)
	if lost < 20 { // on and off of the switches, and the versions of policies
		t.Errorf("only %d words of the template need their quotes", lost)
	}
}

func TestDoubtful(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]bool{
		"y": true, "N": true, "yes": true, "No": true, "NO": true, "on": true, "Off": true, "0755": true, "08": true, "22:30": true, "1_000": true, "0b1": true,
		"1:30:00.5": true, "2012-10-17": true, "2026-11-28T02:00:00Z": true,
		"true": false, "False": false, "null": false, "0": false, "10": false, "1.5": false, "one": false, "ok": false, "north": false, "arn:aws:s3": false,
		"rate(5 minutes)": false, "5h30m": false, "1%": false, "V2": false,
	} {
		if got := doubtful.MatchString(word); got != want {
			t.Errorf("%s: %t", word, got)
		}
	}
}
