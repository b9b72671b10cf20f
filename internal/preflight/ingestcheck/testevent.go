package ingestcheck

import (
	"context"
	"fmt"

	"runecast-ingest/internal/openpipeline"
	"runecast-ingest/internal/preflight"
	"runecast-ingest/internal/securityevent"
)

// testEvent sends one event that no dashboard counts, if that was requested.
func (c *check) testEvent(ctx context.Context) preflight.Row {
	if !c.sendTestEvent {
		return preflight.Unproven(`not asked for: {"action":"check","sendTestEvent":true} sends one, which no dashboard counts`, "")
	}
	limited, cancel := context.WithTimeout(ctx, preflight.CallTime)
	defer cancel()
	scan := c.o.NewID()
	result := c.ingest.Send(limited, c.marked(scan), c.Now().Add(preflight.CallTime))
	if result.Outcome == openpipeline.Accepted {
		return preflight.Passed(fmt.Sprintf(`accepted (202); a few minutes later this finds it: fetch security.events | filter scan.id == "%s"`, scan))
	}
	row := preflight.FailedBy(result.Err)
	switch {
	case result.Outcome == openpipeline.Refused:
		row.Cure = "check OPENPIPELINE_URL; if it is the ingest of security events, send this report to the maintainers of this function"
	case row.Cure == "":
		row.Cure = openpipeline.CheckAgain
	}
	return row
}

// marked returns the body with the test event: a finding whose texts say that it is a
// test. No dashboard shows it, since its scan has no scan event, and no query counts it
// as failed, since its status is not relevant.
func (c *check) marked(scan string) []byte {
	const id = "runecast-ingest/check"
	e := securityevent.NewEncoder(securityevent.Both, &securityevent.Scan{ID: scan, Name: "Test of runecast-ingest", SystemID: id})
	e.SetRule(&securityevent.Rule{
		RuleID: "TEST-1", Title: "Test event of runecast-ingest", Reason: "Sent by hand to prove the way to Dynatrace; it says nothing about any system.",
		Severity: securityevent.Low, Status: securityevent.NotRelevant, VendorStatus: string(securityevent.NotRelevant),
		StandardShortName: "TEST", IssueID: "1", Profile: "TEST",
	})
	f := &securityevent.Finding{ObjectID: []byte(id), ObjectName: []byte("Test of runecast-ingest"), ObjectType: []byte("TEST")}
	return append(e.Append([]byte{'['}, f, c.Now()), ']')
}
