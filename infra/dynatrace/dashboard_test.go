package dynatrace

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the dashboard anew")

// tile is a tile of the dashboard. Its width is in columns, of which the dashboard has
// 24; its height is in rows of the Dashboards app.
type tile struct {
	query, title, visualization string
	x, width, height            int
}

// rows returns the tiles, row by row from top to bottom.
func rows() [][]tile {
	return [][]tile{
		{{query: "newest-scans", title: "Newest scan of each system", visualization: "table", width: 24, height: 6}},
		{
			{query: "sent-indexed", title: "Rows sent and indexed, newest scans", visualization: "table", width: 14, height: 6},
			{query: "incomplete-scans", title: "Scans with missing rows", visualization: "table", x: 14, width: 10, height: 6},
		},
		{
			{query: "findings-by-standard", title: "Rules by standard", visualization: "table", width: 12, height: 7},
			{query: "posture-trend", title: "Posture in %", visualization: "lineChart", x: 12, width: 12, height: 7},
		},
		{{query: "changed-rules", title: "Newly failed and newly passed rules", visualization: "table", width: 24, height: 9}},
	}
}

const introduction = `## Runecast delivery health
What runecast-ingest has delivered, as Dynatrace has indexed it. Posture itself is on *Security Posture overview*.
**Missing** rows that stay: the reason is in the archive, under ` + "`quarantine/`" + `, and in the forwarder's log.`

// dashboard makes the document that the Dashboards app imports.
func dashboard(t *testing.T) map[string]any {
	t.Helper()
	tiles := map[string]any{"0": map[string]any{"type": "markdown", "title": "", "content": introduction}}
	layouts := map[string]any{"0": layout(0, 0, 24, 2)}
	y := 2
	for _, row := range rows() {
		for _, tl := range row {
			id := strconv.Itoa(len(tiles))
			tiles[id] = map[string]any{
				"type": "data", "title": tl.title, "query": readQuery(t, tl.query),
				"visualization": tl.visualization, "visualizationSettings": map[string]any{"chartSettings": map[string]any{"gapPolicy": "connect"}},
				"davis": map[string]any{"enabled": false},
			}
			layouts[id] = layout(tl.x, y, tl.width, tl.height)
		}
		y += row[0].height
	}
	return map[string]any{"version": 15, "variables": []any{}, "tiles": tiles, "layouts": layouts}
}

func layout(x, y, w, h int) map[string]any {
	return map[string]any{"x": x, "y": y, "w": w, "h": h}
}

// The dashboard is made of the queries. After a change of a query or of a tile:
// go test ./infra/dynatrace -run DashboardIsMade -update.
func TestDashboardIsMadeOfTheQueries(t *testing.T) {
	t.Parallel()
	const file = "delivery-health.dashboard.json"
	var made bytes.Buffer
	encoder := json.NewEncoder(&made)
	encoder.SetEscapeHTML(false) // queries are to be read in the file, too
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(dashboard(t)); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, made.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(made.String(), string(content)); diff != "" {
		t.Errorf("- made of the queries, + in the file (-update writes it):\n%s", diff)
	}
}

// Every query is on the dashboard, or is known to be run by hand, by the workflow or by
// the forwarder.
func TestEveryQueryHasItsPlace(t *testing.T) {
	t.Parallel()
	placed := []string{"first-rows", "builtin-bucket", "arrival", workflowQuery}
	for _, row := range rows() {
		width := 0
		for _, tl := range row {
			if tl.x != width || tl.height != row[0].height {
				t.Errorf("%s overlaps, or leaves a gap", tl.query)
			}
			width += tl.width
			placed = append(placed, tl.query)
		}
		if width != 24 {
			t.Errorf("the row of %s is %d columns wide", row[0].query, width)
		}
	}
	slices.Sort(placed)
	if diff := cmp.Diff(placed, queryNames(t)); diff != "" {
		t.Errorf("- placed, + in queries/:\n%s", diff)
	}
}
