package preflight_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"runecast-ingest/internal/preflight"
	"runecast-ingest/internal/secret"
)

// inTurn is a Secrets Manager that answers each read as the next one does; the
// last one answers from then on.
type inTurn struct {
	turns []secret.Getter
	reads int
}

func (g *inTurn) GetSecretValue(ctx context.Context, in *secretsmanager.GetSecretValueInput, o ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	turn := g.turns[min(g.reads, len(g.turns)-1)]
	g.reads++
	return turn.GetSecretValue(ctx, in, o...)
}

// failing is a Secrets Manager that fails.
type failing struct{}

func (failing) GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	return nil, errors.New("down")
}

// rotation is what the reads of the secret give during a check, one after the other.
type rotation struct {
	later func(good secret.Getter, stale secret.Getter) secret.Getter // the second read
	state string
	says  string
}

// A token that is refused is read again before a check judges it; and a check
// says of the secret only what it has read.
func rotations() map[string]rotation {
	return map[string]rotation{
		"rotated during the check": {func(good, _ secret.Getter) secret.Getter { return good }, preflight.OK, "accepted"},
		"not rotated":              {func(_, stale secret.Getter) secret.Getter { return stale }, preflight.Failed, "refused (401), and the secret holds no other token"},
		"no second read":           {func(_, _ secret.Getter) secret.Getter { return failing{} }, preflight.Failed, "refused (401), and the secret was not read again (secret "},
	}
}

func TestTokenRotatedDuringTheCollectorsCheck(t *testing.T) {
	t.Parallel()
	for name, c := range rotations() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(func(*site) {})
			p := s.start(t)
			good := s.getter.(holds) //nolint:forcetypeassert // of newSite
			stale := holds(strings.Replace(string(good), adminToken, "token-before", 1))
			g := &inTurn{turns: []secret.Getter{stale, c.later(good, stale)}}
			s.getter = g
			c.check(t, p.Check(t.Context()), g)
		})
	}
}

func TestTokenRotatedDuringTheForwardersCheck(t *testing.T) {
	t.Parallel()
	client := archiveS3(t)
	for name, c := range rotations() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &tenant{}
			f := d.start(t, client, func(*tenant) {})
			good := d.getter.(holds) //nolint:forcetypeassert // of start
			stale := holds(strings.Replace(string(good), ingestToken, "dt0c01.BEFORE.PRIVATE", 1))
			g := &inTurn{turns: []secret.Getter{stale, c.later(good, stale)}}
			d.getter = g
			c.check(t, f.Check(t.Context(), false), g)
		})
	}
}

// check looks at the row about the token, and at those that build on it.
func (c rotation) check(t *testing.T, r preflight.Report, g *inTurn) {
	t.Helper()
	row, err := rowOf(r, "token")
	if err != nil || row.State != c.state || !strings.Contains(row.Detail, c.says) {
		t.Errorf("%+v (%v), want %s with %q", row, err, c.state, c.says)
	}
	if r.OK != (c.state == preflight.OK) {
		t.Errorf("the report is %+v", r)
	}
	if g.reads != 2 {
		t.Errorf("the secret was read %d times", g.reads)
	}
}
