package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	mapfile "runecast-ingest/infra/map"
)

func (s *session) mapCommand() *cobra.Command {
	var notes strings.Builder
	o := mapfile.Options{Getenv: os.Getenv, Notes: &notes}
	c := s.local("map FILE", "Map a saved document to events, or to the dashboard that they would make", func(_ context.Context, args []string) error {
		out := bufio.NewWriter(s.out)
		o.Events = out
		err := errors.Join(mapfile.Map(args[0], o), out.Flush())
		for line := range strings.Lines(notes.String()) {
			_, _ = fmt.Fprintln(s.notes, plain(strings.TrimSuffix(line, "\n"))) // it holds names from the document
		}
		return err
	})
	c.Long = "Maps a raw object of the archive, or a saved /results or config-scans/latest answer, plain or gzip, to events as NDJSON, or\n" +
		"to the dashboard that they would make. Sends nothing. The mapping's settings are the forwarder's environment variables."
	c.Example = "  runecast-ingest map results.json > events.ndjson\n  EVIDENCE=off runecast-ingest map results.json --report out/report.html"
	f := c.Flags()
	f.StringVar(&o.Report, "report", "", "write the dashboard as HTML into this `file`, instead of events to standard output")
	f.StringVar(&o.Catalog, "catalog", "", "`file` with the saved check catalogue (/issues) that belongs to the results")
	f.StringVar(&o.System, "system", "saved", "the system's `name`, for a saved v2 scan")
	return c
}
