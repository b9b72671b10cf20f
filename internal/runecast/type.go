// Package runecast is what a Runecast Analyzer says: its systems, its scans and
// their results, in both generations of its API. It promises that results pass
// byte for byte and in bounded memory at any size, and that a document which is
// cut, malformed or of another kind is an error and never a result. It does no
// I/O but on the readers and writers that it is given. The API is not publicly
// specified: member names are those that public client scripts prove, everything
// else is tolerated.
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

// evidence collects what tells a system's type. API v1 names none; the first
// decisive product of its issues does, then the form of its objects' ids.
type evidence struct{ product, object string }

// kindOf gives the type of a system by all there is to know of it.
func kindOf(id string, inVCenters bool, seen evidence) string {
	switch {
	case inVCenters:
		return TypeVCenter
	case strings.HasPrefix(id, "cluster-"): // how public inventories show Kubernetes clusters
		return TypeKubernetes
	case seen.product != "":
		return seen.product
	case seen.object != "":
		return seen.object
	}
	return TypeUnknown
}

// decided tells that nothing better can be found out.
func (k *evidence) decided() bool { return k.product != "" }

func (k *evidence) products(w *walker) error {
	if k.product != "" {
		return w.skip()
	}
	return w.elements(func() error {
		return w.members(func(name []byte) error {
			if string(name) != "name" || k.product != "" {
				return w.skip()
			}
			text, err := w.text()
			k.product = productType(text)
			return err
		})
	})
}

func (k *evidence) objects(w *walker) error {
	if k.product != "" || k.object != "" {
		return w.skip()
	}
	return w.elements(func() error {
		if k.object != "" {
			return w.skip()
		}
		return w.members(func(name []byte) error {
			if string(name) != "moid" {
				return w.skip()
			}
			text, err := w.text()
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
