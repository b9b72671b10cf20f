package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"runecast-ingest/internal/payload"
)

func (s *session) startCommand() *cobra.Command {
	p := payload.RunRequest{Action: payload.Start}
	var systems string
	c := s.asking("start", "Start a run", func(ctx context.Context, _ []string) error {
		p.Systems = names(systems)
		return s.must(ctx, collector, p)
	})
	c.Example = "  runecast-ingest start --systems vc1.example,prod-aws --mode latest --force"
	f := c.Flags()
	f.StringVar(&systems, "systems", "", "`names` or ids, separated by commas (default all)")
	f.StringVar(&p.Mode, "mode", "", "`analyze`, or latest: archive what the appliance has (default analyze)")
	f.BoolVar(&p.Force, "force", false, "only with --mode latest: archive what was archived before")
	return completing(c, "mode", payload.Analyze, payload.Latest)
}

// names returns the elements of a list that is separated by commas.
func names(list string) []string {
	var all []string
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name != "" {
			all = append(all, name)
		}
	}
	return all
}

func (s *session) tickCommand() *cobra.Command {
	return s.once("tick", "Carry the active run on; the schedule does it every 5 minutes", collector, payload.Action{Action: payload.Tick})
}

func (s *session) cancelCommand() *cobra.Command {
	return s.once("cancel", "End the active run", collector, payload.Action{Action: payload.Cancel})
}

func (s *session) sweepCommand() *cobra.Command {
	return s.once("sweep", "Deliver now what is not delivered yet; the schedule does it every 15 minutes", forwarder, payload.Action{Action: payload.Sweep})
}
