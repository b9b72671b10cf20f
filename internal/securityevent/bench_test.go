package securityevent_test

import (
	"testing"

	"runecast-ingest/internal/securityevent"
)

// BenchmarkAppend encodes findings of one rule; its MB/s are those of the output.
func BenchmarkAppend(b *testing.B) {
	for name, f := range map[string]securityevent.Finding{
		"vSphere": {ObjectID: []byte("44c4a75d-4430-4953-90e0-481747a41c6c/host-81"), ObjectName: []byte("esx1.example"), ObjectType: []byte("HostSystem"), Evidence: []byte(`[{"type":"AUTOMATIC","description":"SSH service","value":"on"}]`)},
		"ARN":     {ObjectID: []byte("arn:aws:ec2:eu-central-1:111122223333:instance/i-0123456789abcdef0"), ObjectName: []byte("web"), ObjectType: []byte("AWS::EC2::Instance")},
		"Azure":   {ObjectID: []byte("/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Web/sites/shop"), ObjectName: []byte("shop"), ObjectType: []byte("Microsoft.Web/sites")},
	} {
		b.Run(name, func(b *testing.B) {
			e := securityevent.NewEncoder(securityevent.Both, scan())
			e.SetRule(rule())
			event := e.Append(nil, &f, at())
			b.SetBytes(int64(len(event)))
			b.ReportAllocs()
			for b.Loop() {
				event = e.Append(event[:0], &f, at())
			}
		})
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	f := host()
	f.Evidence = []byte(`[]`)
	for _, id := range []string{"44c4a75d/host-1", "arn:aws:ec2:eu-central-1:111122223333:instance/i-1", "/subscriptions/1/resourceGroups/rg/providers/a/b/c"} {
		f.ObjectID = []byte(id)
		e := securityevent.NewEncoder(securityevent.Both, scan())
		e.SetRule(rule())
		event := e.Append(nil, &f, at())
		if n := testing.AllocsPerRun(100, func() { event = e.Append(event[:0], &f, at()) }); n > 0 {
			t.Errorf("%s: %v allocations per finding", id, n)
		}
	}
}
