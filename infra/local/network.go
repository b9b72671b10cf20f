package main

import (
	"context"
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"runecast-ingest/infra/local/proxy"
)

// network starts the proxy, if one is asked for, and returns the functions'
// settings for it: they go through it to every service but X-Ray, whose daemon
// Lambda has beside each function.
func (s *stack) network(ctx context.Context) ([]string, error) {
	if !s.o.proxy {
		return nil, nil
	}
	log, err := s.logFile("proxy.log")
	if err != nil {
		return nil, err
	}
	if s.proxy, err = proxy.Start(ctx, s.o.logs(), log); err != nil {
		return nil, err
	}
	s.opened(s.proxy)
	bundle, err := filepath.Abs(filepath.Join(s.o.logs(), "ca-bundle.pem"))
	if err != nil {
		return nil, err
	}
	return []string{"HTTPS_PROXY=" + s.proxy.URL(), "AWS_CA_BUNDLE=" + bundle}, os.WriteFile(bundle, s.authority.PEM(), 0o600)
}

// outside serves what stands outside of the functions' network, and returns its
// URL: on loopback, over TLS only where that is asked for, or behind the proxy and
// always over TLS.
func (s *stack) outside(name string, h http.Handler, overTLS bool) (url string, err error) {
	if s.proxy == nil {
		var conf *tls.Config
		scheme := "http://"
		if overTLS {
			if conf, err = s.authority.Server(); err != nil {
				return "", err
			}
			scheme = "https://"
		}
		address, err := s.serve(h, conf)
		return scheme + address, err
	}
	conf, err := s.authority.Server(s.proxy.Host())
	if err != nil {
		return "", err
	}
	ln, err := s.proxy.Listen(name)
	if err != nil {
		return "", err
	}
	return "https://" + s.serveOn(ln, h, conf), nil
}

// objects returns where the functions find the S3 server at this address: with a
// proxy behind TLS, which the server itself does not speak.
func (s *stack) objects(server string) (url string, err error) {
	if s.proxy == nil {
		return server, nil
	}
	conf, err := s.authority.Server(s.proxy.Host())
	if err != nil {
		return "", err
	}
	ln, err := s.proxy.Listen("S3")
	if err != nil {
		return "", err
	}
	s.opened(ln)
	go proxy.Splice(tls.NewListener(ln, conf), strings.TrimPrefix(server, "http://")) // ends with the listener
	return "https://" + ln.Addr().String(), nil
}
