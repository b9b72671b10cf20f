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

// network starts the proxy if -proxy is set, and returns the functions' settings
// for it. The functions go through the proxy to every service but X-Ray, whose
// daemon runs beside each function in Lambda.
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

// outside serves a service that is outside of the functions' network, and returns
// its URL. Without a proxy the service is on loopback, over TLS if overTLS is set.
// With a proxy it is behind the proxy, and always over TLS.
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

// objects returns the URL at which the functions find the S3 server with the URL
// given. With a proxy it is that of a TLS listener behind the proxy, which passes
// the bytes on, because the server itself speaks plain HTTP only.
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
