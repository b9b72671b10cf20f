package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/go-json-experiment/json/jsontext"
)

// invokeCommand is for what no other command covers, such as capture.
func invokeCommand(f *flag.FlagSet) doing {
	function := f.String("function", collector, "collector or forwarder")
	file := f.String("event", "", "`file` with the payload, such as one of events/")
	return func(ctx context.Context, s *session) error {
		text, err := os.ReadFile(*file)
		if err != nil {
			return fmt.Errorf("read the payload: %w", err)
		}
		return s.must(ctx, *function, jsontext.Value(text))
	}
}
