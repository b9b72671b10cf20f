package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Groups of commands in the help.
const (
	groupLook  = "look"
	groupWork  = "work"
	groupStage = "stage"
	groupLocal = "local"
)

// program returns the root command with all other commands.
func (s *session) program() *cobra.Command {
	program := &cobra.Command{
		Use: self, Short: "Asks the functions of a deployed runecast-ingest stack, and looks into saved results", Version: version,
		SilenceUsage: true, SilenceErrors: true,
		RunE: func(c *cobra.Command, _ []string) error {
			c.PrintErr(c.UsageString())
			return errors.New("name a command")
		},
	}
	program.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	program.SetFlagErrorFunc(flagError)
	program.AddGroup(
		&cobra.Group{ID: groupLook, Title: "See how it stands:"},
		&cobra.Group{ID: groupWork, Title: "Have something done:"},
		&cobra.Group{ID: groupStage, Title: "Before a deployment:"},
		&cobra.Group{ID: groupLocal, Title: "On this machine, without an account:"},
	)
	program.SetHelpCommandGroupID(groupLocal)
	program.SetCompletionCommandGroupID(groupLocal)
	for group, commands := range map[string][]*cobra.Command{
		groupLook: {s.checkCommand(), s.statusCommand(), s.quarantineCommand(), s.logsCommand()},
		groupWork: {
			s.firstRunCommand(), s.startCommand(), s.sweepCommand(), s.tickCommand(), s.cancelCommand(),
			s.replayCommand(), s.replayBatchCommand(), s.redriveCommand(), s.invokeCommand(),
		},
		groupStage: {s.settingsCommand()},
		groupLocal: {s.mapCommand(), s.versionCommand()},
	} {
		for _, c := range commands {
			c.GroupID = group
			program.AddCommand(c)
		}
	}
	return program
}

// work is the body of a command. It runs after the flags are read and the
// arguments are counted.
type work func(ctx context.Context, args []string) error

// local makes a command that needs no stack.
func (s *session) local(use, short string, do work) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: arguments(strings.Fields(use)[1:]), PreRunE: noneEmpty}
	c.RunE = func(c *cobra.Command, args []string) error {
		s.began = true
		return do(c.Context(), args)
	}
	return c
}

// onStack makes a command about a deployed stack.
func (s *session) onStack(use, short string, do work) *cobra.Command {
	c := s.local(use, short, do)
	f := c.Flags()
	f.StringVar(&s.stack, "stack", "", "the stack's `name` (default that of the stage; "+stackVariable+")")
	f.StringVar(&s.stage, "stage", "", "the `stage` whose stack is meant (default \"default\"; "+stageVariable+")")
	c.PreRunE = func(c *cobra.Command, args []string) error { return errors.Join(noneEmpty(c, args), s.find(c.Flags())) }
	return c
}

// asking makes a command that shows answers of the functions.
func (s *session) asking(use, short string, do work) *cobra.Command {
	c := s.onStack(use, short, do)
	c.Flags().BoolVar(&s.raw, "json", false, "show the answers as they come, one a line")
	c.Flags().BoolVar(&s.wide, "wide", false, "show all columns of tables")
	return c
}

// once makes a command that invokes a function once with a payload.
func (s *session) once(use, short, function string, payload any) *cobra.Command {
	return s.asking(use, short, func(ctx context.Context, _ []string) error { return s.must(ctx, function, payload) })
}

// arguments accepts exactly as many arguments as the usage names.
func arguments(wanted []string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < len(wanted):
			return fmt.Errorf("missing: %s", strings.Join(wanted[len(args):], " and "))
		case len(args) > len(wanted):
			return fmt.Errorf("unexpected argument %q: values have their flag before them, lists are separated by commas", args[len(wanted)])
		}
		return nil
	}
}

// noneEmpty refuses a flag or an argument with an empty value, a list of nothing but
// commas, and a limit of 0. A shell variable that is not set leaves such a value, and the
// command would do more than is meant: replay everything, for one.
func noneEmpty(c *cobra.Command, args []string) error {
	var all error
	c.Flags().Visit(func(f *pflag.Flag) {
		switch text := f.Value.String(); {
		case strings.Trim(text, ", \t\r\n") == "":
			all = errors.Join(all, fmt.Errorf("--%s is empty: give it a value, or leave it out", f.Name))
		case text == "0" && (f.Name == "limit" || f.Name == "rate"):
			all = errors.Join(all, fmt.Errorf("--%s is 0: give it another value, or leave it out, which means no limit", f.Name))
		}
	})
	for i, arg := range args {
		if arg == "" {
			all = errors.Join(all, fmt.Errorf("argument %d is empty", i+1))
		}
	}
	return all
}

// flagError returns the error about a flag in words for people.
func flagError(_ *cobra.Command, err error) error {
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		kind := map[string]string{"int": "a whole number", "int64": "a whole number", "float64": "a number", "duration": "a time such as 90s or 30m"}
		if f := invalid.GetFlag(); kind[f.Value.Type()] != "" {
			return fmt.Errorf("--%s must be %s, not %q", f.Name, kind[f.Value.Type()], invalid.GetValue())
		}
	}
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok && unknown.GetSpecifiedShortnames() != "" {
		return fmt.Errorf("unknown flag -%s: flags begin with two hyphens", unknown.GetSpecifiedShortnames())
	}
	return err
}

// completing offers the values of a flag to the shell's completion.
func completing(c *cobra.Command, flag string, values ...string) *cobra.Command {
	_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)) // fails for an unknown flag only
	return c
}

func (s *session) versionCommand() *cobra.Command {
	return s.local("version", "Show the version of this program", func(context.Context, []string) error {
		_, err := fmt.Fprintln(s.out, self, version)
		return err
	})
}
