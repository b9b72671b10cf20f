package site

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// Clock is real time, plus the time that was waited for: Sleep moves the clock ahead
// and returns at once, so that back-off takes no time. It is safe for concurrent use.
type Clock struct {
	mu sync.Mutex
	// Ahead is how far the clock is ahead of real time.
	Ahead time.Duration
}

// Now returns the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.Ahead)
}

// Sleep moves the clock ahead by d, and returns the context's error.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	c.Advance(d)
	return ctx.Err()
}

// Advance moves the clock ahead by d.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Ahead += d
}

// Waited returns how far the clock is ahead: the sum of all Sleep and Advance.
func (c *Clock) Waited() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Ahead
}

// Vault is Secrets Manager with one secret, a token, at first Token. It is safe for
// concurrent use.
type Vault struct {
	mu    sync.Mutex
	token string
}

// GetSecretValue returns the secret's current value. It never fails.
func (v *Vault) GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	return &secretsmanager.GetSecretValueOutput{SecretString: aws.String(v.Current())}, nil
}

// Current returns the secret's current value.
func (v *Vault) Current() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.token
}

// Rotate gives the secret a new value. The receiver does not accept it before
// Receiver.SetToken.
func (v *Vault) Rotate() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.token += "+"
}
