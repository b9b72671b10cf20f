package runecast

import "testing"

// The word for the product counts before those for its platform and its vendor.
func TestProductType(t *testing.T) {
	t.Parallel()
	for product, want := range map[string]string{
		"Amazon EKS": TypeKubernetes, "Amazon Elastic Kubernetes Service": TypeKubernetes, "Azure AKS": TypeKubernetes,
		"Azure Kubernetes Service (AKS)": TypeKubernetes, "Google Kubernetes Engine": TypeKubernetes, "Google GKE": TypeKubernetes,
		"Red Hat OpenShift Service on AWS": TypeKubernetes, "CIS Benchmark for AWS": TypeAWS, "VMware Tanzu Kubernetes Grid": TypeKubernetes, "Kubernetes on vSphere": TypeKubernetes,
		"K8s": TypeKubernetes, "OpenShift4": TypeKubernetes,
		"VMware ESX 9.0": TypeVCenter, "ESXi": TypeVCenter, "ESXi8": TypeVCenter, "VMware vSphere": TypeVCenter, "vCenter Server": TypeVCenter,
		"VMware vSphere with Kubernetes": TypeVCenter, "vSphere on AWS": TypeVCenter,
		"AWS": TypeAWS, "Amazon Web Services": TypeAWS, "AWS Foundations": TypeAWS, "VMware Cloud on AWS": "", "Oracle Database on Azure": "", "Site Director": "",
		"Microsoft Azure": TypeAzure, "GCP": TypeGCP, "Google Cloud Platform": TypeGCP,
		"VMware NSX-T": TypeNSXT, "NSX4": TypeNSXT, "NSX for vSphere": TypeNSXT, "NSX-T Data Center on AWS": TypeNSXT,
		"VMware Horizon": TypeHorizon, "Horizon Cloud on Azure": TypeHorizon, "VMware Cloud Director": TypeVCD, "vCD": TypeVCD,
		"Windows Server 2022": TypeWindows, "Windows Server on Azure": TypeWindows,
		"Amazon Linux 2": TypeLinux, "Red Hat Enterprise Linux": TypeLinux, "RHEL9": TypeLinux, "Linux on AWS": TypeLinux,
		"Lawson": "", "Weeks": "", "Teakwood": "", "": "", "on": "", "Something else": "",
	} {
		if got := productType(product); got != want {
			t.Errorf("%q shows %q, want %q", product, got, want)
		}
	}
}
