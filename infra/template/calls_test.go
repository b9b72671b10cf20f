package template

import (
	"go/ast"
	"maps"
	"slices"
	"strings"
	"testing"
)

// calls.json has every operation of AWS that the sources name, so that its right is
// proven, and no operation that nobody calls.
func TestEveryOperationOfTheCodeIsDecided(t *testing.T) {
	t.Parallel()
	called := map[string]bool{}
	err := eachProductFile(func(_ string, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			literal, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			for _, pkg := range []string{"s3", "transfermanager", "secretsmanager", "eventbridge"} {
				if operation, ok := strings.CutSuffix(selected(literal.Type, pkg), "Input"); ok {
					called[operation] = true
				}
			}
			return true
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	calls, err := readCalls()
	if err != nil {
		t.Fatal(err)
	}
	decided := map[string]bool{}
	for _, c := range calls {
		if c.Operation != "" {
			decided[c.Operation] = true
		}
	}
	lacks, extra := missing(slices.Sorted(maps.Keys(called)), slices.Sorted(maps.Keys(decided)))
	if len(lacks)+len(extra) > 0 {
		t.Errorf("calls.json lacks %v, and has %v that nobody calls", lacks, extra)
	}
}

func TestGlobIsIAMs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pattern, value string
		want           bool
	}{
		"the same":                  {"a/b", "a/b", true},
		"another":                   {"a/b", "a/bc", false},
		"a star is any key":         {"raw/*", "raw/v1/x", true},
		"a star is nothing":         {"raw/*", "raw/", true},
		"another prefix":            {"raw/*", "runs/x", false},
		"a star in between":         {"a*c", "abbc", true},
		"ends do not overlap":       {"ab*ba", "aba", false},
		"two stars in order":        {"a*b*c", "axbxc", true},
		"two stars in wrong order":  {"a*b*c*d", "axcxbxd", false},
		"everything":                {"*", "", true},
		"a point is not any letter": {"a.c", "abc", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := glob(c.pattern, c.value); got != c.want {
				t.Errorf("glob(%q, %q) = %t", c.pattern, c.value, got)
			}
		})
	}
}
