// Command collector is the Lambda function that has the appliance analyse its
// systems and archives the results. It is wiring only.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/collect"
	"runecast-ingest/internal/config"
	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/runecast"
	"runecast-ingest/internal/secret"
	"runecast-ingest/internal/telemetry"
)

// version is set by the linker.
var version = "dev"

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	cfg, err := config.LoadCollector(os.Getenv)
	if err != nil {
		return err
	}
	log := telemetry.Logger(os.Stdout, cfg.LogLevel)
	aws, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return fmt.Errorf("load AWS configuration: %w", err)
	}
	secrets := secret.NewCache(secretsmanager.NewFromConfig(aws), cfg.SecretID, time.Now)
	c := collect.New(collect.Options{
		Store:        collect.Archive{Store: archive.New(archive.Client(aws, cfg.S3PathStyle), cfg.Bucket)},
		Connect:      func(ctx context.Context) (collect.Appliance, error) { return connect(ctx, cfg, secrets) },
		ApplianceURL: cfg.URL.String(),
		Systems:      cfg.Systems, SystemTypes: cfg.SystemTypes,
		ScanTimeout: cfg.ScanTimeout, PollInterval: cfg.PollInterval,
		Log: log,
	})
	lambda.StartWithOptions(c.Handle, lambda.WithContext(ctx))
	return nil
}

// connect makes the client of the appliance with the token of this moment.
func connect(ctx context.Context, cfg config.Collector, secrets *secret.Cache) (collect.Appliance, error) {
	cred, err := secrets.Get(ctx)
	if err != nil {
		return nil, err
	}
	client, err := endpoint.Client(cred, endpoint.Options{AllowLoopback: cfg.AllowLoopback})
	if err != nil {
		return nil, err
	}
	return runecast.New(runecast.Options{URL: cfg.URL, HTTP: client, Token: cred.Token, Version: version, ScanPath: cfg.ScanPath}), nil
}
