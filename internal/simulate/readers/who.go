package readers

// Models of the events, as EVENT_MODEL names them.
const (
	ModelBoth     = "both"
	ModelXSPM     = "xspm"
	ModelExternal = "external"
)

// Reader is something that reads the events in Dynatrace.
type Reader struct {
	// Name is its name for people.
	Name string
	// Checks are the names of the checks that an event must pass for it.
	Checks []string
	// models are the models whose events have the fields that it reads.
	models []string
}

// Reads reports whether events of a model have the fields that the reader reads.
func (r *Reader) Reads(model string) bool {
	for _, m := range r.models {
		if m == model {
			return true
		}
	}
	return false
}

// Readers returns all readers of the events, each with its checks.
func Readers() []Reader {
	all, dashboard, external := []string{ModelBoth, ModelXSPM, ModelExternal}, []string{ModelBoth, ModelXSPM}, []string{ModelBoth, ModelExternal}
	return []Reader{
		{"Dynatrace's validation rules for mappings of security events", []string{
			"kind and type", "provider", "affected object", "identity of a finding", "severity in the dictionary's words", "risk level", "score fits the level",
			"scan of a finding", "times", "analysis ends after it starts", "scan events hold no findings", "component of a vulnerability", "rule", "lists",
			"texts in the dictionary's fields", "vendor's words beside the dictionary's", "original content",
		}, all},
		{"Dynatrace's agents, which open no JSON inside a field", []string{"texts in the dictionary's fields", "control", "facts beside their JSON"}, all},
		{"policies that give rows to one team", []string{"kind and type", "provider", "security context"}, all},
		{"Compliance Assistant (preview: DORA)", []string{"provider", "severity in the dictionary's words", "standard and severity of a finding"}, all},
		{"queries of other vendors' findings", []string{
			"provider", "identity of a finding", "risk level", "status of the external model", "status and result",
		}, external},
		{"samples of workflows, dashboards and notebooks", []string{
			"affected object", "identity of a finding", "times", "rule", "control", "lists", "status of the external model", "status and result",
		}, external},
		{"dashboard Security Posture overview", []string{"kind and type", "affected object", "scan of a finding", "models do not mix"}, dashboard},
	}
}
