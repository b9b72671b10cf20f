package appliancecheck

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"runecast-ingest/internal/preflight"
	"runecast-ingest/internal/runecast"
)

// An appliance that hangs does not hold the check longer than a minute.
func TestSlowApplianceIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &check{Checker: New(Options{Common: preflight.Common{URL: &url.URL{Host: "rc.example"}}}), app: hangs{}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		rows := c.systems(ctx)
		if rows[0].State != preflight.Failed || !strings.Contains(rows[0].Detail, "no answer in time") || rows[0].Cure == "" {
			t.Errorf("%+v", rows)
		}
	})
}

type hangs struct{ Appliance }

func (hangs) Systems(ctx context.Context) ([]runecast.System, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestOlder(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{
		"6.9.12": false, "6.9.12.0": false, "6.10": false, "7": false, "6.9.11.9": true, "6.9": true, "6": true, "4.7.5": true, "x": true,
	} {
		if older(version, leastForDynatrace) != want {
			t.Errorf("%s: %v", version, !want)
		}
	}
}
