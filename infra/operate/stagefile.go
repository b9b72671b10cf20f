package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json"

	"runecast-ingest/infra/settings"
	"runecast-ingest/internal/fault"
)

// settingsVariable names the folder of the settings files.
const settingsVariable = "RUNECAST_INGEST_SETTINGS"

// stageFile is a stage's settings file, and the template whose parameters it sets.
type stageFile struct {
	*session
	template string
}

// path is where the stage's file lies.
func (f *stageFile) path() string {
	return filepath.Join(cmp.Or(os.Getenv(settingsVariable), ".settings"), f.stage+".yaml")
}

// parameters returns the parameters of the template.
func (f *stageFile) parameters() (settings.Template, error) {
	t, err := settings.ReadTemplate(f.template)
	if errors.Is(err, os.ErrNotExist) {
		err = &fault.Error{Class: fault.Config, What: "there is no " + f.template + " here", Cure: "type the command in the product's folder, or name the template with --template"}
	}
	return t, err
}

// read returns the text and the values of the file, and the template's parameters.
func (f *stageFile) read() (text []byte, values settings.Values, t settings.Template, err error) {
	if t, err = f.parameters(); err != nil {
		return nil, nil, nil, err
	}
	text, err = os.ReadFile(f.path())
	if errors.Is(err, os.ErrNotExist) {
		err = &fault.Error{Class: fault.Config, What: fmt.Sprintf("the stage %s has no settings file %s yet", f.stage, f.path()),
			Cure: fmt.Sprintf("make it with `%s settings new --stage %s`, with --from-stack if the stack is there already", self, f.stage)}
	}
	if err == nil {
		if values, err = settings.Parse(text, t); err != nil {
			err = fmt.Errorf("%s: %w", f.path(), err)
		}
	}
	return text, values, t, err
}

// create makes the file, with adopt from the values of the stage's stack. It never
// overwrites a file. A crash while it writes leaves a part of the file: the
// operator deletes the file and repeats the command.
func (f *stageFile) create(ctx context.Context, adopt bool) error {
	t, err := f.parameters()
	if err != nil {
		return err
	}
	values := settings.Preset(f.stage)
	if adopt {
		stack, err := f.deployed(ctx)
		switch {
		case err != nil:
			return err
		case stack == nil:
			return fmt.Errorf("there is no stack %s to take values from", f.stack)
		}
		values = settings.Values{}
		for _, p := range t {
			if value, ok := stack.values[p.Name]; ok && (value != p.Default || p.Required) {
				values[p.Name] = value
			}
		}
	}
	if err := os.MkdirAll(filepath.Dir(f.path()), 0o700); err != nil {
		return fmt.Errorf("make the settings file: %w", err)
	}
	file, err := os.OpenFile(f.path(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return &fault.Error{Class: fault.Config, What: f.path() + " is there already", Cure: fmt.Sprintf("change it, by an editor or `%s settings set`; move it away to begin anew", self)}
	}
	if err != nil {
		return fmt.Errorf("make the settings file: %w", err)
	}
	_, err = file.Write(settings.New(f.stage, t, values))
	if err = errors.Join(err, file.Close()); err != nil {
		// A part of it would be taken for all that the stage sets.
		return fmt.Errorf("write %s: %w", f.path(), errors.Join(err, os.Remove(f.path())))
	}
	f.say("%s is made: each parameter with its meaning.", f.path())
	for _, p := range t {
		if _, chosen := values[p.Name]; p.Required && !chosen {
			f.say("to fill in: %s", p.Name)
		}
	}
	return nil
}

// set changes values in the file: all that args name as NAME=VALUE, or none if one
// of them is wrong.
func (f *stageFile) set(args []string) error {
	text, _, t, err := f.read()
	if err != nil {
		return err
	}
	var all error
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok {
			all = errors.Join(all, fmt.Errorf("%q is not of the form NAME=VALUE: put quotes around a value that holds spaces, as in 'RunecastSystems=Prod vCenter,Lab'", arg))
			continue
		}
		changed, err := settings.Set(text, t, name, value)
		if all = errors.Join(all, err); err == nil {
			text = changed
		}
	}
	if all != nil {
		return all
	}
	if err := replaceFile(f.path(), text); err != nil {
		return err
	}
	f.say("%s is changed; `make deploy STAGE=%s` deploys it", f.path(), f.stage)
	return nil
}

// replaceFile writes a file whole or not at all: a crash leaves the old file, and
// perhaps a file with the ending .part, which the next write replaces.
func replaceFile(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	part := path + ".part"
	err := os.WriteFile(part, text, 0o600)
	if err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(part))
	}
	return nil
}

// deployedStack has the region and the parameters' values of a stack.
type deployedStack struct {
	region string
	values settings.Values
}

// deployed returns the stage's stack; nil: there is none yet.
func (f *stageFile) deployed(ctx context.Context) (*deployedStack, error) {
	out, err := f.aws.run(ctx, "cloudformation", "describe-stacks", "--stack-name", f.stack, "--output", "json")
	switch {
	case err != nil && strings.Contains(err.Error(), "does not exist"):
		return nil, nil
	case err != nil:
		return nil, err
	}
	var answer struct {
		Stacks []struct {
			ID         string `json:"StackId"`
			Status     string `json:"StackStatus"`
			Parameters []struct {
				Name  string `json:"ParameterKey"`
				Value string `json:"ParameterValue"`
			}
		}
	}
	if err := json.Unmarshal(out, &answer); err != nil || len(answer.Stacks) != 1 {
		return nil, fmt.Errorf("read what the AWS CLI says about the stack %s: %w", f.stack, cmp.Or(err, errors.New("it names no stack, or several")))
	}
	stack := answer.Stacks[0]
	if stack.Status == "REVIEW_IN_PROGRESS" { // the first change set was made and not deployed
		return nil, nil
	}
	d := &deployedStack{values: settings.Values{}}
	if arn := strings.Split(stack.ID, ":"); len(arn) > 5 {
		d.region = arn[3]
	}
	for _, p := range stack.Parameters {
		d.values[p.Name] = p.Value
	}
	return d, nil
}

// compare shows where the file and the stack differ, and returns the number of
// differences.
func (f *stageFile) compare(ctx context.Context) (int, error) {
	_, values, t, err := f.read()
	if err != nil {
		return 0, err
	}
	complete, err := t.Complete(values)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", f.path(), err)
	}
	stack, err := f.deployed(ctx)
	if err != nil {
		return 0, err
	}
	if stack == nil {
		f.say("There is no stack %s yet: its first deployment makes it.", f.stack)
		return 0, nil
	}
	if region := complete.Region(); region != "" && stack.region != "" && region != stack.region {
		return 0, fmt.Errorf("%s: ARNs are of %s, and the stack %s is in %s: secrets, topics and keys must be in the stack's own region", f.path(), region, f.stack, stack.region)
	}
	all := t.Differences(values, stack.values)
	if len(all) == 0 {
		f.say("The stack %s has the values of %s.", f.stack, f.path())
		return 0, nil
	}
	doc, err := json.Marshal(map[string]any{"differences": all})
	if err != nil {
		return 0, fmt.Errorf("write the differences: %w", err)
	}
	return len(all), f.show(doc)
}

// prepare checks the file, shows its differences from the stack, and writes the
// values for the SAM CLI into the file out.
func (f *stageFile) prepare(ctx context.Context, out string) error {
	if _, err := f.compare(ctx); err != nil {
		return err
	}
	_, values, t, err := f.read()
	if err != nil {
		return err
	}
	complete, err := t.Complete(values)
	if err != nil {
		return fmt.Errorf("%s: %w", f.path(), err)
	}
	return replaceFile(out, t.ForSAM(complete))
}
