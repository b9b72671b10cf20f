// Package config reads settings from the environment. It promises to name every
// fault at once, each with the values allowed, and to refuse a value that it does
// not know rather than guess. What each function reads is in the packages
// collectorconfig and forwarderconfig; who obeys a setting declares its type.
package config

import "log/slog"

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
}

// Common reads the settings of both functions.
func (e *Env) Common() Common {
	return Common{
		Bucket:        e.Required("ARCHIVE_BUCKET", "the name of the archive bucket"),
		LogLevel:      e.Level("LOG_LEVEL"),
		S3PathStyle:   e.Switch("S3_PATH_STYLE", "false", "true"),
		AllowLoopback: e.Switch("ALLOW_LOOPBACK", "false", "true"),
	}
}
