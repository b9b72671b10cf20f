package runecast

import "strconv"

// Issue is one rule in a system's results, without its affected objects. A
// text that is missing is empty.
type Issue struct {
	// ID and DisplayID identify the rule; either may be missing.
	ID, DisplayID string
	// Profile is the code of the profile that the rule belongs to (member type); see
	// ClassOf.
	Profile string
	// Severity and Status are words of open sets; see ParseStatus.
	Severity, Status      string
	Title, URL, AppliesTo string
	Products              []string
	// Count is affectedObjectsCount; -1 if that is missing or no number.
	Count int64
}

// ShownID returns the id that people see: the display id, else the id; empty if
// the issue has neither.
func (i *Issue) ShownID() string {
	if i.DisplayID != "" {
		return i.DisplayID
	}
	return i.ID
}

// issueWalker reads the members of issues. In v1 an issue is one flat object; in
// v2 it has a member issue, an object that defines the rule.
type issueWalker struct {
	Walker
	// brief leaves out what an Assessment does not need: severity, texts, count.
	brief bool
	// Issue holds the members of the current issue that were read so far.
	Issue Issue
	last  Issue  // the issue before: its texts are used again where they are equal
	text  []byte // memory for a text that is compared
	depth int    // how many objects of the issue are open: 2 within the member issue
}

// begin begins the next issue. A value that is no object is an issue without
// members.
func (r *issueWalker) begin() error {
	r.last, r.Issue = r.Issue, Issue{Count: -1, Products: r.last.Products[:0]}
	if r.PeekKind() != '{' {
		return r.Skip()
	}
	r.depth = 1
	_, err := r.ReadToken()
	return err
}

// members reads up to the end of the issue, or up to the value of a member
// affectedObjects: then it returns true, and the caller calls it again after
// reading that value.
func (r *issueWalker) members() (objects bool, err error) {
	for r.depth > 0 {
		if r.PeekKind() == '}' {
			if _, err := r.ReadToken(); err != nil {
				return false, err
			}
			r.depth--
			continue
		}
		name, err := r.ReadName()
		if err != nil {
			return false, err
		}
		if string(name) == "affectedObjects" {
			return true, nil
		}
		if err := r.member(name); err != nil {
			return false, err
		}
	}
	return false, nil
}

// member reads a member of an issue. A status within the member issue is skipped:
// the definition of a rule has no status on this system.
func (r *issueWalker) member(name []byte) (err error) {
	i, last, inner := &r.Issue, &r.last, r.depth > 1
	switch string(name) {
	case "issue":
		if inner || r.PeekKind() != '{' {
			return r.Skip()
		}
		r.depth++
		_, err = r.ReadToken()
	case "status":
		if inner {
			return r.Skip()
		}
		i.Status, err = r.word(last.Status)
	case "products":
		return r.Elements(r.product)
	case "id":
		i.ID, err = r.word(last.ID)
	case "issueDisplayId":
		i.DisplayID, err = r.word(last.DisplayID)
	case "type":
		i.Profile, err = r.word(last.Profile)
	default:
		return r.describe(name)
	}
	return err
}

// describe reads the members that describe a rule.
func (r *issueWalker) describe(name []byte) (err error) {
	i, last := &r.Issue, &r.last
	if r.brief {
		return r.Skip()
	}
	switch string(name) {
	case "severity":
		i.Severity, err = r.word(last.Severity)
	case "title":
		i.Title, err = r.word(last.Title)
	case "url":
		i.URL, err = r.word(last.URL)
	case "affectedObjectsCount":
		i.Count, err = r.integer()
	case "appliesTo":
		i.AppliesTo, err = r.word(last.AppliesTo)
	default:
		return r.Skip()
	}
	return err
}

func (r *issueWalker) product() error {
	return r.Members(func(name []byte) error {
		if string(name) != "name" {
			return r.Skip()
		}
		known := ""
		if n := len(r.Issue.Products); n < len(r.last.Products) {
			known = r.last.Products[n]
		}
		product, err := r.word(known)
		if product != "" {
			r.Issue.Products = append(r.Issue.Products, product)
		}
		return err
	})
}

// word reads a text. If the text equals known, it returns known, which needs no
// new memory.
func (r *issueWalker) word(known string) (string, error) {
	if r.PeekKind() == '"' && known != "" {
		text, plain, err := r.ReadString()
		if err != nil || plain && string(text) == known {
			return known, err
		}
		if r.text = appendText(r.text[:0], text, plain); string(r.text) == known {
			return known, nil
		}
		return string(r.text), nil
	}
	return r.Text()
}

// integer reads a number that may be written as a string; -1 if it is none.
func (r *issueWalker) integer() (int64, error) {
	text, err := r.Text()
	if f, bad := strconv.ParseFloat(text, 64); err == nil && bad == nil && f >= 0 && f <= 1<<53 {
		return int64(f), nil
	}
	return -1, err
}
