package secret

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"runecast-ingest/internal/fault"
)

const (
	// ttl is how long a credential is used before it is read again: a rotation is
	// noticed after this time at the latest, also without a 401.
	ttl = 5 * time.Minute
	// maxStale is the age up to which a credential is used while Secrets Manager fails.
	maxStale = time.Hour
	// minRefresh is the least time between two reads if reads fail, or if the token is
	// refused again and again.
	minRefresh = 30 * time.Second
	// readTimeout bounds one read: without a VPC endpoint it would hang.
	readTimeout = 5 * time.Second
)

// Getter is the one call of the Secrets Manager client that is used.
type Getter interface {
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
}

// Cache holds one secret's credential for a few minutes. It is safe for
// concurrent use; one read is under way at a time.
type Cache struct {
	api Getter
	id  string
	now func() time.Time
	// view turns what the secret holds into the credential that the cache returns.
	view func(Credential) (Credential, error)

	mu     sync.Mutex
	cred   Credential
	readAt time.Time // when cred was read; zero: never
	tried  time.Time // when a read was last attempted
	// refreshed is when Refresh last read the secret, or tried to; zero: not since Get
	// last read it.
	refreshed time.Time
}

// NewCache returns a cache of the secret with this name or ARN.
func NewCache(api Getter, id string, now func() time.Time) *Cache {
	return &Cache{api: api, id: id, now: now, view: func(c Credential) (Credential, error) { return c, nil }}
}

// NewQueryCache returns a cache of the credential for the query service that this
// secret holds; see Credential.ForQueries. pinned says that the query service
// has the same key as the ingest, so the secret's pin holds for it, too; else the pin is
// left out.
func NewQueryCache(api Getter, id string, now func() time.Time, pinned bool) *Cache {
	c := NewCache(api, id, now)
	c.view = func(cred Credential) (Credential, error) {
		if !pinned {
			cred.SPKISHA256 = ""
		}
		return cred.ForQueries()
	}
	return c
}

// Get returns the credential as it was read at most 5 minutes ago, or at most an hour ago
// while Secrets Manager fails. An error is a *fault.Error, or wraps one.
func (c *Cache) Get(ctx context.Context) (Credential, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	age := c.now().Sub(c.readAt)
	if !c.readAt.IsZero() && age < ttl {
		return c.cred, nil
	}
	if !c.readAt.IsZero() && age < maxStale && c.now().Sub(c.tried) < minRefresh {
		return c.cred, nil // the last read has just failed: do not try for each request
	}
	err := c.read(ctx)
	if err == nil {
		c.refreshed = time.Time{}
	}
	if err != nil && !c.readAt.IsZero() && age < maxStale {
		return c.cred, nil
	}
	return c.cred, err
}

// Refresh is called after the endpoint refused the token of the credential
// used. It returns the credential to use now and reports whether its token is
// another one. The first refusal after a read by Get always reads the secret
// again, since the token may have been rotated right after that read; later
// refusals read it at most every 30 seconds. False without an error means that the
// secret was read just now and holds the refused token. It is an error if the secret
// could not be read, or must not be read yet.
func (c *Cache) Refresh(ctx context.Context, used Credential) (Credential, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cred.Token != used.Token {
		return c.cred, true, nil
	}
	now := c.now()
	if since := now.Sub(c.refreshed); !c.refreshed.IsZero() && since < minRefresh {
		return c.cred, false, &fault.Error{Class: fault.Retry, Where: "secret " + c.id,
			What: fmt.Sprintf("a refused token has it read at most every %s, and did so %s ago", minRefresh, since.Round(time.Second))}
	}
	c.refreshed = now
	err := c.read(ctx)
	return c.cred, c.cred.Token != used.Token, err
}

func (c *Cache) read(ctx context.Context) error {
	c.tried = c.now()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	out, err := c.api.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &c.id})
	if err != nil {
		return explain(err, c.id)
	}
	if out.SecretString == nil && len(out.SecretBinary) > 0 {
		return &fault.Error{Class: fault.Config, Where: "secret " + c.id, What: "it holds binary data", Cure: "store it as text: " + storeIt}
	}
	cred, err := Parse(aws.ToString(out.SecretString))
	if err == nil {
		cred, err = c.view(cred)
	}
	if err != nil {
		return fmt.Errorf("read secret %s: %w", c.id, err)
	}
	cred.SecretID, cred.VersionID = c.id, aws.ToString(out.VersionId)
	c.cred, c.readAt = cred, c.tried
	return nil
}

func explain(err error, id string) error {
	e := &fault.Error{Class: fault.Retry, Where: "secret " + id, What: "could not be read", Err: err}
	var api smithy.APIError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		e.What = "Secrets Manager did not answer in " + readTimeout.String()
		e.Cure = "in a VPC, add the interface endpoint com.amazonaws.<region>.secretsmanager or a NAT gateway"
		e.Err = nil
	case errors.As(err, &api):
		switch api.ErrorCode() {
		case "ResourceNotFoundException":
			// Also of a secret that has no value yet: only the service's words tell which.
			e.Class, e.What, e.Err = fault.Config, "Secrets Manager has no value of it", errors.New(api.ErrorMessage())
			e.Cure = "check the secret's ARN and region in the stack's parameters, and whether a value was ever put into it"
		case "AccessDeniedException", "DecryptionFailure":
			e.Class, e.What = fault.Config, "the function's role may not read it"
			e.Cure = "allow secretsmanager:GetSecretValue on the secret, and kms:Decrypt on its key"
		}
	}
	return e
}
