package appliance

import (
	"cmp"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

// estate is a seeded set of systems. It holds the plan of every issue, a few
// dozen bytes each; objects and their evidence are made while they are sent.
type estate struct {
	seed   uint64
	list   []*system
	checks []*check
}

// system is one connected system of an estate.
type system struct {
	System
	platform *platform
	space    uuid.UUID // name space of the UUIDs of its objects
	label    string    // part of the names of its objects
	v2ID     int
	viewName string // as API v2 names it
	// memberName is sent as the element's name; API v1 is not proven to have one.
	memberName string
	regions    []string // uids of an account's regions
	failing    int      // how many of a block's blockVaries checks fail; different for each system
	// lateStatus puts scanStatus after issues, showsRunning shows the status RUNNING
	// while a scan runs, startStamped is as in course.
	lateStatus, showsRunning, startStamped bool
	plan                                   []plannedIssue
}

// plannedIssue is a check's outcome on a system.
type plannedIssue struct {
	*check
	shape
	weight                 int // its part of the objects that scale hands out
	first, listed, counted int // index of the first object, length of the list, affectedObjectsCount
}

// newEstate plans eight systems of seven types with about as many rows as the
// options ask for. No two systems have the same posture, so that a test notices
// when the results of two systems are mixed up.
func newEstate(o Options) *estate {
	seed, findings := o.Seed, o.Findings
	e := &estate{seed: seed, list: newSystems(seed)}
	byPlatform := map[*platform][]*check{}
	number := firstNumber
	for _, p := range platforms {
		compliance := blockSize * max(1, p.checks*min(findings, fullEstate)/fullEstate/blockSize)
		byPlatform[p] = newChecks(seed, p, compliance, number)
		number += len(byPlatform[p])
		e.checks = append(e.checks, byPlatform[p]...)
	}
	for i, s := range e.list {
		s.schedule(rand.New(rand.NewPCG(seed, uint64(i))), byPlatform[s.platform])
	}
	e.scale(findings)
	if o.HugeIssue > 0 {
		e.list[0].swell(o.HugeIssue)
	}
	if o.speaksV2() {
		e.nameForV2()
	}
	return e
}

// fullEstate is the number of findings from which on an estate has all its checks.
// With more findings only the number of affected objects grows.
const fullEstate = 10_000

func newSystems(seed uint64) []*system {
	var key [32]byte
	copy(key[:], seedBytes(seed))
	random := rand.NewChaCha8(key)
	list := []*system{
		{platform: vsphere, failing: 5, label: "vc1.example", viewName: "VC1.Example", System: System{Name: "vc1.example"}},
		{platform: vsphere, failing: 12, label: "vc2.example", viewName: "vc2.example", System: System{Name: "vc2.example"}, showsRunning: true, lateStatus: true, startStamped: true},
		{platform: nsxt, failing: 8, label: "nsx.example", viewName: "nsx.example"},
		{platform: aws, failing: 6, label: "example-prod", viewName: awsAccount + " (prod)", memberName: awsAccount + " (prod)", showsRunning: true},
		{platform: azure, failing: 7, label: "example", viewName: "example.onmicrosoft.com", memberName: "example.onmicrosoft.com", lateStatus: true},
		{platform: gcp, failing: 3, label: "example", viewName: gcpProject, showsRunning: true, startStamped: true},
		{platform: kubernetes, failing: 10, label: "shop", viewName: "192.0.2.51", lateStatus: true, startStamped: true},
		{platform: horizon, failing: 1, label: "horizon.example", viewName: "horizon.example", showsRunning: true},
	}
	for i, s := range list {
		s.v2ID = firstV2ID + 6*i
		s.Type = s.platform.systemType
		s.space, _ = uuid.NewRandomFromReader(random) // ChaCha8 never fails
		s.ID = s.space.String()
		switch s.platform {
		case aws: // an account and its regions are name-based UUIDs
			s.ID = uuid.NewSHA1(s.space, []byte(awsAccount)).String()
			for _, region := range []string{"eu-central-1", "us-east-1", "ap-southeast-2"} {
				s.regions = append(s.regions, uuid.NewSHA1(s.space, []byte(region)).String())
			}
		case kubernetes:
			s.ID = "cluster-" + s.ID
		}
		s.Name = cmp.Or(s.Name, s.memberName, s.ID)
	}
	return list
}

// schedule gives every check a shape: compliance checks block by block, so that each
// system shows every shape.
func (s *system) schedule(random *rand.Rand, checks []*check) {
	block := newBlock(s.failing)
	var order []int
	for i, c := range checks {
		planned := plannedIssue{check: c}
		if slices.Contains(knowledgeProfiles, c.profile) {
			planned.shape = knowledgeShapes[i%len(knowledgeShapes)]
		} else {
			if i%len(block) == 0 {
				order = random.Perm(len(block))
			}
			planned.shape = block[order[i%len(block)]]
		}
		if planned.scaled {
			planned.weight = 1 + random.IntN(10)
		}
		s.plan = append(s.plan, planned)
	}
}

// scale gives every issue its objects so that all rows together are as many as
// findings says: exactly, unless that is below the least number of rows.
func (e *estate) scale(findings int) {
	spare, total := findings, 0
	for _, s := range e.list {
		for _, planned := range s.plan {
			spare -= planned.rows
			total += planned.weight
		}
	}
	spare = max(0, spare)
	random := rand.New(rand.NewPCG(e.seed, uint64(findings)))
	weight, dealt := 0, 0
	for _, s := range e.list {
		for i := range s.plan {
			planned := &s.plan[i]
			size := 2 + random.IntN(3)
			if planned.scaled {
				weight += planned.weight
				upTo := spare * weight / total
				size, dealt = 1+upTo-dealt, upTo
			}
			planned.size(size, random)
		}
	}
}

// size sets how many objects are listed and counted, and where in the
// system's inventory they begin: often at its first object, so that one
// object fails many rules.
func (p *plannedIssue) size(n int, random *rand.Rand) {
	switch p.objects {
	case objectsAll:
		p.listed, p.counted = n, n
	case objectsCut:
		p.listed, p.counted = n, n+1+n/2
	case objectsUnlisted:
		p.counted = n
	case objectsSurplus:
		p.listed, p.counted = n+2, n
	case objectsUnasked:
		p.listed = n
	case objectsNone, objectsNull, objectsMissing:
	}
	if p.listed > 0 && random.IntN(2) == 0 {
		p.first = random.IntN(p.listed)
	}
}

// swell gives the system's first failed compliance check with a full list n objects.
func (s *system) swell(n int) {
	for i := range s.plan {
		if p := &s.plan[i]; p.status == "FAIL" && p.objects == objectsAll && p.scaled {
			p.first, p.listed, p.counted = 0, n, n
			return
		}
	}
}

func (e *estate) systems() []System {
	list := make([]System, 0, len(e.list))
	for _, s := range e.list {
		list = append(list, s.System)
	}
	return list
}

func (e *estate) licensed() []licensedHost {
	var hosts []licensedHost
	for _, s := range e.list {
		if s.platform != vsphere {
			continue
		}
		for i := range 4 {
			moid, name := vsphere.kinds[0].locate(s, i)
			hosts = append(hosts, licensedHost{VCUID: s.ID, MOID: moid, Name: name, CPUs: cpusPerHost})
		}
	}
	return hosts
}

func (e *estate) writeVCenters(w io.Writer, analyses map[string]analysis) error {
	document := vcenters{VCenters: []vcenter{}}
	for _, s := range e.list {
		if s.platform == vsphere && !analyses[s.ID].gone {
			document.VCenters = append(document.VCenters, vcenter{
				UID: s.ID, Address: s.label, Plugin: pluginStatus{Installed: true, Version: "4.7.5.0"},
			})
		}
	}
	return json.MarshalWrite(w, document)
}

func (e *estate) writeResults(w io.Writer, analyses map[string]analysis, detectedOnly bool) error {
	return json.MarshalWrite(w, results{Results: elements{estate: e, analyses: analyses, detectedOnly: detectedOnly}}, lenient)
}

// seedBytes returns the seed as eight bytes, to derive identifiers from.
func seedBytes(seed uint64) []byte { return binary.BigEndian.AppendUint64(nil, seed) }

// evidenceRandom returns the random numbers for the evidence of one issue on one
// system. They are the same each time, whatever else was sent before.
func (s *system) evidenceRandom(number int) *rand.Rand {
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(s.space[:]), uint64(number)))
}

// raw marks JSON that is sent as it stands.
func raw(text string) jsontext.Value { return jsontext.Value(text) }
