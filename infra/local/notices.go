package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/go-json-experiment/json"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/notice"
)

// shownNotices is the most notices that the summary shows.
const shownNotices = 10

// notices returns the notices of scans that the event bus has received. It waits
// until every complete delivery has its notice, because a delivery sends the notice
// last, but no longer than o.settle.
func (s *stack) notices(ctx context.Context, all []delivery) ([]notice.Committed, error) {
	ctx, cancel := context.WithTimeout(ctx, s.o.settle)
	defer cancel()
	look := time.NewTicker(redraw)
	defer look.Stop()
	for {
		told, err := s.told()
		if err != nil || len(untold(all, told)) == 0 {
			return told, err
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return told, nil // the verdict says what is missing
		}
	}
}

// told decodes the notices that the event bus has received so far. It fails on an
// event that is no notice of a committed scan.
func (s *stack) told() ([]notice.Committed, error) {
	var all []notice.Committed
	for _, e := range s.bus.Events() {
		var n notice.Committed
		if e.Source != notice.Source || e.DetailType != notice.DetailType {
			return nil, fmt.Errorf("the event bus got %s from %s, which is no notice of a committed scan", e.DetailType, e.Source)
		}
		if err := json.Unmarshal(e.Detail, &n, json.RejectUnknownMembers(true)); err != nil {
			return nil, fmt.Errorf("the event bus got a notice that cannot be read: %w", err)
		}
		all = append(all, n)
	}
	return all, nil
}

// untold returns the deliveries that are complete and have no notice.
func untold(all []delivery, told []notice.Committed) []delivery {
	known := map[string]bool{}
	for _, n := range told {
		known[n.ScanID] = true
	}
	var out []delivery
	for _, d := range all {
		if d.State == archive.DeliveryComplete && !known[d.ScanID] {
			out = append(out, d)
		}
	}
	return out
}

// misled returns a sentence for each complete delivery without a notice, and for
// each notice whose posture is not the one on the dashboard.
func (v verdict) misled() []string {
	var out []string
	for _, d := range untold(v.deliveries, v.told) {
		out = append(out, fmt.Sprintf("people were not told of %s", d.name()))
	}
	shown := map[string]int{}
	for _, s := range v.got.Systems {
		shown[s.ID] = s.Posture()
	}
	for _, n := range v.told {
		if posture, ok := shown[n.System.ID]; ok && posture != n.Posture && n.Changed {
			out = append(out, fmt.Sprintf("people were told of %s: posture %d %%, but the dashboard shows %d %%", n.System.Name, n.Posture, posture))
		}
	}
	return out
}

// listNotices writes the titles of the notices that people get: of the run, and of
// each scan that changed something.
func (v verdict) listNotices(w io.Writer) {
	var titles []string
	if v.answer.Notice != nil {
		titles = append(titles, v.answer.Notice.Title)
	}
	for _, n := range v.told {
		if n.Changed {
			titles = append(titles, n.Title)
		}
	}
	for i, title := range titles {
		if i == shownNotices {
			fmt.Fprintf(w, "           … and %d more\n", len(titles)-i)
			return
		}
		fmt.Fprintf(w, "notice     %s\n", title)
	}
}
