package runecast

import (
	"strings"
	"unicode"
)

// Types of systems, as the archive and the dashboard name them.
const (
	TypeVCenter    = "VCENTER"
	TypeAWS        = "AWS"
	TypeAzure      = "AZURE"
	TypeGCP        = "GCP"
	TypeKubernetes = "KUBERNETES_CLUSTER"
	TypeNSXT       = "NSXT"
	TypeHorizon    = "HORIZON"
	TypeVCD        = "VCD"
	TypeWindows    = "WINDOWS"
	TypeLinux      = "LINUX"
	TypeUnknown    = "UNKNOWN"
)

// KnownTypes returns the types that a system may have, without the unknown one.
func KnownTypes() []string {
	return []string{TypeVCenter, TypeAWS, TypeAzure, TypeGCP, TypeKubernetes, TypeNSXT, TypeHorizon, TypeVCD, TypeWindows, TypeLinux}
}

// evidence holds the types that a system's results show, "" if they show none. API
// v1 does not name a system's type. product is the type that the first telling
// product of its issues shows, object the type that the first telling id of an
// object shows; product counts more.
type evidence struct{ product, object string }

// typeOf returns the type of a system by its id, else by its results.
func typeOf(id string, seen evidence) string {
	switch {
	case strings.HasPrefix(id, "cluster-"): // how public inventories show Kubernetes clusters
		return TypeKubernetes
	case seen.product != "":
		return seen.product
	case seen.object != "":
		return seen.object
	}
	return TypeUnknown
}

// decided reports whether reading on cannot change the type.
func (k *evidence) decided() bool { return k.product != "" }

func (k *evidence) products(names []string) {
	for _, name := range names {
		if k.product == "" {
			k.product = productType(name)
		}
	}
}

// objects reads a list of affected objects up to the first telling id.
func (k *evidence) objects(w Walker) error {
	if k.product != "" || k.object != "" {
		return w.Skip()
	}
	return w.Elements(func() error {
		if k.object != "" {
			return w.Skip()
		}
		return w.Members(func(name []byte) error {
			if string(name) != "moid" {
				return w.Skip()
			}
			text, err := w.Text()
			k.object = objectType(text)
			return err
		})
	})
}

// productType returns the type that a product's name shows, "" if it shows none.
// In "Amazon EKS" and "Amazon Linux" the word for the product counts before the
// vendor's: the list below is in that order. The words behind "on" and "with" do
// not count: "OpenShift on AWS" and "vSphere with Tanzu" are not AWS and Tanzu.
// Words are whole: "Lawson" is no AWS.
func productType(product string) string {
	words := strings.FieldsFunc(strings.ToLower(product), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	for i, word := range words {
		if i > 0 && (word == "on" || word == "with") {
			words = words[:i]
			break
		}
		words[i] = strings.TrimRight(word, "0123456789") // a version: ESXi8
	}
	name := " " + strings.Join(words, " ") + " "
	for _, known := range []struct {
		kind  string
		words []string
	}{
		{TypeKubernetes, []string{"kubernetes", "k8s", "eks", "aks", "gke", "openshift"}},
		{TypeNSXT, []string{"nsx", "nsxt"}},
		{TypeHorizon, []string{"horizon"}},
		{TypeVCD, []string{"cloud director", "vcd"}},
		{TypeWindows, []string{"windows"}},
		{TypeLinux, []string{"linux", "rhel"}},
		{TypeVCenter, []string{"vsphere", "esx", "esxi", "vcenter"}},
		{TypeAWS, []string{"aws", "amazon"}},
		{TypeAzure, []string{"azure"}},
		{TypeGCP, []string{"gcp", "google"}},
	} {
		for _, word := range known.words {
			if strings.Contains(name, " "+word+" ") {
				return known.kind
			}
		}
	}
	return ""
}

// objectType returns the type that the form of an object's id shows, "" if it shows
// none.
func objectType(moid string) string {
	switch {
	case strings.HasPrefix(moid, "/subscriptions/"):
		return TypeAzure
	case strings.HasPrefix(moid, "arn:aws"):
		return TypeAWS
	}
	return ""
}
