package securityevent

import "bytes"

// Platform says how to read the ids of a system's objects. ARNs and Azure resource
// ids are recognised on any platform.
type Platform int

const (
	// OtherPlatform: ids prove nothing.
	OtherPlatform Platform = iota
	// AWS: ids of EC2, such as i-0123456789abcdef0.
	AWS
	// GCP: full resource names and self links.
	GCP
	// Kubernetes: the object's UID; its name may begin with its namespace.
	Kubernetes
)

// place adds what an object's own id and type prove about where it is:
// aws.region, azure.subscription, k8s.namespace.name … Dynatrace's permissions may
// depend on some of these fields, so a wrong value is worse than a missing one:
// nothing is guessed, and ids of other forms add nothing.
func (o object) place(s *Scan, f *Finding) object {
	id := f.native()
	switch {
	case hasPrefix(id, "arn:aws"):
		return o.arn(s, id)
	case hasPrefix(id, "/subscriptions/"):
		return o.azure(id)
	}
	switch s.Platform {
	case AWS:
		return o.ec2(id, f.ObjectName)
	case GCP:
		return o.gcp(id)
	case Kubernetes:
		return o.kubernetes(id, f)
	}
	return o
}

// native returns the object's id within its system: what follows the system's id.
func (f *Finding) native() []byte {
	if i := bytes.IndexByte(f.ObjectID, '/'); i > 0 && !hasPrefix(f.ObjectID, "arn:") {
		return f.ObjectID[i+1:]
	}
	return f.ObjectID
}

func hasPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}

// arn reads arn:partition:service:region:account:resource, whose resource is
// an id, or its kind and its id with a slash or colon between.
func (o object) arn(s *Scan, arn []byte) object {
	var parts [5][]byte
	resource := arn
	for i := range parts {
		var ok bool
		if parts[i], resource, ok = bytes.Cut(resource, []byte{':'}); !ok {
			return o
		}
	}
	service, region, account := parts[2], parts[3], parts[4]
	if len(region) > 0 {
		o = o.bytes("aws.region", region)
	}
	if isAccount(account) && !s.has("aws.account.id") {
		o = o.bytes("aws.account.id", account)
	}
	switch string(service) {
	case "s3", "sns", "sqs": // the resource has no kind in front
	default:
		resource = resource[bytes.IndexFunc(resource, func(r rune) bool { return r == '/' || r == ':' })+1:]
	}
	if len(resource) > 0 {
		o = o.bytes("aws.resource.id", resource)
	}
	return o
}

// isAccount reports whether b is an AWS account number: 12 digits.
func isAccount(b []byte) bool { return len(b) == 12 && only(b, isDigit) }

// only reports whether all bytes of b are of the kind.
func only(b []byte, kind func(byte) bool) bool {
	for _, c := range b {
		if !kind(c) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c >= 'a' && c <= 'z' }
func isHex(c byte) bool    { return isDigit(c) || c >= 'a' && c <= 'f' }

// ec2 reads the ids of EC2: letters, a hyphen, and 8 or 17 hexadecimal digits. The
// name of an instance is its tag "Name", which aws.resource.name is meant for.
func (o object) ec2(id, name []byte) object {
	kind, number, _ := bytes.Cut(id, []byte{'-'})
	if len(kind) == 0 || !only(kind, isLetter) || len(number) != 8 && len(number) != 17 || !only(number, isHex) {
		return o
	}
	o = o.bytes("aws.resource.id", id)
	if string(kind) == "i" && len(name) > 0 && !bytes.Equal(name, id) {
		o = o.bytes("aws.resource.name", name)
	}
	return o
}

// azure reads /subscriptions/<id>[/resourceGroups/<name>][/providers/<namespace>/<type>/<name> …].
func (o object) azure(id []byte) object {
	subscription, rest, _ := bytes.Cut(id[len("/subscriptions/"):], []byte{'/'})
	if len(subscription) == 0 {
		return o
	}
	o = o.bytes("azure.subscription", subscription)
	if word, after, _ := bytes.Cut(rest, []byte{'/'}); bytes.EqualFold(word, []byte("resourceGroups")) {
		var group []byte
		if group, rest, _ = bytes.Cut(after, []byte{'/'}); len(group) > 0 {
			o = o.bytes("azure.resource.group", group)
		}
	}
	if i := bytes.LastIndexByte(rest, '/'); hasPrefix(rest, "providers/") && i+1 < len(rest) {
		o = quoteID(o.key("azure.resource.id"), id)
		o = o.bytes("azure.resource.name", rest[i+1:])
	}
	return o
}

// gcp reads full resource names and self links: …/projects/<id>/…
func (o object) gcp(id []byte) object {
	i := bytes.Index(id, []byte("projects/"))
	if i < 0 || i > 0 && id[i-1] != '/' {
		return o
	}
	if project, _, _ := bytes.Cut(id[i+len("projects/"):], []byte{'/'}); len(project) > 0 {
		o = o.bytes("gcp.project.id", project)
	}
	return o
}

// kubernetes reads an object's kind, its UID, and its name. The name stands alone, or
// as <namespace>/<name>: neither can hold a slash.
func (o object) kubernetes(id []byte, f *Finding) object {
	var name, uid string
	switch string(f.ObjectType) {
	case "Pod":
		name, uid = "k8s.pod.name", "k8s.pod.uid"
	case "Namespace":
		name, uid = "k8s.namespace.name", "k8s.namespace.uid"
	case "Node":
		name = "k8s.node.name"
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob":
		name, uid = "k8s.workload.name", "k8s.workload.uid"
	default:
		return o
	}
	namespace, own, below := bytes.Cut(f.ObjectName, []byte{'/'})
	switch {
	case !below:
		own = f.ObjectName
	case name != "k8s.pod.name" && name != "k8s.workload.name" || len(namespace) == 0 || bytes.IndexByte(own, '/') >= 0:
		return o
	default:
		o = o.bytes("k8s.namespace.name", namespace)
	}
	if len(own) > 0 {
		o = o.bytes(name, own)
	}
	if first, _, _ := bytes.Cut(id, []byte{'/'}); uid != "" && isUUID(first) {
		o = o.bytes(uid, first)
	}
	return o
}

// isUUID reports whether b has the form 8-4-4-4-12 in hexadecimal digits.
func isUUID(b []byte) bool {
	return len(b) == 36 && b[8] == '-' && b[13] == '-' && b[18] == '-' && b[23] == '-' &&
		only(b, func(c byte) bool { return c == '-' || isHex(c) || c >= 'A' && c <= 'F' }) && bytes.Count(b, []byte{'-'}) == 4
}
