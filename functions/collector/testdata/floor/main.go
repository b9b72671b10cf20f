// Command floor does only the work that no collector can do without: it downloads
// results, compresses them and uploads them in parts, without reading them. The benchmark
// compares the collector with it. It prints how long the work took, in nanoseconds, and
// waits for the end of its input, so that its memory can be read.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/klauspost/compress/gzip"
)

func main() {
	begin := time.Now()
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(time.Since(begin).Nanoseconds())
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func run(ctx context.Context) error {
	body, err := download(ctx)
	if err != nil {
		return err
	}
	defer body.Close()
	pr, pw := io.Pipe()
	go func() {
		zw := gzip.NewWriter(pw)
		_, err := io.Copy(zw, body)
		_ = pw.CloseWithError(errors.Join(err, zw.Close()))
	}()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	bucket, key := os.Getenv("ARCHIVE_BUCKET"), fmt.Sprintf("floor/%d", time.Now().UnixNano())
	_, err = transfermanager.New(client).UploadObject(ctx, &transfermanager.UploadObjectInput{Bucket: &bucket, Key: &key, Body: pr})
	return err
}

func download(ctx context.Context) (io.ReadCloser, error) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(os.Getenv("CA_PEM")))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, os.Getenv("RUNECAST_URL")+"/rc2/api/v1/results", nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, errors.Join(errors.New(resp.Status), resp.Body.Close())
	}
	return resp.Body, nil
}
