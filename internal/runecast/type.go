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

// evidence is what shows a system's type. API v1 names none; the first decisive
// product of its issues does, then the form of its objects' ids.
type evidence struct{ product, object string }

// typeOf returns the type of a system by its id and what was seen in its results.
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

// decided reports whether nothing better can be found out.
func (k *evidence) decided() bool { return k.product != "" }

func (k *evidence) products(names []string) {
	for _, name := range names {
		if k.product == "" {
			k.product = productType(name)
		}
	}
}

// objects looks at a list of objects.
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
// A name says what a product is before it says whose it is ("Amazon EKS", "Amazon
// Linux"), so the more specific word counts; where it runs or what it goes with
// ("OpenShift on AWS", "vSphere with Tanzu") is no evidence of what it is. Words are
// whole: "Lawson" is no AWS.
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

func objectType(moid string) string {
	switch {
	case strings.HasPrefix(moid, "/subscriptions/"):
		return TypeAzure
	case strings.HasPrefix(moid, "arn:aws"):
		return TypeAWS
	}
	return ""
}
