// Package functions tests which packages the two functions link.
package functions

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "runecast-ingest/"

// rule says which packages a package must not reach by its imports.
type rule struct {
	from string
	not  []string
	// through are packages that may reach it as an exception.
	through []string
}

// Neither function links the packages of the other, and pure packages do no I/O.
var rules = map[string]rule{
	"the collector sends nothing":     {from: "functions/collector", not: []string{"internal/openpipeline", "internal/grail", "internal/deliver", "internal/forward", "internal/preflight/ingestcheck"}},
	"the collector maps nothing":      {from: "functions/collector", not: []string{"internal/mapping", "internal/securityevent"}},
	"the forwarder asks no appliance": {from: "functions/forwarder", not: []string{"internal/appliance", "internal/collect", "internal/preflight/appliancecheck"}},
	"the checks share no side":        {from: "internal/preflight", not: []string{"internal/appliance", "internal/openpipeline", "internal/store", "internal/archive"}},
	"the appliance's check":           {from: "internal/preflight/appliancecheck", not: []string{"internal/openpipeline", "internal/mapping", "internal/securityevent"}},
	"the ingest's check":              {from: "internal/preflight/ingestcheck", not: []string{"internal/appliance", "internal/mapping", "internal/runecast"}},
	"one service":                     {from: "internal/endpoint", not: []string{"internal/appliance", "internal/openpipeline", "internal/store", "internal/telemetry", "internal/config"}},
	"the appliance's format is pure":  {from: "internal/runecast", not: []string{"net/http"}},
	"the bucket's formats are pure":   {from: "internal/archive", not: []string{"net/http"}},
	"arrivals are pure":               {from: "internal/arrival", not: []string{"net/http", "internal/store", "internal/grail"}},
	"the mapping is pure":             {from: "internal/mapping", not: []string{"github.com/aws/aws-sdk-go-v2/aws", "internal/appliance", "internal/store", "internal/openpipeline"}},
	"payloads are pure":               {from: "internal/payload", not: []string{"net/http", "internal/store", "internal/securityevent"}},
	"a delivery reads no settings":    {from: "internal/deliver", not: []string{"internal/config", "internal/grail", "internal/payload", "internal/forward"}},
	"the mapping reads no settings":   {from: "internal/mapping", not: []string{"internal/config"}},
	"the collector's settings":        {from: "internal/config/collectorconfig", not: []string{"internal/mapping", "internal/openpipeline"}},
	"the forwarder's settings":        {from: "internal/config/forwarderconfig", not: []string{"internal/appliance"}},
	"no dashboard in the collector":   {from: "functions/collector", not: []string{"internal/dashboard"}},
	"no dashboard in the forwarder":   {from: "functions/forwarder", not: []string{"internal/dashboard"}},
}

func TestRooms(t *testing.T) {
	t.Parallel()
	imports := importsOf(t)
	for name, r := range rules {
		if len(imports[r.from]) == 0 {
			t.Errorf("%s: nobody knows what %s imports", name, r.from)
		}
		for _, target := range r.not {
			if way := reach(imports, r.from, target, r.through); way != nil {
				t.Errorf("%s: %s", name, strings.Join(way, " → "))
			}
		}
		for _, through := range r.through {
			if !slices.ContainsFunc(r.not, func(target string) bool { return reach(imports, through, target, nil) != nil }) {
				t.Errorf("%s: %s needs no exception any more", name, through)
			}
		}
	}
	if way := reach(imports, "functions/forwarder", "internal/mapping", nil); len(way) < 2 || way[0] != "functions/forwarder" || way[len(way)-1] != "internal/mapping" {
		t.Errorf("a way that there is was not found: %v", way)
	}
}

// importsOf returns the imports of every package that is linked into a function,
// by path; those of this module without its name.
func importsOf(t *testing.T) map[string][]string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	all := map[string][]string{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		for i, path := range p.Imports {
			p.Imports[i] = strings.TrimPrefix(path, module)
		}
		all[strings.TrimPrefix(p.ImportPath, module)] = p.Imports
	}
}

// reach returns the shortest way of imports from one package to another that
// leads through none of these; nil if there is none.
func reach(imports map[string][]string, from, to string, through []string) []string {
	ways := [][]string{{from}}
	seen := map[string]bool{from: true}
	for len(ways) > 0 {
		way := ways[0]
		ways = ways[1:]
		last := way[len(way)-1]
		if last == to {
			return way
		}
		for _, next := range imports[last] {
			if !seen[next] && !slices.Contains(through, next) {
				seen[next] = true
				ways = append(ways, append(slices.Clone(way), next))
			}
		}
	}
	return nil
}
