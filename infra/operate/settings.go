package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"runecast-ingest/internal/fault"
)

func (s *session) settingsCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "settings", Short: "Make, change and compare the settings file of a stage",
		Long: "A stage's settings lie in one file, .settings/STAGE.yaml, which `make deploy` hands to the SAM CLI. The folder is another\n" +
			"one if " + settingsVariable + " says so. The commands are typed where template.yaml is.",
		Example: "  runecast-ingest settings new\n  runecast-ingest settings set 'RunecastSystems=Prod vCenter,Lab' MinSeverity=HIGH\n  runecast-ingest settings diff",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			c.PrintErr(c.UsageString())
			return errors.New("name a command")
		},
	}
	for _, sub := range []func() *cobra.Command{s.settingsNew, s.settingsSet, s.settingsDiff, s.settingsPrepare} {
		c.AddCommand(sub())
	}
	return c
}

// onFile makes a command about a stage's settings file. It has no flag for the
// stack, which is the stage's.
func (s *session) onFile(f *stageFile, use, short string, do work) *cobra.Command {
	f.session = s
	c := s.local(use, short, do)
	c.Flags().StringVar(&s.stage, "stage", "", "the `stage` whose file is meant (default \"default\"; "+stageVariable+")")
	c.Flags().StringVar(&f.template, "template", "template.yaml", "the product's template, a `file`")
	c.Flags().BoolVar(&s.raw, "json", false, "show differences for a program")
	c.PreRunE = func(c *cobra.Command, args []string) error {
		s.stage = cmp.Or(s.stage, os.Getenv(stageVariable), "default")
		s.stack = stackOf(s.stage)
		return errors.Join(noneEmpty(c, args), cmp.Or(s.stackName(), s.stageName()))
	}
	return c
}

// longestStack is the most characters of a stack's name. The archive's name is made of
// it, the account and the region, and S3 allows 63 characters.
const longestStack = 35

// stageName returns what is wrong with the name of a stage whose stack is to be
// deployed: the deployment would fail late, at the archive, whose name S3 refuses.
func (s *session) stageName() error {
	what := ""
	switch most := longestStack - len(stackOf("x")) + 1; {
	case strings.ToLower(s.stage) != s.stage:
		what = "has capital letters"
	case strings.Trim(s.stage, "-") != s.stage:
		what = "begins or ends with a hyphen"
	case s.stage != "default" && len(s.stage) > most:
		what = fmt.Sprintf("has more than %d characters", most)
	default:
		return nil
	}
	return &fault.Error{Class: fault.Config, What: fmt.Sprintf("the stage's name %q %s, and S3 takes no archive of such a name", s.stage, what),
		Cure: "name the stage by a few small letters and digits, as in --stage east"}
}

func (s *session) settingsNew() *cobra.Command {
	f := new(stageFile)
	adopt := false
	c := s.onFile(f, "new", "Make a stage's settings file: every parameter with its meaning", func(ctx context.Context, _ []string) error {
		return f.create(ctx, adopt)
	})
	c.Flags().BoolVar(&adopt, "from-stack", false, "with the values that the stage's stack has now")
	return c
}

func (s *session) settingsSet() *cobra.Command {
	f := new(stageFile)
	c := s.onFile(f, "set NAME=VALUE…", "Change settings in the file; make deploy deploys them", func(_ context.Context, args []string) error { return f.set(args) })
	c.Args = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return errors.New("missing: what to set, as MinSeverity=HIGH; the settings file lists every parameter with its meaning")
		}
		return nil
	}
	return c
}

func (s *session) settingsDiff() *cobra.Command {
	f := new(stageFile)
	return s.onFile(f, "diff", "Show where the file and the deployed stack differ; exit status 1 if they do", func(ctx context.Context, _ []string) error {
		n, err := f.compare(ctx)
		if err == nil && n > 0 {
			err = fmt.Errorf("%s and the stack %s differ: `make deploy STAGE=%s` makes the stack what the file says", f.path(), f.stack, f.stage)
		}
		return err
	})
}

func (s *session) settingsPrepare() *cobra.Command {
	f := new(stageFile)
	var out string
	c := s.onFile(f, "prepare", "Check the file, show what a deployment changes, and write the values for the SAM CLI", func(ctx context.Context, _ []string) error {
		return f.prepare(ctx, out)
	})
	c.Long = "Checks the file, shows what a deployment changes, and writes the values into a file for `sam deploy --parameter-overrides file://…`.\n" +
		"`make deploy` calls it."
	c.Flags().StringVar(&out, "out", "out/settings.toml", "the `file` for the SAM CLI")
	return c
}
