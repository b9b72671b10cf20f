package mapping

import "runecast-ingest/internal/securityevent"

// Settings say which events are made of a result, and what is in them. Their
// JSON is part of Mapper.Hash.
type Settings struct {
	// EventModel is both, xspm or external.
	EventModel securityevent.Model
	// Fields is all or lean; empty: all. Only lean changes the hash.
	Fields securityevent.Fields `json:",omitzero"`
	// IncludeResults are the statuses to send.
	IncludeResults []securityevent.Status
	// IncludeTypes are profile codes sent in addition to security profiles; upper case.
	IncludeTypes []string
	// ExcludeTypes are profile codes not sent; upper case.
	ExcludeTypes []string
	// MinSeverity is the lowest severity that is sent.
	MinSeverity securityevent.Severity
	// Evidence sends the values that led to a result.
	Evidence bool
	// OriginalContent sends the appliance's own JSON along.
	OriginalContent bool
	// Coverage says which coverage events are sent, in models other than xspm.
	Coverage Coverage
	// PassedObjects sends a passed rule once per system, or per object.
	PassedObjects PassedObjects
	// RuleTexts says how much of a rule's description and remediation is sent.
	RuleTexts RuleTexts
	// SecurityContext is dt.security_context of all events of a system.
	SecurityContext SecurityContext
	// Standards extend the table of standards, by profile code.
	Standards map[string]StandardNames
}

// Coverage says which coverage events are sent.
type Coverage string

// The values of Coverage: one event for the system; one for the system and one for
// each of its objects; none.
const (
	CoverageSystem Coverage = "system"
	CoverageObject Coverage = "object"
	CoverageNone   Coverage = "none"
)

// PassedObjects says on what a passed rule is shown.
type PassedObjects string

// The values of PassedObjects: one finding on the system, or one on each object where
// the appliance lists them.
const (
	PassedOnSystem  PassedObjects = "system"
	PassedOnObjects PassedObjects = "object"
)

// RuleTexts says how much of the texts of a rule each of its findings carries.
type RuleTexts string

// The values of RuleTexts: the first 300 characters of each text, all that is known of
// it (at most 512 characters), or no text.
const (
	TextsShort RuleTexts = "short"
	TextsFull  RuleTexts = "full"
	TextsOff   RuleTexts = "off"
)

// shortText is how many characters TextsShort leaves of a text.
const shortText = 300

// of returns as much of a text as is sent.
func (t RuleTexts) of(text []byte) string {
	switch t {
	case TextsOff:
		return ""
	case TextsFull:
		return string(text)
	}
	return string(cut(text, shortText))
}

// StandardNames says how a profile code is shown. An empty member leaves what the
// built-in table has.
type StandardNames struct {
	// ShortName is what the dashboard groups by: "CIS", "DISA STIG".
	ShortName string `json:"shortName"`
	// Name is the versioned name.
	Name string `json:"name"`
	// URL leads to the standard's text.
	URL string `json:"url"`
	// Prefix begins the ids of its rules: "CIS", "STIG".
	Prefix string `json:"prefix"`
}
