package main

import (
	"bytes"
	"cmp"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// product names the release as a whole.
const product = "runecast-ingest"

// bom is a bill of materials in CycloneDX 1.6. It has no time of making, which
// would change it from build to build.
type bom struct {
	product   component
	functions []component
	// modules are by purl: both functions use most of them.
	modules map[string]component
	uses    []dependency
}

type component struct {
	Type    string `json:"type"`
	Ref     string `json:"bom-ref"`
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	Hashes  []hash `json:"hashes,omitempty"`
	PURL    string `json:"purl,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn"`
}

func newBOM(version string) *bom {
	return &bom{
		product: component{Type: "application", Ref: product, Name: product, Version: version},
		modules: map[string]component{},
	}
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
	use := dependency{Ref: product + "/" + function}
	for _, m := range modules {
		b.modules[m.Ref] = m
		use.DependsOn = append(use.DependsOn, m.Ref)
	}
	b.functions = append(b.functions, component{
		Type: "application", Ref: use.Ref, Name: function, Version: b.product.Version, Hashes: []hash{{"SHA-256", zipSHA256}},
	})
	b.uses = append(b.uses, use)
	return nil
}

// modulesOf gives the modules of a binary and Go's standard library, sorted.
func modulesOf(info *debug.BuildInfo) ([]component, error) {
	modules := []component{library("std", strings.TrimPrefix(info.GoVersion, "go"))}
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
			c.Hashes = []hash{{"SHA-256", hex.EncodeToString(sum)}} // of the list of the module's files, as in go.sum
		}
		modules = append(modules, c)
	}
	slices.SortFunc(modules, func(a, b component) int { return cmp.Compare(a.Ref, b.Ref) })
	return modules, nil
}

func library(path, version string) component {
	purl := "pkg:golang/" + path + "@" + url.QueryEscape(version)
	return component{Type: "library", Ref: purl, Name: path, Version: version, PURL: purl}
}

// marshal gives the document. Its serial number is made of its content.
func (b *bom) marshal() ([]byte, error) {
	modules := slices.SortedFunc(maps.Values(b.modules), func(x, y component) int { return cmp.Compare(x.Ref, y.Ref) })
	whole := dependency{Ref: b.product.Ref}
	for _, f := range b.functions {
		whole.DependsOn = append(whole.DependsOn, f.Ref)
	}
	type metadata struct {
		Component component `json:"component"`
	}
	document := struct {
		Format       string       `json:"bomFormat"`
		Spec         string       `json:"specVersion"`
		Serial       string       `json:"serialNumber"`
		Version      int          `json:"version"`
		Metadata     metadata     `json:"metadata"`
		Components   []component  `json:"components"`
		Dependencies []dependency `json:"dependencies"`
	}{
		Format: "CycloneDX", Spec: "1.6", Version: 1, Metadata: metadata{b.product},
		Components: append(slices.Clone(b.functions), modules...), Dependencies: append([]dependency{whole}, b.uses...),
	}
	body, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	document.Serial = "urn:uuid:" + uuid.NewSHA1(uuid.Nil, body).String()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err = encoder.Encode(document)
	return text.Bytes(), err
}
