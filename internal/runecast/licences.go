package runecast

import "io"

// Licences are what an appliance says of its licences.
type Licences struct {
	// Unlicensed is how many hosts have none, as sent; empty if it does not say.
	Unlicensed string
	List       []Licence
}

// Licence is one licence, its members as sent; they may be empty.
type Licence struct {
	Name       string
	ValidUntil string
}

// DecodeLicences reads v1's list of licences.
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
