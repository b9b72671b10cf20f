// Command forwarder is the Lambda function that maps raw objects into security
// events and sends them to Dynatrace. It is wiring only.
package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/uuid"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/config"
	"runecast-ingest/internal/endpoint"
	"runecast-ingest/internal/forward"
	"runecast-ingest/internal/openpipeline"
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
	cfg, err := config.LoadForwarder(os.Getenv)
	if err != nil {
		return err
	}
	// The bodies in flight are nearly all that is live: without a limit the
	// garbage collector would let as much garbage gather beside them.
	debug.SetMemoryLimit(int64(cfg.SendConcurrency+2)*int64(cfg.MaxBatchBytes) + 32<<20)
	log := telemetry.Logger(os.Stdout, cfg.LogLevel)
	if cfg.URLNote != "" {
		log.Warn(cfg.URLNote)
	}
	aws, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return fmt.Errorf("load AWS configuration: %w", err)
	}
	sender := openpipeline.New(openpipeline.Options{
		URL:         cfg.URL,
		Credentials: secret.NewCache(secretsmanager.NewFromConfig(aws), cfg.SecretID, time.Now),
		HTTP: func(c secret.Credential) (*http.Client, error) {
			return endpoint.Client(c, endpoint.Options{AllowLoopback: cfg.AllowLoopback})
		},
		UserAgent: "runecast-ingest/" + version,
		Timeout:   45 * time.Second,
		Now:       time.Now, Sleep: openpipeline.Sleep, Jitter: rand.Float64,
	})
	f := forward.New(forward.Options{
		Config:  cfg,
		Archive: archive.New(archive.Client(aws, cfg.S3PathStyle), cfg.Bucket),
		Sender:  sender, Log: log, Metrics: telemetry.NewMetrics(os.Stdout, lambdacontext.FunctionName, time.Now), Now: time.Now, Sleep: openpipeline.Sleep, NewID: uuid.NewString,
	})
	lambda.StartWithOptions(f.Handle, lambda.WithContext(ctx))
	return nil
}
