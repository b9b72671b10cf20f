package site

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// Clock is real time moved ahead by waiting, so that back-off takes no time.
type Clock struct {
	mu sync.Mutex
	// Ahead is how far it is ahead of real time.
	Ahead time.Duration
}

// Now returns the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.Ahead)
}

// Sleep lets time pass, and returns the context's error.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	c.Advance(d)
	return ctx.Err()
}

// Advance lets time pass.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Ahead += d
}

// Waited returns the sum of all waiting.
func (c *Clock) Waited() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Ahead
}

// Vault is Secrets Manager with the one secret.
type Vault struct {
	mu    sync.Mutex
	token string
}

// GetSecretValue returns the token in use.
func (v *Vault) GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	return &secretsmanager.GetSecretValueOutput{SecretString: aws.String(v.Current())}, nil
}

// Current returns the token in use.
func (v *Vault) Current() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.token
}

// Rotate makes the token that is used an old one.
func (v *Vault) Rotate() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.token += "+"
}
