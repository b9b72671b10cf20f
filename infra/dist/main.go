// Command dist packs the functions for a release: a zip of each function, a
// template for each processor that deploys the zips, the licence and README that
// the Serverless Application Repository shows, a bill of materials, and the
// checksums of all files. It promises the same bytes for the same binaries,
// wherever and whenever it runs.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
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

// pack writes a release into the folder out: <function>.zip for each binary, whose
// folder is named after its function; template.yaml; the LICENSE and README.md
// beside the template; sbom.cdx.json and SHA256SUMS. Files for x86_64 have that in
// their names: collector-x86_64.zip, template-x86_64.yaml.
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
	functions := map[processor][]string{}
	for _, path := range binaries {
		function := filepath.Base(filepath.Dir(path))
		built, err := processorOf(path)
		if err != nil {
			return fmt.Errorf("look at %s: %w", function, err)
		}
		functions[built] = append(functions[built], function)
		name := built.zip(function)
		content, err := zipped(path)
		if err != nil {
			return fmt.Errorf("zip %s: %w", name, err)
		}
		if most := built.maxZip(); len(content) > most {
			return fmt.Errorf("zip %s: %d bytes are more than %d", name, len(content), most)
		}
		if err := write(name, content); err != nil {
			return fmt.Errorf("write zip: %w", err)
		}
		if err := bom.add(function+built.suffix(), digest(content), path); err != nil {
			return fmt.Errorf("list modules of %s: %w", name, err)
		}
		fmt.Printf("%s: %d bytes\n", name, len(content))
	}
	text, err := os.ReadFile(template)
	if err != nil {
		return fmt.Errorf("read the template: %w", err)
	}
	for _, p := range slices.Sorted(maps.Keys(functions)) {
		deploys, err := released(string(text), p, functions[p])
		if err == nil {
			err = write(p.template(), []byte(deploys))
		}
		if err != nil {
			return fmt.Errorf("write the template of the release: %w", err)
		}
	}
	for _, name := range []string{"LICENSE", "README.md"} { // the template's metadata name them
		content, err := os.ReadFile(filepath.Join(filepath.Dir(template), name))
		if err == nil {
			err = write(name, content)
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
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

// digest returns the SHA-256 of a content in hexadecimal.
func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
