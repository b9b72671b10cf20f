package deliver

import (
	"maps"
	"os"
	"strings"
	"testing"
	"time"
)

// TestModelHolds explores every world that can come of two scans of one system, with
// deliveries at the same time, and with invocations and requests that die, freeze, are
// late or are lost.
// Every decision is made by the functions of protocol.go, on real documents.
// With MODEL=full in the environment larger worlds are explored, too.
//
// In every world: no row is shown twice, what is shown or committed is
// complete, nothing older is shown than what was accepted, the register's
// timestamp grows, and sweeps alone bring everything to a good end.
func TestModelHolds(t *testing.T) {
	t.Parallel()
	cases := worlds()
	if os.Getenv("MODEL") == "full" {
		maps.Copy(cases, largerWorlds())
	}
	for name, m := range cases {
		if underRace && m.large {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			trace, explored := explore(&m)
			if trace != nil {
				t.Errorf("after %d worlds:\n%s", explored, strings.Join(trace, "\n"))
			}
			t.Logf("%d worlds in %s", explored, time.Since(began).Round(time.Millisecond))
		})
	}
}

// An invocation is dead if it takes no further step. That is not counted as a fault, but
// a takeover from it is.
func worlds() map[string]model {
	return map[string]model{
		"three invocations, no faults":             {invocations: 3},
		"lost requests and answers, 504, a zombie": {large: true, invocations: 2, limit: faults{timeouts: 1, gateway: 1, expiries: 1, lost: 1}},
		"a clock ten minutes ahead":                {invocations: 2, skew: 10 * time.Minute, limit: faults{timeouts: 1, expiries: 1}},
		"a clock a little ahead":                   {invocations: 2, skew: 3 * time.Millisecond, limit: faults{expiries: 1, lost: 1}},
		"a reservation grows old":                  {invocations: 2, limit: faults{timeouts: 1, expiries: 1, lost: 1, hours: 1}},
		"two zombies and a lost answer":            {large: true, invocations: 3, limit: faults{expiries: 2, lost: 1}},
		"an older scan is forced":                  {large: true, invocations: 3, force: true, limit: faults{expiries: 1, replays: 1}},
		"a scan is replayed":                       {large: true, invocations: 3, limit: faults{expiries: 1, replays: 1}},
		"a scan event is refused":                  {large: true, invocations: 3, limit: faults{expiries: 1, refusals: 1}},
		"a replay's scan event is refused":         {large: true, invocations: 3, limit: faults{refusals: 1, replays: 1}},
		"a day passes":                             {large: true, invocations: 2, limit: faults{expiries: 1, timeouts: 1, days: 1}},
		"a day passes over a committed scan":       {large: true, invocations: 2, limit: faults{expiries: 1, hours: 1, days: 2, refusals: 1}},
		"three scans":                              {invocations: 2, objects: 3, batches: 1, limit: faults{expiries: 1, lost: 1}},
		"three scans, two forced, two refused":     {large: true, invocations: 3, objects: 3, batches: 1, oneByOne: true, force: true, limit: faults{replays: 2, refusals: 2}},
		"three scans, two replayed, two refused":   {invocations: 3, objects: 3, batches: 1, oneByOne: true, limit: faults{replays: 2, refusals: 2}},
		"three scans, one forced, a day passes":    {large: true, invocations: 3, objects: 3, batches: 1, oneByOne: true, force: true, limit: faults{replays: 1, days: 1}},
		"another mapping is deployed":              {large: true, invocations: 2, limit: faults{expiries: 1, timeouts: 1, releases: 1}},
		"the register is lost":                     {invocations: 3, limit: faults{losses: 2}},
		"the register is lost, requests, answers":  {invocations: 2, noZombies: true, limit: faults{losses: 1, expiries: 1, timeouts: 1, lost: 1}},
		"the register is lost, one is refused":     {invocations: 3, noZombies: true, limit: faults{losses: 1, refusals: 1}},
		"the register is lost, two are forced":     {invocations: 3, objects: 3, batches: 1, oneByOne: true, noZombies: true, force: true, limit: faults{losses: 1, replays: 2}, after: shownC},
		"three scans, two forced over a commit":    {large: true, invocations: 4, objects: 3, batches: 1, oneByOne: true, force: true, limit: faults{replays: 2}, after: committedC},
		"06, half: generations not written":        {invocations: 2, rules: rules{unwritten: true}, limit: faults{timeouts: 1, expiries: 1}},
		"06, half: scan ids that are not random":   {invocations: 2, rules: rules{derivedScanIDs: true}, limit: faults{timeouts: 1, expiries: 1}},
	}
}

func largerWorlds() map[string]model {
	return map[string]model{
		"two zombies and a lost request":            {invocations: 3, limit: faults{timeouts: 1, expiries: 2}},
		"a replay among zombies and lost requests":  {invocations: 3, limit: faults{timeouts: 1, expiries: 1, replays: 1}},
		"a refusal, a zombie and a lost request":    {invocations: 3, limit: faults{timeouts: 1, expiries: 1, refusals: 1}},
		"a deployment among zombies":                {invocations: 3, limit: faults{expiries: 2, releases: 1}},
		"two lost requests, 504, two lost answers":  {invocations: 2, limit: faults{timeouts: 1, gateway: 1, expiries: 1, lost: 2}},
		"clocks ahead, three invocations":           {invocations: 3, skew: 10 * time.Minute, limit: faults{expiries: 1, lost: 1}},
		"an older scan is forced, answers are lost": {invocations: 3, force: true, limit: faults{expiries: 1, lost: 1, replays: 1}},
		"two zombies, a lost request and answer":    {invocations: 3, limit: faults{timeouts: 1, expiries: 2, lost: 1}},
		"three scans, two forced, four in all":      {invocations: 4, objects: 3, batches: 1, oneByOne: true, force: true, limit: faults{replays: 2, refusals: 2}},
		"three scans, two forced, five in all":      {invocations: 5, objects: 3, batches: 1, oneByOne: true, force: true, limit: faults{replays: 2}},
		"three scans, two forced, answers are lost": {invocations: 4, objects: 3, batches: 1, oneByOne: true, force: true, limit: faults{replays: 2, lost: 1}},
		"three scans, two forced, a register lost":  {invocations: 4, objects: 3, batches: 1, oneByOne: true, noZombies: true, force: true, limit: faults{replays: 2, losses: 1}},
		"three scans, two forced, and taken over":   {invocations: 3, objects: 3, batches: 1, oneByOne: true, noZombies: true, force: true, limit: faults{replays: 2, losses: 1, expiries: 1}},
		"a register lost, a replay is refused":      {invocations: 3, noZombies: true, limit: faults{replays: 1, refusals: 1, losses: 1}},
		"the register is lost, one is forced":       {invocations: 3, noZombies: true, force: true, limit: faults{losses: 1, expiries: 1, replays: 1}},
		"three scans at the same time":              {invocations: 3, objects: 3, batches: 1, limit: faults{expiries: 1, refusals: 1, lost: 1}},
		"a refusal among zombies and replays":       {invocations: 3, limit: faults{expiries: 1, refusals: 2, replays: 1}},
	}
}
