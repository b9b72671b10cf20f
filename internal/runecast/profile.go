package runecast

import "strings"

// Class is what kind of rule a profile code (the member type of an issue)
// stands for. Only rules of security profiles say something about compliance.
type Class int

const (
	// NoProfile: the rule names no profile.
	NoProfile Class = iota
	// Security: a profile of a standard, such as CIS or PCI DSS. The codes are an
	// open set: every one that is none of the others.
	Security
	// Knowledge: a knowledge-base article of the vendor, code KB.
	Knowledge
	// BestPractice: a best practice of the vendor, code BP.
	BestPractice
	// Vulnerability: a known vulnerability of a product, code VUL.
	Vulnerability
)

// String returns the profile code of a class that has one code alone, else words
// for people.
func (c Class) String() string {
	switch c {
	case Knowledge:
		return "KB"
	case BestPractice:
		return "BP"
	case Vulnerability:
		return "VUL"
	case Security:
		return "security profile"
	}
	return "no profile"
}

// NormalCode returns a profile code in the form in which codes are compared: in
// upper case, without white space around it.
func NormalCode(code string) string { return strings.ToUpper(strings.TrimSpace(code)) }

// ClassOf returns the class of a profile code.
func ClassOf(code string) Class {
	switch NormalCode(code) {
	case "":
		return NoProfile
	case "KB":
		return Knowledge
	case "BP":
		return BestPractice
	case "VUL":
		return Vulnerability
	}
	return Security
}
