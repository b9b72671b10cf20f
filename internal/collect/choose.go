package collect

import (
	"fmt"
	"slices"
	"strings"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/runecast"
)

// maxListed bounds the systems that an error lists.
const maxListed = 50

// choose returns the systems that the names or ids select, in the appliance's order;
// without names all systems. Names are compared without regard to case. A name that
// fits no system, or several, is a fault of class Config.
func choose(all []runecast.System, names []string) ([]runecast.System, error) {
	if len(all) == 0 {
		return nil, &fault.Error{Class: fault.Config, What: "the appliance lists no system", Cure: "connect a system to it, and let the token's user see it"}
	}
	if len(names) == 0 {
		return all, nil
	}
	wanted := make(map[string]bool)
	for _, name := range names {
		match := matches(all, name)
		switch len(match) {
		case 1:
			wanted[match[0].ID] = true
		case 0:
			return nil, &fault.Error{Class: fault.Config, What: fmt.Sprintf("no system is named %q", name),
				Cure: "take one of these names, or its id: " + list(all, func(s runecast.System) string { return s.Name })}
		default:
			return nil, &fault.Error{Class: fault.Config, What: fmt.Sprintf("%d systems are named %q", len(match), name),
				Cure: "take their ids: " + list(match, func(s runecast.System) string { return s.ID })}
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(s runecast.System) bool { return !wanted[s.ID] }), nil
}

// matches returns the system with that id, else all systems with that name.
func matches(all []runecast.System, name string) []runecast.System {
	if i := slices.IndexFunc(all, func(s runecast.System) bool { return s.ID == name }); i >= 0 {
		return all[i : i+1]
	}
	return slices.DeleteFunc(slices.Clone(all), func(s runecast.System) bool { return !strings.EqualFold(s.Name, name) })
}

func list(systems []runecast.System, text func(runecast.System) string) string {
	var names []string
	for _, s := range systems[:min(len(systems), maxListed)] {
		names = append(names, text(s))
	}
	if more := len(systems) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}

// typeOf returns a system's type: the type in the settings, else the type that its
// results show now, else the type that it had in an earlier run. The list of detected
// issues has only rules that failed, so a system that passes all rules shows no type.
func (c *Collector) typeOf(s runecast.System, before []archive.RunSystem) string {
	if t, ok := c.o.SystemTypes[s.ID]; ok {
		return t
	}
	for name, t := range c.o.SystemTypes {
		if strings.EqualFold(name, s.Name) {
			return t
		}
	}
	if s.Type == runecast.TypeUnknown {
		for _, b := range before {
			if b.ID == s.ID {
				return b.Type
			}
		}
	}
	return s.Type
}
