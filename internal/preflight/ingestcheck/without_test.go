package ingestcheck

import (
	"context"
	"iter"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/preflight"
	"runecast-ingest/internal/secret"
	"runecast-ingest/internal/simulate/receiver"
	"runecast-ingest/internal/simulate/vault"
)

// A service of AWS that does not answer is given up in seconds, and the row names the VPC
// endpoint that is missing.
func TestForwarderWithoutAWS(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d tenant
		d.getter, d.options.Archive = vault.Unreachable{}, hanging{}
		d.options.Settings = preflight.Settings{
			Region: "eu-central-1", URL: &url.URL{Scheme: "https", Host: "localhost", Path: receiver.Path},
			Lookup: noSuchHost, Log: slog.New(slog.DiscardHandler),
		}
		began := time.Now()
		r := d.checker().Check(t.Context(), true)
		if took := time.Since(began); took != 2*preflight.ReachTime {
			t.Errorf("it took %s", took)
		}
		for name, want := range map[string]string{
			"secret":  "interface endpoint com.amazonaws.eu-central-1.secretsmanager",
			"archive": "gateway endpoint com.amazonaws.eu-central-1.s3",
		} {
			if row, found := r.Of(name); !found || row.State != preflight.Failed || !strings.Contains(row.Detail, "5s") || !strings.Contains(row.Cure, want) {
				t.Errorf("%+v, %v; want the cure %q", row, found, want)
			}
		}
	})
}

// hanging is a bucket behind a missing VPC endpoint.
type hanging struct{ Objects }

func (hanging) List(ctx context.Context, _, _ string) iter.Seq2[archive.RawInfo, error] {
	return func(yield func(archive.RawInfo, error) bool) {
		<-ctx.Done()
		yield(archive.RawInfo{}, ctx.Err())
	}
}

// If the token is refused, a check reads the secret again before it judges the token. It
// says of the secret only what it has read.
func TestTokenRotatedDuringTheCheck(t *testing.T) {
	t.Parallel()
	client := archiveS3(t)
	const access, platform = "dt0c01.BEFORE.PRIVATE", "dt0s16.BEFORE.PRIVATE"
	rotated := func(good, _ secret.Getter) secret.Getter { return good }
	for name, c := range map[string]struct {
		before string                                        // the token of the first read
		later  func(good, stale secret.Getter) secret.Getter // the second read
		state  string
		says   string
		scope  string // the state of the row of that name
	}{
		"rotated during the check": {access, rotated, preflight.OK, "accepted", preflight.OK},
		"not rotated":              {access, func(_, stale secret.Getter) secret.Getter { return stale }, preflight.Failed, "refused (401), and the secret holds no other token", preflight.Skipped},
		"no second read":           {access, func(_, _ secret.Getter) secret.Getter { return vault.Refuses("Down") }, preflight.Failed, "refused (401), and the secret was not read again (secret ", preflight.Skipped},
		"to a platform token":      {access, rotated, preflight.Skipped, "a platform token: the ingest did not refuse it", preflight.Skipped},
		"from a platform token":    {platform, rotated, preflight.OK, "accepted; ", preflight.OK},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &tenant{}
			k := d.start(t, client, func(d *tenant) {
				d.noGrail = true // it reads the secret, too
				if c.state == preflight.Skipped {
					d.token = platformToken
				}
			})
			good := d.getter.(vault.Holds) //nolint:forcetypeassert // of start
			stale := vault.Holds(strings.Replace(string(good), d.token, c.before, 1))
			turns := &vault.Turns{List: []secret.Getter{stale, c.later(good, stale)}}
			d.getter = turns
			r := k.Check(t.Context(), false)
			row, found := r.Of("token")
			if !found || row.State != c.state || !strings.Contains(row.Detail, c.says) || r.OK != (c.state != preflight.Failed) || turns.Reads != 2 {
				t.Errorf("%+v after %d reads, want %s with %q", row, turns.Reads, c.state, c.says)
			}
			if scope, found := r.Of("scope"); !found || scope.State != c.scope {
				t.Errorf("%+v, want %s", scope, c.scope)
			}
		})
	}
}
