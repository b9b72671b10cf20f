// Command floor does only the work that no forwarder can do without: it posts ready
// bodies over TLS, several at a time. The benchmark compares the forwarder with it. It
// prints how long the work took, in nanoseconds, and waits for the end of its input, so
// that its memory and its CPU time can be read.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
)

func main() {
	body, err := os.ReadFile(os.Getenv("BODY"))
	if err == nil {
		begin := time.Now()
		if err = run(context.Background(), body); err == nil {
			fmt.Println(time.Since(begin).Nanoseconds())
			_, err = io.Copy(io.Discard, os.Stdin)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run posts as many bytes as the variable BYTES says: the body again and again, the last
// time a part of it.
func run(ctx context.Context, body []byte) error {
	left, err := strconv.ParseInt(os.Getenv("BYTES"), 10, 64)
	if err != nil {
		return err
	}
	senders, err := strconv.Atoi(os.Getenv("SEND_CONCURRENCY"))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(os.Getenv("CA_PEM")))
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: senders,
	}}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(senders)
	for ; left > 0; left -= int64(len(body)) {
		part := body[:min(left, int64(len(body)))]
		group.Go(func() error { return post(ctx, client, part) })
	}
	return group.Wait()
}

func post(ctx context.Context, client *http.Client, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, os.Getenv("OPENPIPELINE_URL"), bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		return errors.New(resp.Status)
	}
	return nil
}
