package appliance

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// check is one entry of the catalogue. It is the same on every system of its
// platform, so that findings of one rule can be added up across systems.
type check struct {
	number    int // unique in the estate
	id        jsontext.Value
	displayID string
	affects   string
	layer     string
	severity  string
	profile   string
	title     *string
	url       string
	setting   string
	kind      objectKind
}

// firstNumber is where the numbering of checks begins.
const firstNumber = 60_001

// unknownSeverity is made up: the known ones are Critical to Low.
const unknownSeverity = "Informational"

var (
	severities = []string{"Critical", "Major", "Medium", "Low", "Major", "Medium", "Major", "Low", "Medium", unknownSeverity}
	areas      = []string{"Security", "Availability", "Manageability", "Performance", "Recoverability"}

	// prefixes begin the display ids of these profiles; those of any other profile
	// begin with its code.
	prefixes = map[string]string{"PCI_DSS": "PCI", "ISO27001": "ISO", "SH": "SCG"}
)

// newChecks makes a platform's checks, numbered from first on. compliance is the
// number of those of compliance profiles, which come first. About a seventh as many
// knowledge articles, best practices and vulnerabilities follow.
func newChecks(seed uint64, p *platform, compliance, first int) []*check {
	knowledge := compliance/7 + len(knowledgeProfiles)
	checks := make([]*check, 0, compliance+knowledge)
	for i := range compliance {
		c := newCheck(seed, p, p.profiles[i%len(p.profiles)], first+i, i)
		if i%9 == 8 {
			c.joinTwin(checks[i-1])
		}
		checks = append(checks, c)
	}
	for i := range knowledge {
		profile := knowledgeProfiles[i%len(knowledgeProfiles)]
		checks = append(checks, newCheck(seed, p, profile, first+compliance+i, i))
	}
	return checks
}

func newCheck(seed uint64, p *platform, profile string, number, i int) *check {
	random := rand.New(rand.NewPCG(seed, uint64(number)))
	c := &check{
		number:    number,
		id:        checkID(number),
		displayID: displayID(profile, number, i),
		affects:   areas[random.IntN(len(areas))],
		layer:     p.layers[random.IntN(len(p.layers))],
		severity:  severities[random.IntN(len(severities))],
		profile:   profile,
		setting:   p.settings[random.IntN(len(p.settings))],
		kind:      p.kinds[random.IntN(len(p.kinds))],
	}
	c.title = title(c.setting, number)
	if number%4 != 0 {
		c.url = fmt.Sprintf("https://knowledge.example/%s/%d?a=1&b=%%22", strings.ToLower(profile), number)
	}
	return c
}

// joinTwin makes c the same check as other in a profile of its own. The two issues
// have equal display ids, severities and titles, but different ids.
func (c *check) joinTwin(other *check) {
	c.displayID, c.severity, c.title = other.displayID, other.severity, other.title
	c.setting, c.kind = other.setting, other.kind
}

// checkID returns the number as a JSON string, or of every eleventh check as a number.
func checkID(number int) jsontext.Value {
	if number%11 == 0 {
		return jsontext.Value(strconv.Itoa(number))
	}
	return jsontext.Value(strconv.Quote(strconv.Itoa(number)))
}

// displayID returns a display id that begins with the profile's prefix, or has none.
// No display id of a real appliance is public.
func displayID(profile string, number, i int) string {
	switch bare := i%5 == 3 || i%9 == 7; {
	case profile == profileKB:
		return strconv.Itoa(2_100_000 + number)
	case profile == profileVUL:
		return fmt.Sprintf("CVE-2025-%d", number)
	case bare && profile == "STIG":
		return fmt.Sprintf("V-%d", 200_000+number)
	case bare:
		return strconv.Itoa(number)
	default:
		prefix, ok := prefixes[profile]
		if !ok {
			prefix = profile
		}
		return fmt.Sprintf("%s-%d", prefix, number)
	}
}

// title returns a check's title; nil for some checks, since real documents have null.
func title(setting string, number int) *string {
	var text string
	switch number % 37 {
	case 5:
		return nil
	case 11:
		text = fmt.Sprintf(`%d: Set "%s" to 'on' \ <b>never</b> to "off"`, number, setting)
	case 17:
		text = fmt.Sprintf("%d: „%s“ prüfen – 設定を確認 ✅\tund\nneu bewerten", number, setting)
	default:
		text = fmt.Sprintf("%d: Ensure %s is configured as required", number, setting)
	}
	return &text
}

func (c *check) catalogueEntry() catalogueEntry {
	entry := catalogueEntry{
		ID: c.id, Affects: c.affects, AppliesTo: c.layer, Severity: c.severity,
		Type: c.profile, Title: c.title, URL: c.url, Updated: "2025-04-25T00:00:00.000Z",
	}
	if c.number%13 == 0 {
		entry.Annotation = "agreed with operations: “next maintenance window”"
	}
	if c.profile == "STIG" {
		entry.STIGID = ref(fmt.Sprintf("EXPL-80-%06d", c.number))
		entry.VulnID = ref(fmt.Sprintf("V-%d", 200_000+c.number))
		entry.STIGSection = ref("CAT II")
		entry.Check = ref("Review the setting " + c.setting + ". If it differs from the site's policy, this is a finding.")
		entry.Fix = ref("Configure " + c.setting + " as the site's policy says.")
	}
	return entry
}

func ref(s string) *string { return &s }

// catalogue is the document of /issues. It is written entry by entry.
type catalogue struct {
	Issues catalogueEntries `json:"issues"`
}

type catalogueEntries struct {
	checks  []*check
	profile string // "" = all
}

// MarshalJSONTo writes one entry after the other.
func (c catalogueEntries) MarshalJSONTo(enc *jsontext.Encoder) error {
	if err := enc.WriteToken(jsontext.BeginArray); err != nil {
		return err
	}
	for _, check := range c.checks {
		if c.profile != "" && c.profile != check.profile {
			continue
		}
		if err := json.MarshalEncode(enc, check.catalogueEntry()); err != nil {
			return err
		}
	}
	return enc.WriteToken(jsontext.EndArray)
}

func (e *estate) writeIssues(w io.Writer, profile string) error {
	return json.MarshalWrite(w, catalogue{Issues: catalogueEntries{checks: e.checks, profile: profile}}, lenient)
}
