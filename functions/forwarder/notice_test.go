package main

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"runecast-ingest/internal/notice"
)

// told reads the notices on the event bus.
func (s *site) told() []notice.Committed {
	s.Helper()
	var all []notice.Committed
	for _, e := range s.bus.Events() {
		var n notice.Committed
		if err := json.Unmarshal(e.Detail, &n, json.RejectUnknownMembers(true)); err != nil || e.Source != notice.Source || e.DetailType != notice.DetailType {
			s.Fatalf("%s of %s: %v", e.DetailType, e.Source, err)
		}
		all = append(all, n)
	}
	return all
}

// TestPeopleAreToldWhatTheDashboardShows: the notices of the deployed binary have the
// figures of the dashboard, with settings that leave out a part of the results, and then
// another part.
func TestPeopleAreToldWhatTheDashboardShows(t *testing.T) {
	t.Parallel()
	s := newSite(t, startS3(t), nil)
	shown := make([]int, 2)
	for i, setting := range []string{"MIN_SEVERITY=MEDIUM", "EXCLUDE_TYPES=CIS"} {
		a := analyse(t, 300, 10*i)
		s.archive(a)
		p := s.deploy(nil, "NOTICES=on", setting)
		p.must(s.created(a.key))
		p.must(s.created(a.key)) // it has ended
		shown[i] = s.receiver.Tiles().Systems[0].Posture()
		told := s.told()
		if len(told) != i+1 {
			t.Fatalf("%d notices of %d scans", len(told), i+1)
		}
		if n := told[i]; n.Posture != shown[i] || n.RawKey != a.key || n.Bucket != s.bucket || n.First != (i == 0) || !n.Changed || n.SettingsChanged != (i == 1) {
			t.Errorf("the dashboard shows %d %%, people are told %+v", shown[i], n)
		}
	}
	if n := s.told()[1]; n.Before == nil || *n.Before != shown[0] || shown[0] == shown[1] {
		t.Errorf("%+v after %d %%", n, shown[0])
	}
}

// TestNoticesThatCannotBeSent: the bus refuses notices, or notices are switched off.
func TestNoticesThatCannotBeSent(t *testing.T) {
	t.Parallel()
	store, scan := startS3(t), analyse(t, 300, 0)
	for name, c := range map[string]struct {
		setting, code string
		says          []string
	}{
		"off":      {"NOTICES=off", "", nil},
		"no right": {"NOTICES=on", "AccessDeniedException", []string{"allow events:PutEvents on the default event bus", `"NoticesFailed":1`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, store, nil)
			s.bus.Refuse(c.code)
			s.archive(scan)
			s.deploy(nil, c.setting).must(s.created(scan.key))
			s.checkComplete(scan, 1)
			for _, want := range c.says {
				if !strings.Contains(s.said.String(), want) {
					t.Errorf("the log lacks %s", want)
				}
			}
			if failed := strings.Contains(s.said.String(), "NoticesFailed"); failed != (c.code != "") || len(s.told()) > 0 {
				t.Errorf("failed: %t, told %d", failed, len(s.told()))
			}
		})
	}
}
