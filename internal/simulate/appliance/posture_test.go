package appliance_test

import (
	"fmt"
	"testing"

	"runecast-ingest/internal/simulate/appliance"
)

// Results of two systems that are mixed up must show: no two have the same
// posture, whatever the size of the estate.
func TestEverySystemHasAPostureOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, findings := range []int{280, 600, 3_300, 10_000} {
		for seed := range uint64(2) {
			postures := map[string]string{}
			for _, system := range results(t, newAppliance(t, appliance.Options{Seed: seed, Findings: findings})).Results {
				passed, assessed := 0, 0
				for _, issue := range system.Issues {
					switch {
					case !issue.compliant():
					case issue.Status == "PASS", issue.Status == "M_PASS":
						passed++
						fallthrough
					case issue.Status == "FAIL", issue.Status == "M_FAIL", issue.Status == "MANUAL":
						assessed++
					}
				}
				posture := fmt.Sprintf("%d %%", 100*passed/assessed)
				if other, ok := postures[posture]; ok {
					t.Errorf("%d findings, seed %d: %s and %s both have %s", findings, seed, system.UID, other, posture)
				}
				postures[posture] = system.UID
			}
		}
	}
}
