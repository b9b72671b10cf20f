package main

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"
)

// place writes a content to the path of a function's binary, and returns the path.
func place(t *testing.T, function string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), function, "bootstrap")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// self returns the path of this test's own binary, which was linked from modules as a
// function's binary is.
func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestZipHoldsTheBinaryAlone(t *testing.T) {
	t.Parallel()
	binary := []byte(strings.Repeat("not an executable, but long\n", 10_000))
	content, err := zipped(place(t, "collector", binary))
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	if len(archive.File) != 1 || archive.File[0].Name != "bootstrap" || archive.File[0].Mode() != 0o755 {
		t.Fatalf("the zip holds %d files, the first %s with mode %v", len(archive.File), archive.File[0].Name, archive.File[0].Mode())
	}
	if at := archive.File[0].Modified; at.Year() != 1980 {
		t.Errorf("the time of packing is in the zip: %v", at)
	}
	entry, err := archive.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	unpacked, err := io.ReadAll(entry)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(unpacked, binary) {
		t.Error("the unpacked file is another one")
	}
}

// Another folder, time and mode of the file must not change a byte.
func TestZipIsReproducible(t *testing.T) {
	t.Parallel()
	one, other := place(t, "collector", []byte("binary")), place(t, "collector", []byte("binary"))
	past := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	if err := os.Chtimes(other, past, past); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(other, 0o700); err != nil {
		t.Fatal(err)
	}
	a, err := zipped(one)
	if err != nil {
		t.Fatal(err)
	}
	b, err := zipped(other)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Error("the same binary makes another zip")
	}
}

func TestModules(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		dep  *debug.Module
		want cdx.Component
	}{
		"a module": {
			dep: &debug.Module{Path: "example.com/m", Version: "v1.2.3", Sum: "h1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="},
			want: cdx.Component{
				Type: "library", BOMRef: "pkg:golang/example.com/m@v1.2.3", Name: "example.com/m", Version: "v1.2.3", PackageURL: "pkg:golang/example.com/m@v1.2.3",
				Hashes: &[]cdx.Hash{{Algorithm: "SHA-256", Value: "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"}},
			},
		},
		"a replaced module": {
			dep:  &debug.Module{Path: "example.com/m", Version: "v1.2.3", Replace: &debug.Module{Path: "example.com/fork", Version: "v1.2.4"}},
			want: cdx.Component{Type: "library", BOMRef: "pkg:golang/example.com/fork@v1.2.4", Name: "example.com/fork", Version: "v1.2.4", PackageURL: "pkg:golang/example.com/fork@v1.2.4"},
		},
		"a version with a plus sign": {
			dep:  &debug.Module{Path: "example.com/m", Version: "v2.0.0+incompatible"},
			want: cdx.Component{Type: "library", BOMRef: "pkg:golang/example.com/m@v2.0.0%2Bincompatible", Name: "example.com/m", Version: "v2.0.0+incompatible", PackageURL: "pkg:golang/example.com/m@v2.0.0%2Bincompatible"},
		},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := modulesOf(&debug.BuildInfo{GoVersion: "go1.26.8", Deps: []*debug.Module{tt.dep}})
			if err != nil {
				t.Fatal(err)
			}
			std := cdx.Component{Type: "library", BOMRef: "pkg:golang/std@1.26.8", Name: "std", Version: "1.26.8", PackageURL: "pkg:golang/std@1.26.8"}
			if diff := cmp.Diff([]cdx.Component{tt.want, std}, got); diff != "" {
				t.Errorf("- want, + got:\n%s", diff)
			}
		})
	}
}

func TestBadChecksumIsNamed(t *testing.T) {
	t.Parallel()
	_, err := modulesOf(&debug.BuildInfo{Deps: []*debug.Module{{Path: "example.com/m", Sum: "h1:?"}}})
	if err == nil || !strings.Contains(err.Error(), "example.com/m") {
		t.Errorf("got %v", err)
	}
}

func TestPackWritesWhatItSums(t *testing.T) {
	t.Parallel()
	binary, err := os.ReadFile(self(t))
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	if err := pack(out, "1.2.3", "../../template.yaml", []string{place(t, "collector", binary), place(t, "forwarder", binary)}); err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(read(t, out, "SHA256SUMS")) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		names = append(names, name)
		if digest([]byte(read(t, out, name))) != sum {
			t.Errorf("%s is not what SHA256SUMS says", name)
		}
	}
	p, err := processorOf(self(t))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{p.zip("collector"), p.zip("forwarder"), p.template(), "LICENSE", "README.md", "sbom.cdx.json"}, names); diff != "" {
		t.Errorf("- want, + got:\n%s", diff)
	}
}

// The template of a release differs from the product's only in the place of the code,
// and in the processor that it accepts. No function is built from the template's folder.
func TestTemplateOfARelease(t *testing.T) {
	t.Parallel()
	source := read(t, "../..", "template.yaml")
	got, err := released(source, x86, []string{"collector", "forwarder"})
	if err != nil {
		t.Fatal(err)
	}
	var changed []string
	lines := strings.SplitAfter(source, "\n")
	for line := range strings.Lines(got) {
		switch i := slices.Index(lines, line); {
		case i < 0:
			changed = append(changed, "+"+line)
		default:
			for _, left := range lines[:i] {
				changed = append(changed, "-"+left)
			}
			lines = lines[i+1:]
		}
	}
	want := []string{
		"+    Default: x86_64\n", "+    AllowedValues: [x86_64]\n", "+    ConstraintDescription: must be x86_64, for which this release's zips are built\n",
		"-    Default: arm64\n", "-    AllowedValues: [arm64, x86_64]\n", "-    ConstraintDescription: must be arm64 or x86_64\n",
		"-    CodeUri: .\n", "-    Metadata: {BuildMethod: makefile}\n", "+      CodeUri: collector-x86_64.zip\n",
		"-    Metadata: {BuildMethod: makefile}\n", "+      CodeUri: forwarder-x86_64.zip\n",
	}
	if diff := cmp.Diff(want, changed); diff != "" {
		t.Errorf("- want, + got:\n%s", diff)
	}
	for name, functions := range map[string][]string{"another function": {"collector", "courier"}, "a function is left": {"collector"}} {
		if _, err := released(source, arm, functions); err == nil {
			t.Errorf("%s: written without a word", name)
		}
	}
}

// The files for the template's default processor have no processor in their names.
func TestFilesOfAProcessor(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"collector.zip": arm.zip("collector"), "template.yaml": arm.template(), "collector-x86_64.zip": x86.zip("collector"), "template-x86_64.yaml": x86.template(),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// bill returns a bill of materials that lists both functions, as if they were linked
// from this test's modules.
func bill(t *testing.T) []byte {
	t.Helper()
	b := newBOM("1.2.3")
	for _, function := range []string{"collector", "forwarder"} {
		if err := b.add(function, "00", self(t)); err != nil {
			t.Fatal(err)
		}
	}
	content, err := b.marshal()
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestBillIsReproducible(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(string(bill(t)), string(bill(t))); diff != "" {
		t.Errorf("- first, + second:\n%s", diff)
	}
}

func TestBillHangsTogether(t *testing.T) {
	t.Parallel()
	content := bill(t)
	var document cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(content), cdx.BOMFileFormatJSON).Decode(&document); err != nil {
		t.Fatal(err)
	}
	if document.SpecVersion != cdx.SpecVersion1_6 || document.Metadata.Timestamp != "" || document.Metadata.Tools != nil || document.SerialNumber == "" {
		t.Errorf("the bill is of version %s, from %q, with serial number %q", document.SpecVersion, document.Metadata.Timestamp, document.SerialNumber)
	}
	listed := map[string]int{product: 1}
	for _, c := range *document.Components {
		listed[c.BOMRef]++
	}
	for ref, times := range listed {
		if times != 1 {
			t.Errorf("%s is listed %d times", ref, times)
		}
	}
	for _, u := range *document.Dependencies {
		for _, ref := range append(*u.Dependencies, u.Ref) {
			if listed[ref] == 0 {
				t.Errorf("%s is not listed", ref)
			}
		}
	}
	if (*document.Components)[1].Name != "forwarder" || !strings.Contains(string(content), `"pkg:golang/github.com/google/uuid@`) {
		t.Errorf("a function or a module is missing:\n%s", content)
	}
}

func TestPackNeedsBinaries(t *testing.T) {
	t.Parallel()
	cases := map[string][]string{
		"none":                     nil,
		"one that is not there":    {filepath.Join(t.TempDir(), "collector", "bootstrap")},
		"one that Go has not made": {place(t, "collector", []byte("#!/bin/sh"))},
	}
	for name, binaries := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := pack(t.TempDir(), "1.2.3", "../../template.yaml", binaries); err == nil {
				t.Error("it was packed without a word")
			}
		})
	}
}

func read(t *testing.T, folder, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
