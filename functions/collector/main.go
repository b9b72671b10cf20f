// Command collector is the Lambda function that has the appliance analyse its
// systems and archives the results. It is wiring only.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"runecast-ingest/internal/appliance"
	"runecast-ingest/internal/collect"
	"runecast-ingest/internal/config"
	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/posture"
	"runecast-ingest/internal/preflight"
	"runecast-ingest/internal/secret"
	"runecast-ingest/internal/store"
	"runecast-ingest/internal/telemetry"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx := context.Background()
	cfg, err := config.LoadCollector(os.Getenv)
	log := telemetry.Logger(os.Stdout, cfg.LogLevel)
	if err != nil {
		log.Error("the settings cannot be used", "error", err.Error())
		telemetry.Serve(ctx, log, preflight.Misconfigured(err))
		return
	}
	if err := run(ctx, cfg, log); err != nil {
		log.Error("the function cannot start", "error", err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context, cfg config.Collector, log *slog.Logger) error {
	// Little is live while results stream through: without a limit the parts of
	// an upload that has ended would be kept beside those of the next.
	debug.SetMemoryLimit(40 << 20)
	aws, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithLogger(telemetry.AWS(log)))
	if err != nil {
		return fmt.Errorf("load AWS configuration: %w", err)
	}
	api := secretsmanager.NewFromConfig(aws)
	secrets := secret.NewCache(api, cfg.SecretID, time.Now)
	store := collect.Archive{Store: store.New(store.Client(aws, cfg.S3PathStyle), cfg.Bucket)}
	outcomes, err := posture.New(store)
	if err != nil {
		return err
	}
	c := collect.New(collect.Options{
		Store: store, Outcome: outcomes.Outcome,
		Preflight: preflight.New(preflight.Options{
			Common: preflight.Common{
				URL: cfg.URL, Region: aws.Region, Bucket: cfg.Bucket, AllowLoopback: cfg.AllowLoopback, Version: version, Log: log,
				Secret: func(ctx context.Context) (secret.Credential, error) {
					return secret.NewCache(api, cfg.SecretID, time.Now).Get(ctx)
				},
			},
			API: cfg.API, AllObjects: cfg.AllObjects, Systems: cfg.Systems, SystemTypes: cfg.SystemTypes, Archive: store,
			Connect: func(hc *http.Client, cred secret.Credential) preflight.Appliance { return client(cfg, hc, cred, nil) },
		}),
		Connect:      func(ctx context.Context) (collect.Appliance, error) { return connect(ctx, cfg, secrets) },
		ApplianceURL: cfg.URL.String(),
		Systems:      cfg.Systems, SystemTypes: cfg.SystemTypes,
		ScanTimeout: cfg.ScanTimeout, PollInterval: cfg.PollInterval,
		Log: log, Metrics: telemetry.NewMetrics(os.Stdout, lambdacontext.FunctionName, time.Now),
	})
	telemetry.Serve(ctx, log, c.Handle)
	return nil
}

// connect makes the client of the appliance with the token of this moment.
func connect(ctx context.Context, cfg config.Collector, secrets *secret.Cache) (collect.Appliance, error) {
	cred, err := secrets.Get(ctx)
	if err != nil {
		return nil, err
	}
	hc, err := endpoint.Client(cred, endpoint.Options{AllowLoopback: cfg.AllowLoopback})
	if err != nil {
		return nil, err
	}
	return client(cfg, hc, cred, func(ctx context.Context) (secret.Value, error) {
		var err error
		cred, _, err = secrets.Refresh(ctx, cred)
		return cred.Token, err
	}), nil
}

// client speaks the appliance's API; without refresh the token is used as it is.
func client(cfg config.Collector, hc *http.Client, cred secret.Credential, refresh func(context.Context) (secret.Value, error)) *appliance.Client {
	return appliance.New(appliance.Options{
		URL: cfg.URL, HTTP: hc, Token: cred.Token, Version: version,
		API: cfg.API, AllObjects: cfg.AllObjects, ScanPath: cfg.ScanPath, Refresh: refresh,
	})
}
