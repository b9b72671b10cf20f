// Command forwarder is the Lambda function that maps raw objects into security
// events and sends them to Dynatrace. It is wiring only.
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
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/uuid"

	"runecast-ingest/internal/config/forwarderconfig"
	"runecast-ingest/internal/deliver"
	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/eventbus"
	"runecast-ingest/internal/forward"
	"runecast-ingest/internal/grail"
	"runecast-ingest/internal/openpipeline"
	"runecast-ingest/internal/preflight"
	"runecast-ingest/internal/preflight/ingestcheck"
	"runecast-ingest/internal/secret"
	"runecast-ingest/internal/store"
	"runecast-ingest/internal/telemetry"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx := context.Background()
	cfg, err := forwarderconfig.Load(os.Getenv)
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

func run(ctx context.Context, cfg forwarderconfig.Settings, proxy endpoint.Proxy, log *slog.Logger) error {
	// Nearly all live memory is the bodies in flight and the one that is being packed.
	// They take a quarter of their full length if many findings share a rule, and all of
	// it if none do. Without a limit the garbage collector would let as much garbage
	// collect as is live. A higher limit saves no CPU time, a lower one costs much.
	debug.SetMemoryLimit(int64(cfg.SendConcurrency+1)*int64(cfg.MaxBatchBytes) + 24<<20)
	if cfg.URLNote != "" {
		log.Warn(cfg.URLNote)
	}
	aws, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithLogger(telemetry.AWS(log)))
	if err != nil {
		return fmt.Errorf("load AWS configuration: %w", err)
	}
	api := secretsmanager.NewFromConfig(aws)
	ingestSecret := func() *secret.Cache { return secret.NewCache(api, cfg.SecretID, time.Now) }
	// The pinned key in the secret is the ingest's, so it holds for the query service only
	// if that has the same host.
	querySecret := func() *secret.Cache {
		return secret.NewQueryCache(api, cfg.SecretID, time.Now, cfg.GrailURL != nil && cfg.GrailURL.Host == cfg.URL.Host)
	}
	objects := store.Client(aws, cfg.S3PathStyle)
	bucket := store.New(objects, cfg.Bucket)
	metrics := telemetry.NewMetrics(os.Stdout, lambdacontext.FunctionName, time.Now)
	services := []preflight.Service{
		{Name: "secretsmanager", URL: secret.Address(ctx, api)}, {Name: "s3", URL: store.Address(ctx, objects, cfg.Bucket)},
	}
	// A nil *eventbus.Bus in these interfaces would not compare equal to nil.
	publisher, notices := deliver.Publisher(nil), ingestcheck.Notices(nil)
	if cfg.Notices {
		events := eventbridge.NewFromConfig(aws)
		bus := eventbus.New(events)
		publisher, notices = bus, bus
		services = append(services, preflight.Service{Name: "events", URL: eventbus.Address(ctx, events)})
	}
	checked := ingestcheck.Options{
		Settings: preflight.Settings{
			URL: cfg.URL, Region: aws.Region, Bucket: cfg.Bucket, AllowLoopback: cfg.AllowLoopback, Version: version, Log: log,
			Proxy: proxy, Services: services, FIPS: cfg.FIPS, DualStack: cfg.DualStack,
			Secrets: func() endpoint.Credentials { return ingestSecret() },
		},
		URLNote: cfg.URLNote, Archive: bucket, Notices: notices, Metrics: metrics, NewID: uuid.NewString,
		Connect: func(creds endpoint.Credentials, limits endpoint.Options) ingestcheck.Ingest {
			return client(cfg, creds, limits)
		},
	}
	rows := forward.Counter(nil) // see publisher
	if cfg.GrailURL != nil {
		checked.Query = func(limits endpoint.Options) ingestcheck.Query { return reader(cfg, querySecret(), limits) }
		rows = reader(cfg, querySecret(), endpoint.Options{AllowLoopback: cfg.AllowLoopback, Proxy: proxy})
	}
	check := ingestcheck.New(checked)
	sender := client(cfg, ingestSecret(), endpoint.Options{AllowLoopback: cfg.AllowLoopback, Proxy: proxy})
	f := forward.New(forward.Options{
		Grail: rows, GrailBucket: cfg.GrailBucket, ResendMissing: cfg.ResendMissing,
		Settings: cfg.Settings, Archive: bucket, Sender: sender, Check: check.Handle, Notices: publisher,
		Log: log, Metrics: metrics, Now: time.Now, Sleep: endpoint.Sleep, NewID: uuid.NewString,
	})
	telemetry.Serve(ctx, log, f.Handle)
	return nil
}

// client returns a client of the ingest.
func client(cfg forwarderconfig.Settings, creds endpoint.Credentials, limits endpoint.Options) *openpipeline.Client {
	return openpipeline.New(openpipeline.Options{
		URL: cfg.URL, Credentials: creds, Limits: limits, UserAgent: "runecast-ingest/" + version, Timeout: 45 * time.Second,
	})
}

// reader returns a client of the query service.
func reader(cfg forwarderconfig.Settings, creds endpoint.Credentials, limits endpoint.Options) *grail.Client {
	return grail.New(grail.Options{
		URL: cfg.GrailURL, Credentials: creds, Limits: limits, UserAgent: "runecast-ingest/" + version, Timeout: 45 * time.Second,
	})
}
