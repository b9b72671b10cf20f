// Command dist packs the functions for a release: a zip of each, the template
// that deploys them, a bill of materials and the checksums of all. It promises the same bytes for the same
// binaries, wherever and whenever it runs.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	version := flag.String("version", "", "`version` of the release")
	out := flag.String("out", "out/dist", "`folder` to write to")
	template := flag.String("template", "template.yaml", "the template, a `file`")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: dist [flags] <function>/bootstrap …")
		flag.PrintDefaults()
	}
	flag.Parse()
	if err := pack(*out, *version, *template, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

// maxZip is what a zip may have in bytes: a cold start has to load it.
const maxZip = 8_000_000

// pack writes <function>.zip for each binary, which lies in a folder named
// after its function, then template.yaml, sbom.cdx.json and SHA256SUMS.
func pack(out, version, template string, binaries []string) error {
	if len(binaries) == 0 {
		return errors.New("name the binaries of the functions")
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	var sums strings.Builder
	write := func(name string, content []byte) error {
		fmt.Fprintf(&sums, "%s  %s\n", digest(content), name)
		return os.WriteFile(filepath.Join(out, name), content, 0o644)
	}
	bom := newBOM(version)
	var functions []string
	for _, path := range binaries {
		function := filepath.Base(filepath.Dir(path))
		functions = append(functions, function)
		content, err := zipped(path)
		if err != nil {
			return fmt.Errorf("zip %s: %w", function, err)
		}
		if len(content) > maxZip {
			return fmt.Errorf("zip %s: %d bytes are more than %d", function, len(content), maxZip)
		}
		if err := write(function+".zip", content); err != nil {
			return fmt.Errorf("write zip: %w", err)
		}
		if err := bom.add(function, digest(content), path); err != nil {
			return fmt.Errorf("list modules of %s: %w", function, err)
		}
		fmt.Printf("%s.zip: %d bytes\n", function, len(content))
	}
	text, err := os.ReadFile(template)
	if err != nil {
		return fmt.Errorf("read the template: %w", err)
	}
	deploys, err := released(string(text), functions)
	if err != nil {
		return fmt.Errorf("write the template of the release: %w", err)
	}
	if err := write("template.yaml", []byte(deploys)); err != nil {
		return fmt.Errorf("write the template of the release: %w", err)
	}
	content, err := bom.marshal()
	if err != nil {
		return fmt.Errorf("write bill of materials: %w", err)
	}
	if err := write("sbom.cdx.json", content); err != nil {
		return fmt.Errorf("write bill of materials: %w", err)
	}
	if err := os.WriteFile(filepath.Join(out, "SHA256SUMS"), []byte(sums.String()), 0o644); err != nil {
		return fmt.Errorf("write checksums: %w", err)
	}
	return nil
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
