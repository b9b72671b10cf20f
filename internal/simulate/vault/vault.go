// Package vault is AWS Secrets Manager as its client sees it, for tests: a
// secret that can be read, that changes between two reads, that is refused, or
// for which no answer comes. It promises the same answer whatever secret is asked
// for.
package vault

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"runecast-ingest/internal/secret"
)

type (
	input  = secretsmanager.GetSecretValueInput
	output = secretsmanager.GetSecretValueOutput
	option = func(*secretsmanager.Options)
)

// Holds is the text of a secret that can be read.
type Holds string

// GetSecretValue returns the text.
func (h Holds) GetSecretValue(context.Context, *input, ...option) (*output, error) {
	return &output{SecretString: aws.String(string(h))}, nil
}

// Refuses is the code of AWS's error about a secret that cannot be read, as
// AccessDeniedException.
type Refuses string

// GetSecretValue returns the error.
func (r Refuses) GetSecretValue(context.Context, *input, ...option) (*output, error) {
	return nil, &smithy.GenericAPIError{Code: string(r)}
}

// Unreachable is a service that never answers, as behind a missing VPC endpoint.
type Unreachable struct{}

// GetSecretValue waits until the context ends, and returns its error.
func (Unreachable) GetSecretValue(ctx context.Context, _ *input, _ ...option) (*output, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// Turns lets the getters of List answer in turn, one read each; the last one answers
// all further reads. List must not be empty. Turns is for one goroutine.
type Turns struct {
	List []secret.Getter
	// Reads is the number of reads so far.
	Reads int
}

// GetSecretValue returns the answer of the getter whose turn it is.
func (t *Turns) GetSecretValue(ctx context.Context, in *input, o ...option) (*output, error) {
	turn := t.List[min(t.Reads, len(t.List)-1)]
	t.Reads++
	return turn.GetSecretValue(ctx, in, o...)
}
