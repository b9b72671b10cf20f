package template

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// metric is a metric that the code emits: its unit, and the functions that emit it, as
// the template names them.
type metric struct {
	unit      string
	functions []string
}

type metrics map[string]metric

func (m metrics) unit(name, function string) (string, bool) {
	found, ok := m[name]
	return found.unit, ok && slices.Contains(found.functions, function)
}

// emitters returns the functions into which a package is built.
func emitters(dir string) []string {
	switch filepath.Base(dir) {
	case "collect", "collector":
		return []string{"${CollectorFunction}"}
	case "forward", "deliver", "openpipeline", "forwarder":
		return []string{"${ForwarderFunction}"}
	}
	return []string{"${CollectorFunction}", "${ForwarderFunction}"}
}

// emittedMetrics returns the metrics that the functions emit, by the sources: the calls
// of telemetry.Count, Bytes and Seconds with a name in quotes.
func emittedMetrics() (metrics, error) {
	units := map[string]string{"Count": "Count", "Bytes": "Bytes", "Seconds": "Seconds"}
	found := metrics{}
	err := eachProductFile(func(dir string, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			c, ok := n.(*ast.CallExpr)
			if !ok || len(c.Args) != 2 {
				return true
			}
			unit := units[selected(c.Fun, "telemetry")]
			literal, ok := c.Args[0].(*ast.BasicLit)
			if unit == "" || !ok {
				return true
			}
			name, err := strconv.Unquote(literal.Value)
			if err == nil {
				found[name] = metric{unit, append(slices.Clone(found[name].functions), emitters(dir)...)}
			}
			return true
		})
	})
	return found, err
}

// selected returns X of an expression pkg.X, else "".
func selected(e ast.Expr, pkg string) string {
	if index, ok := e.(*ast.IndexExpr); ok { // an instantiation, pkg.X[int]
		e = index.X
	}
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	if x, ok := s.X.(*ast.Ident); !ok || x.Name != pkg {
		return ""
	}
	return s.Sel.Name
}

// eachProductFile parses every source file that is built into a function.
func eachProductFile(visit func(dir string, file *ast.File)) error {
	for _, root := range []string{"../../internal", "../../functions"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && slices.Contains([]string{"simulate", "dashboard", "testdata"}, entry.Name()):
				return filepath.SkipDir
			case entry.IsDir(), !strings.HasSuffix(path, ".go"), strings.HasSuffix(path, "_test.go"):
				return nil
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return fmt.Errorf("read sources: %w", err)
			}
			visit(filepath.Dir(path), file)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func TestSourcesHoldMetrics(t *testing.T) {
	t.Parallel()
	emitted, err := emittedMetrics()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"ScansCommitted": "Count", "OldestPending": "Seconds", "BytesAccepted": "Bytes"} {
		if unit, ok := emitted.unit(name, "${ForwarderFunction}"); !ok || unit != want {
			t.Errorf("%s is read as %q of the forwarder: %t", name, unit, ok)
		}
	}
	if _, ok := emitted.unit("ScansCommitted", "${CollectorFunction}"); ok {
		t.Error("ScansCommitted is read as the collector's, too")
	}
}
