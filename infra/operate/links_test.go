package main

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// prose returns a document's text without its blocks of code.
func prose(text string) string {
	var b strings.Builder
	code := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "```") {
			code = !code
			continue
		}
		if !code {
			b.WriteString(line)
		}
	}
	return b.String()
}

// anchors returns the names by which GitHub links to a document's headings.
func anchors(text string) []string {
	var all []string
	for line := range strings.Lines(prose(text)) {
		if heading, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
			all = append(all, strings.Map(func(r rune) rune {
				switch {
				case r == ' ':
					return '-'
				case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
					return unicode.ToLower(r)
				}
				return -1
			}, strings.TrimSpace(heading)))
		}
	}
	return all
}

// Every link from a document to a file, or to a heading, leads somewhere.
func TestLinksOfDocuments(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	found := 0
	for _, document := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(prose(read(t, document)), -1) {
			file, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(file, "://") {
				continue
			}
			found++
			target := document
			if file != "" {
				target = path.Join(path.Dir(document), file)
			}
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(target))); err != nil {
				t.Errorf("%s links to %s: %v", document, m[1], err)
				continue
			}
			if anchor != "" && !slices.Contains(anchors(read(t, target)), anchor) {
				t.Errorf("%s links to %s, which has no such heading", document, m[1])
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d links were found", found)
	}
}

// Every document is linked from another document.
func TestEveryDocumentIsLinked(t *testing.T) {
	t.Parallel()
	all := documents(t)
	for _, document := range all {
		linked := slices.ContainsFunc(all, func(from string) bool {
			relative, err := filepath.Rel(filepath.Dir(filepath.FromSlash(from)), filepath.FromSlash(document))
			return err == nil && from != document && regexp.MustCompile(`\]\(`+regexp.QuoteMeta(filepath.ToSlash(relative))+`[)#]`).MatchString(read(t, from))
		})
		if !linked && document != "README.md" {
			t.Errorf("no document links to %s", document)
		}
	}
}

// Files and folders that documents name by their path exist: within the module,
// or, with a source file, beside the document.
func TestPathsInDocuments(t *testing.T) {
	t.Parallel()
	named := regexp.MustCompile("`((?:internal|functions|infra|events|findings|\\.github)/[\\w./-]*|[\\w/-]+\\.go)")
	for _, document := range documents(t) {
		for _, m := range named.FindAllStringSubmatch(read(t, document), -1) {
			_, err := os.Stat(filepath.Join(root, filepath.FromSlash(m[1])))
			if _, beside := os.Stat(filepath.Join(root, filepath.FromSlash(path.Dir(document)), filepath.FromSlash(m[1]))); err != nil && beside != nil {
				t.Errorf("%s names %s: %v", document, m[1], err)
			}
		}
	}
}

// The map in internal/README.md has every room, and no room that is not there.
func TestMapHasEveryRoom(t *testing.T) {
	t.Parallel()
	dirs, err := os.ReadDir(filepath.Join(root, "internal"))
	if err != nil {
		t.Fatal(err)
	}
	var rooms []string
	for _, d := range dirs {
		if d.IsDir() {
			rooms = append(rooms, d.Name())
		}
	}
	var mapped []string
	table, _, _ := strings.Cut(read(t, "internal/README.md"), "\n## ")
	for line := range strings.Lines(table) {
		if cells := strings.Split(line, "|"); len(cells) == 5 {
			for _, m := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(cells[2], -1) {
				mapped = append(mapped, m[1])
			}
		}
	}
	slices.Sort(mapped)
	if !slices.Equal(rooms, mapped) {
		t.Errorf("internal/ has the rooms\n%v\nits README.md\n%v", rooms, mapped)
	}
}
