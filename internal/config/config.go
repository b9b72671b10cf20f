// Package config reads settings from the environment. It promises to name all faults
// at once, each with the allowed values, and to refuse a value that it does not know.
// The packages collectorconfig and forwarderconfig list the settings of each function;
// the type of a setting is declared by the package that uses it.
package config

import (
	"log/slog"
	"net/url"
)

// Common are the settings of both functions.
type Common struct {
	// Bucket is the name of the archive bucket.
	Bucket string
	// LogLevel is the lowest level that is logged.
	LogLevel slog.Level
	// S3PathStyle makes the S3 client put the bucket into the path, as local S3 servers
	// need it.
	S3PathStyle bool
	// AllowLoopback permits endpoints on this machine; for the local stack.
	AllowLoopback bool
	Network
}

// Network says how a function's connections are made. The AWS SDK reads the same
// variables by itself.
type Network struct {
	// Proxy is the proxy for all connections; nil: there is none.
	Proxy *url.URL
	// NoProxy are the hosts, domains and networks that are reached without the proxy.
	NoProxy []string
	// CABundle is the path of a file with the certificate authorities of AWS's services,
	// and of a proxy that speaks TLS; empty: those of the system.
	CABundle string
	// FIPS selects the FIPS 140 endpoints of AWS's services, DualStack those with IPv6.
	FIPS, DualStack bool
}

// Common reads the settings of both functions.
func (e *Env) Common() Common {
	return Common{
		Bucket:        e.Required("ARCHIVE_BUCKET", "the name of the archive bucket"),
		LogLevel:      e.Level("LOG_LEVEL"),
		S3PathStyle:   e.Switch("S3_PATH_STYLE", "false", "true"),
		AllowLoopback: e.Switch("ALLOW_LOOPBACK", "false", "true"),
		Network: Network{
			Proxy:     e.proxy("HTTPS_PROXY"),
			NoProxy:   e.exceptions("NO_PROXY"),
			CABundle:  e.text("AWS_CA_BUNDLE"),
			FIPS:      e.Switch("AWS_USE_FIPS_ENDPOINT", "false", "true"),
			DualStack: e.Switch("AWS_USE_DUALSTACK_ENDPOINT", "false", "true"),
		},
	}
}
