package runecast

import "io"

// Licences are what an appliance says of its licences.
type Licences struct {
	// Unlicensed is how many hosts have no licence, as the appliance sent it; empty
	// if it did not say.
	Unlicensed string
	// List holds the licences in the appliance's order.
	List []Licence
}

// Licence is one licence; its texts are as the appliance sent them and may be empty.
type Licence struct {
	Name string
	// ValidUntil is a date or time in the appliance's own form.
	ValidUntil string
}

// DecodeLicences reads v1's list of licences, of at most 8 MiB. A document without
// a list has no licences; one that is cut or not JSON is an error.
func DecodeLicences(r io.Reader) (Licences, error) {
	var doc struct {
		Unlicensed loose `json:"unlicensedHosts"`
		Licences   []struct {
			Name       loose `json:"name"`
			ValidUntil loose `json:"validUntil"`
		} `json:"licenses"`
	}
	if err := small(r, &doc); err != nil {
		return Licences{}, err
	}
	all := Licences{Unlicensed: string(doc.Unlicensed)}
	for _, l := range doc.Licences {
		all.List = append(all.List, Licence{string(l.Name), string(l.ValidUntil)})
	}
	return all, nil
}
