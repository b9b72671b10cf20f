// Package config reads settings from the environment. It promises to name every
// fault at once, each with the values allowed, and to refuse a value that it does
// not know rather than guess. What each function reads is in the packages
// collectorconfig and forwarderconfig; who obeys a setting declares its type.
package config

import (
	"log/slog"
	"net/url"
)

// Common are the settings of both functions.
type Common struct {
	// Bucket is the archive.
	Bucket string
	// LogLevel is the least level that is logged.
	LogLevel slog.Level
	// S3PathStyle addresses buckets by path; for local S3 servers.
	S3PathStyle bool
	// AllowLoopback permits endpoints on this machine; for the local stack.
	AllowLoopback bool
	Network
}

// Network is how a function's connections find their way. Beside the function,
// the AWS SDK reads the same variables by itself.
type Network struct {
	// Proxy is what every client of the function goes through; nil: nothing.
	Proxy *url.URL
	// NoProxy are the hosts, networks and domains that are reached without it.
	NoProxy []string
	// CABundle is a file with the authorities of AWS's services, and of a proxy
	// that speaks TLS, where they are not the system's; empty: they are.
	CABundle string
	// FIPS has AWS's services called by their FIPS 140 endpoints, DualStack by
	// those that have IPv6, too.
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
