package main

import (
	"bytes"
	"cmp"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/uuid"
)

// product names the release as a whole.
const product = "runecast-ingest"

// bom is a bill of materials in CycloneDX 1.6. It has no time of making, which
// would change it from build to build.
type bom struct {
	version   string
	functions []cdx.Component
	// modules has the modules of all functions by their package URL (purl).
	modules map[string]cdx.Component
	// uses has the modules that each function was linked from.
	uses []cdx.Dependency
}

func newBOM(version string) *bom {
	return &bom{version: version, modules: map[string]cdx.Component{}}
}

// add lists a function and the modules that its binary was linked from, as the
// Go linker has written them into it.
func (b *bom) add(function, zipSHA256, path string) error {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return err
	}
	modules, err := modulesOf(info)
	if err != nil {
		return err
	}
	f := cdx.Component{Type: cdx.ComponentTypeApplication, BOMRef: product + "/" + function, Name: function, Version: b.version, Hashes: sha256Hash(zipSHA256)}
	b.functions = append(b.functions, f)
	b.uses = append(b.uses, uses(f.BOMRef, modules))
	for _, m := range modules {
		b.modules[m.BOMRef] = m
	}
	return nil
}

// modulesOf returns the modules of a binary and Go's standard library, sorted.
func modulesOf(info *debug.BuildInfo) ([]cdx.Component, error) {
	modules := []cdx.Component{library("std", strings.TrimPrefix(info.GoVersion, "go"))}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		c := library(m.Path, m.Version)
		if m.Sum != "" {
			sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:"))
			if err != nil {
				return nil, fmt.Errorf("read checksum of %s: %w", m.Path, err)
			}
			c.Hashes = sha256Hash(hex.EncodeToString(sum)) // of the list of the module's files, as in go.sum
		}
		modules = append(modules, c)
	}
	slices.SortFunc(modules, byRef)
	return modules, nil
}

func byRef(a, b cdx.Component) int { return cmp.Compare(a.BOMRef, b.BOMRef) }

func library(path, version string) cdx.Component {
	purl := "pkg:golang/" + path + "@" + url.QueryEscape(version)
	return cdx.Component{Type: cdx.ComponentTypeLibrary, BOMRef: purl, Name: path, Version: version, PackageURL: purl}
}

func sha256Hash(sum string) *[]cdx.Hash {
	return &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: sum}}
}

// uses returns the statement that one component is made of others.
func uses(ref string, others []cdx.Component) cdx.Dependency {
	var refs []string
	for _, o := range others {
		refs = append(refs, o.BOMRef)
	}
	return cdx.Dependency{Ref: ref, Dependencies: &refs}
}

// marshal returns the document as JSON. Its serial number is made of its content.
func (b *bom) marshal() ([]byte, error) {
	components := append(slices.Clone(b.functions), slices.SortedFunc(maps.Values(b.modules), byRef)...)
	dependencies := append([]cdx.Dependency{uses(product, b.functions)}, b.uses...)
	document := cdx.NewBOM()
	document.Metadata = &cdx.Metadata{Component: &cdx.Component{Type: cdx.ComponentTypeApplication, BOMRef: product, Name: product, Version: b.version}}
	document.Components, document.Dependencies = &components, &dependencies
	body, err := encoded(document)
	if err != nil {
		return nil, err
	}
	document.SerialNumber = uuid.NewSHA1(uuid.Nil, body).URN()
	return encoded(document)
}

func encoded(document *cdx.BOM) ([]byte, error) {
	var text bytes.Buffer
	err := cdx.NewBOMEncoder(&text, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).EncodeVersion(document, cdx.SpecVersion1_6)
	return text.Bytes(), err
}
