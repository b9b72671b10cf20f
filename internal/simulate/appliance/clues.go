package appliance

import (
	"regexp"
	"strings"
)

// API v1 names no system types, and names only of vCenters. Both are read off
// the results, by the rules below.

// unknownType is the type of a system that nothing tells about.
const unknownType = "UNKNOWN"

// productTypes tell a system's type by a word in the name of a product that
// one of its issues is about; the first match counts. What runs on a cloud stands
// before the cloud.
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

// named finds whole words, a number at their end left out, in the part of a
// name before "on" or "with".
func named(words string) *regexp.Regexp {
	return regexp.MustCompile(`(?i)^(?:.*[^\pL\pN])?(?:` + words + `)[0-9]*(?:[^\pL\pN].*)?$`)
}

// behind is where a product runs, or what it goes with.
var behind = regexp.MustCompile(`(?i)(.)[^\pL\pN]+(?:on|with)(?:[^\pL\pN].*)?$`)

// nameMembers may carry a system's name; none is proven. The first counts.
var nameMembers = []string{"name", "viewName", "displayName", "address"}

// clues are what an element of the results tells about its system.
type clues struct {
	uid     string
	names   map[string]string // by member
	product string            // system type by the first decisive product
	object  string            // system type by the first decisive object id
}

// addProduct takes note of an issue's product.
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

// addObject takes note of an object's id.
func (c *clues) addObject(moid string) {
	switch {
	case c.object != "":
	case strings.HasPrefix(moid, "/subscriptions/"):
		c.object = "AZURE"
	case strings.HasPrefix(moid, "arn:aws"):
		c.object = "AWS"
	}
}

// systemType weighs the clues to a system that is no known vCenter.
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

// name is the one that the element carries, else the uid.
func (c *clues) name() string {
	for _, member := range nameMembers {
		if name := c.names[member]; name != "" {
			return name
		}
	}
	return c.uid
}
