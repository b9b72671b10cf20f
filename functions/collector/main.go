// Command collector is the Lambda function that has the appliance analyse its
// systems and archives the results. It is wiring only.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"runecast-ingest/internal/appliance"
	"runecast-ingest/internal/collect"
	"runecast-ingest/internal/config/collectorconfig"
	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/preflight"
	"runecast-ingest/internal/preflight/appliancecheck"
	"runecast-ingest/internal/secret"
	"runecast-ingest/internal/store"
	"runecast-ingest/internal/telemetry"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx := context.Background()
	cfg, err := collectorconfig.Load(os.Getenv)
	log := telemetry.Logger(os.Stdout, cfg.LogLevel)
	var proxy endpoint.Proxy
	if err == nil {
		proxy, err = endpoint.EnvironmentProxy(cfg.CABundle)
	}
	if err != nil {
		log.Error("the settings cannot be used", "error", err.Error())
		telemetry.Serve(ctx, log, preflight.Misconfigured(err))
		return
	}
	if err := run(ctx, cfg, proxy, log); err != nil {
		log.Error("the function cannot start", "error", err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context, cfg collectorconfig.Settings, proxy endpoint.Proxy, log *slog.Logger) error {
	// Results stream through, so little memory is live. Without a limit the garbage
	// collector would keep the parts of one upload until after the next has begun.
	debug.SetMemoryLimit(32 << 20)
	aws, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithLogger(telemetry.AWS(log)))
	if err != nil {
		return fmt.Errorf("load AWS configuration: %w", err)
	}
	api := secretsmanager.NewFromConfig(aws)
	secrets := secret.NewCache(api, cfg.SecretID, time.Now)
	objects := store.Client(aws, cfg.S3PathStyle)
	bucket := store.New(objects, cfg.Bucket)
	clientOptions := appliance.Options{
		Settings: endpoint.Settings{URL: cfg.URL, Credentials: secrets, Limits: endpoint.Options{AllowLoopback: cfg.AllowLoopback, Proxy: proxy}},
		Version:  version, API: cfg.API, AllObjects: cfg.AllObjects, ScanPath: cfg.ScanPath,
	}
	c := collect.New(collect.Options{
		Store: bucket,
		Preflight: appliancecheck.New(appliancecheck.Options{
			Settings: preflight.Settings{
				URL: cfg.URL, Region: aws.Region, Bucket: cfg.Bucket, AllowLoopback: cfg.AllowLoopback, Version: version, Log: log,
				Proxy: proxy, FIPS: cfg.FIPS, DualStack: cfg.DualStack, Services: []preflight.Service{
					{Name: "secretsmanager", URL: secret.Address(ctx, api)}, {Name: "s3", URL: store.Address(ctx, objects, cfg.Bucket)},
				},
				Secrets: func() endpoint.Credentials { return secret.NewCache(api, cfg.SecretID, time.Now) },
			},
			API: cfg.API, Systems: cfg.Systems, SystemTypes: cfg.SystemTypes, ScanTimeout: cfg.ScanTimeout, Period: cfg.Period, Archive: bucket,
			Connect: func(creds endpoint.Credentials, limits endpoint.Options) appliancecheck.Appliance {
				o := clientOptions
				o.Credentials, o.Limits, o.Once = creds, limits, true
				return appliance.New(o)
			},
		}),
		Connect: func(ctx context.Context) (collect.Appliance, error) {
			_, err := secrets.Get(ctx) // an invocation whose secret cannot be read ends at once
			return appliance.New(clientOptions), err
		},
		ApplianceURL: cfg.URL.String(),
		Systems:      cfg.Systems, SystemTypes: cfg.SystemTypes,
		ScanTimeout: cfg.ScanTimeout, PollInterval: cfg.PollInterval,
		Log: log, Metrics: telemetry.NewMetrics(os.Stdout, lambdacontext.FunctionName, time.Now),
	})
	telemetry.Serve(ctx, log, c.Handle)
	return nil
}
