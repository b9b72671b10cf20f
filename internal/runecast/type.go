package runecast

import "strings"

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

func productType(product string) string {
	product = strings.ToLower(product)
	for _, known := range []struct {
		kind  string
		words []string
	}{
		{TypeNSXT, []string{"nsx"}},
		{TypeAWS, []string{"aws", "amazon"}},
		{TypeAzure, []string{"azure"}},
		{TypeGCP, []string{"gcp", "google"}},
		{TypeKubernetes, []string{"kubernetes", "k8s", "eks", "aks", "openshift"}},
		{TypeHorizon, []string{"horizon"}},
		{TypeVCD, []string{"cloud director", "vcd"}},
		{TypeWindows, []string{"windows"}},
		{TypeLinux, []string{"linux"}},
		{TypeVCenter, []string{"vsphere", "esxi", "vcenter"}},
	} {
		for _, word := range known.words {
			if strings.Contains(product, word) {
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
