package appliance

import (
	"fmt"
	"strings"
)

// assign returns the quirks by the uid of their system. It fails if a name is that
// of no system, or two names are of the same one.
func (e *estate) assign(quirks map[string]Quirk) (map[string]Quirk, error) {
	assigned := map[string]Quirk{}
	for name, quirk := range quirks {
		meant := e.called(name)
		if meant == nil {
			return nil, wrongOption(fmt.Sprintf("Quirks of an unknown system %q", name), "use one of "+strings.Join(e.viewNames(), ", "))
		}
		if _, twice := assigned[meant.ID]; twice {
			return nil, wrongOption(fmt.Sprintf("Quirks of %q, which other Quirks name too", name), "put all quirks of a system together")
		}
		assigned[meant.ID] = quirk
	}
	return assigned, nil
}

// called returns the system that has this id or name in either API, or this part of
// a name before the first dot, in any letter case; nil if there is none. A name in
// API v1 is the name in v2 or the uid.
func (e *estate) called(name string) *system {
	for _, s := range e.list {
		host, _, _ := strings.Cut(s.viewName, ".")
		for _, known := range []string{s.ID, fmt.Sprint(s.v2ID), s.viewName, host} {
			if strings.EqualFold(name, known) {
				return s
			}
		}
	}
	return nil
}

func (e *estate) viewNames() []string {
	var list []string
	for _, s := range e.list {
		list = append(list, s.viewName)
	}
	return list
}
