package template

import "testing"

// A schedule that starts runs more often than a run may take is refused if the timeout
// has its default. The collector has the schedule as a variable, so that it can refuse
// the cases that a rule of the template cannot compute.
func TestTimeoutBelongsToTheSchedule(t *testing.T) {
	t.Parallel()
	value, err := parse(readTemplate(t))
	if err != nil {
		t.Fatal(err)
	}
	template := node{value: value, found: &findings{}}
	taken := func(given map[string][]string) bool {
		rules := template.at("Rules")
		for _, name := range rules.names() {
			if !(deployment{template.at("Parameters"), given}).allowed(rules.at(name)) {
				return false
			}
		}
		return true
	}
	if taken(map[string][]string{"ScheduleExpression": {"rate(1 hour)"}}) {
		t.Error("a run each hour, each of which may take as long as one of the night, is taken")
	}
	if !taken(map[string][]string{"ScheduleExpression": {"rate(1 hour)"}, "ScanTimeout": {"50m"}}) {
		t.Error("a run each hour, which may take less than that, is refused")
	}
	template.properties("CollectorFunction").at("Environment", "Variables", "SCHEDULE").want("${ScheduleExpression}")
	for _, wrong := range template.found.list {
		t.Error(wrong)
	}
}
