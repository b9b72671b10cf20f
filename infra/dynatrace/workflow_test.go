package dynatrace

import (
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

const workflowQuery = "newly-failed-critical"

// workflow has the parts of a workflow template that are checked.
type workflow struct {
	Workflow struct {
		Trigger struct {
			Event struct {
				FilterQuery   string `yaml:"filterQuery"`
				Unique        string `yaml:"uniqueExpression"`
				Configuration struct {
					Value struct {
						EventType string `yaml:"eventType"`
						Query     string
					}
				} `yaml:"triggerConfiguration"`
			} `yaml:"eventTrigger"`
		}
		Tasks map[string]struct {
			Name         string
			Predecessors []string
			Conditions   struct{ States map[string]string }
			Input        map[string]any
		}
	}
}

func readWorkflow(t *testing.T) (workflow, string) {
	t.Helper()
	content, err := os.ReadFile(workflowQuery + ".workflow.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var w workflow
	if err := yaml.Unmarshal(content, &w); err != nil {
		t.Fatal(err)
	}
	return w, string(content)
}

func TestWorkflowRunsTheQuery(t *testing.T) {
	t.Parallel()
	w, _ := readWorkflow(t)
	if diff := cmp.Diff(readQuery(t, workflowQuery), w.Workflow.Tasks["find_rules"].Input["query"]); diff != "" {
		t.Errorf("- %s.dql, + workflow:\n%s", workflowQuery, diff)
	}
}

func TestWorkflowHangsTogether(t *testing.T) {
	t.Parallel()
	w, _ := readWorkflow(t)
	trigger := w.Workflow.Trigger.Event
	if trigger.FilterQuery != trigger.Configuration.Value.Query {
		t.Errorf("two filters: %q and %q", trigger.FilterQuery, trigger.Configuration.Value.Query)
	}
	if trigger.Configuration.Value.EventType != "security.events" || trigger.Unique == "" {
		t.Errorf("the trigger is %+v", trigger)
	}
	for name, task := range w.Workflow.Tasks {
		if task.Name != name {
			t.Errorf("%s is named %q", name, task.Name)
		}
		for _, before := range task.Predecessors {
			if task.Conditions.States[before] != "OK" || w.Workflow.Tasks[before].Name == "" {
				t.Errorf("%s comes after %s, which is not asked to have succeeded", name, before)
			}
		}
	}
}

// The trigger and the expressions read fields that the scan event has; the ticket reads
// columns that the query has.
func TestWorkflowReadsWhatIsThere(t *testing.T) {
	t.Parallel()
	w, content := readWorkflow(t)
	c := newChecker(t)
	started := c.check("fetch security.events | filter " + w.Workflow.Trigger.Event.FilterQuery)
	columns := c.check(readQuery(t, workflowQuery))
	for _, f := range c.faults {
		t.Error(f)
	}
	for expression, there := range map[string]scope{
		`event\(\)\['([^']+)'\]`: started,
		`_\.finding\.(\w+)`:      columns,
	} {
		found := regexp.MustCompile(expression).FindAllStringSubmatch(content, -1)
		if len(found) == 0 {
			t.Errorf("the workflow has no %s", expression)
		}
		for _, m := range found {
			if !there[m[1]] {
				t.Errorf("%s reads what is not there", m[0])
			}
		}
	}
}
