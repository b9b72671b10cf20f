package appliance

import "strings"

// API v1 names no system types, and names only of vCenters. Both are read off
// the results, by the rules below.

// unknownType is the type of a system that nothing tells about.
const unknownType = "UNKNOWN"

// productTypes tell a system's type by a word in the name of a product that
// one of its issues is about; the first match counts.
var productTypes = []struct{ word, systemType string }{
	{"nsx", "NSXT"},
	{"aws", "AWS"}, {"amazon", "AWS"},
	{"azure", "AZURE"},
	{"gcp", "GCP"}, {"google", "GCP"},
	{"kubernetes", "KUBERNETES_CLUSTER"}, {"eks", "KUBERNETES_CLUSTER"}, {"aks", "KUBERNETES_CLUSTER"}, {"openshift", "KUBERNETES_CLUSTER"},
	{"horizon", "HORIZON"},
	{"cloud director", "VCD"}, {"vcd", "VCD"},
	{"windows", "WINDOWS"},
	{"linux", "LINUX"},
	{"vsphere", "VCENTER"}, {"esxi", "VCENTER"}, {"vcenter", "VCENTER"},
}

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
	name = strings.ToLower(name)
	for _, known := range productTypes {
		if strings.Contains(name, known.word) {
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
