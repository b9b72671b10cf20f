package appliance

import (
	"regexp"
	"strings"
)

// API v1 tells no system's type, and only a vCenter's name. Both are inferred from the
// results, by the rules below.

// unknownType is the type of a system about which the results have no clue.
const unknownType = "UNKNOWN"

// productTypes tell a system's type by a word in the name of a product that
// one of its issues is about; the first match counts. Products that run on a cloud
// come before the clouds.
var productTypes = []struct {
	words      *regexp.Regexp
	systemType string
}{
	{named(`kubernetes|k8s|eks|aks|gke|openshift`), "KUBERNETES_CLUSTER"},
	{named(`nsx|nsxt`), "NSXT"},
	{named(`horizon`), "HORIZON"},
	{named(`cloud director|vcd`), "VCD"},
	{named(`windows`), "WINDOWS"},
	{named(`linux|rhel`), "LINUX"},
	{named(`vsphere|esxi?|vcenter`), "VCENTER"},
	{named(`aws|amazon`), "AWS"},
	{named(`azure`), "AZURE"},
	{named(`gcp|google`), "GCP"},
}

// named returns a pattern for names that hold one of these whole words, with or
// without a number at the word's end, in any letter case.
func named(words string) *regexp.Regexp {
	return regexp.MustCompile(`(?i)^(?:.*[^\pL\pN])?(?:` + words + `)[0-9]*(?:[^\pL\pN].*)?$`)
}

// behind matches the end of a product's name that says where it runs or with what, as
// " on AWS". Its first group is the character before.
var behind = regexp.MustCompile(`(?i)(.)[^\pL\pN]+(?:on|with)(?:[^\pL\pN].*)?$`)

// nameMembers may carry a system's name; none is proven. The first counts.
var nameMembers = []string{"name", "viewName", "displayName", "address"}

// clues are the hints of an element of the results at its system's type and name.
type clues struct {
	uid     string
	names   map[string]string // by member
	product string            // system type by the first decisive product
	object  string            // system type by the first decisive object id
}

// addProduct infers the type from an issue's product, if that is still open.
func (c *clues) addProduct(name string) {
	if c.product != "" {
		return
	}
	name = behind.ReplaceAllString(name, "$1")
	for _, known := range productTypes {
		if known.words.MatchString(name) {
			c.product = known.systemType
			return
		}
	}
}

// addObject infers the type from an object's id, if that is still open.
func (c *clues) addObject(moid string) {
	switch {
	case c.object != "":
	case strings.HasPrefix(moid, "/subscriptions/"):
		c.object = "AZURE"
	case strings.HasPrefix(moid, "arn:aws"):
		c.object = "AWS"
	}
}

// systemType returns the type of a system that is not listed as a vCenter.
func (c *clues) systemType() string {
	switch {
	case strings.HasPrefix(c.uid, "cluster-"):
		return "KUBERNETES_CLUSTER"
	case c.product != "":
		return c.product
	case c.object != "":
		return c.object
	default:
		return unknownType
	}
}

// name returns the name that the element carries, else the uid.
func (c *clues) name() string {
	for _, member := range nameMembers {
		if name := c.names[member]; name != "" {
			return name
		}
	}
	return c.uid
}
