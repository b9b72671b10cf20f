// Package vault is AWS Secrets Manager as its client sees it, for tests: a
// secret that is there, that changes between two reads, that is refused, or
// that no answer comes about. It promises nothing about any other secret: the
// name that is asked for does not matter.
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

// Refuses is the code of AWS's error about a secret that cannot be read.
type Refuses string

// GetSecretValue returns the error.
func (r Refuses) GetSecretValue(context.Context, *input, ...option) (*output, error) {
	return nil, &smithy.GenericAPIError{Code: string(r)}
}

// Unreachable is what a missing VPC endpoint looks like.
type Unreachable struct{}

// GetSecretValue waits until the context ends.
func (Unreachable) GetSecretValue(ctx context.Context, _ *input, _ ...option) (*output, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// Turns answers each read as the next one of its list does; the last one
// answers from then on. It is for one goroutine.
type Turns struct {
	List []secret.Getter
	// Reads that were made.
	Reads int
}

// GetSecretValue answers as the one does whose turn it is.
func (t *Turns) GetSecretValue(ctx context.Context, in *input, o ...option) (*output, error) {
	turn := t.List[min(t.Reads, len(t.List)-1)]
	t.Reads++
	return turn.GetSecretValue(ctx, in, o...)
}
