package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json"

	"runecast-ingest/internal/archive"
)

// bucket is the archive as a folder: the S3 server keeps objects as files.
type bucket string

// delivery is a raw object with its delivery document, which is empty if there is none.
type delivery struct {
	key string
	archive.Delivery
}

func (b bucket) path(key string) string { return filepath.Join(string(b), filepath.FromSlash(key)) }

// size returns an object's size in bytes, 0 if it is not there.
func (b bucket) size(key string) int64 {
	info, err := os.Stat(b.path(key))
	if err != nil {
		return 0
	}
	return info.Size()
}

// run returns the run under way; the zero value if there is none.
func (b bucket) run() archive.Run {
	var r archive.Run
	b.read(archive.ActiveRunKey, &r)
	return r
}

// finished returns the ended run with this id; the zero value if there is none.
func (b bucket) finished(id string) archive.Run {
	var r archive.Run
	b.read(archive.RunKey(id), &r)
	return r
}

// deliveries returns all raw objects with their delivery documents, in lexical
// order of their paths.
func (b bucket) deliveries() ([]delivery, error) {
	var out []delivery
	err := filepath.WalkDir(b.path(archive.RawPrefix), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		relative, err := filepath.Rel(string(b), path)
		if err != nil {
			return err
		}
		d := delivery{key: filepath.ToSlash(relative)}
		b.read(archive.DeliveryKey(d.key), &d.Delivery)
		out = append(out, d)
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // nothing archived yet
	}
	return out, err
}

// read decodes a state document into a value. It leaves the value empty if the
// document does not exist, or is being replaced at this moment; the next read
// gets it.
func (b bucket) read(key string, into any) {
	text, err := os.ReadFile(b.path(key))
	if err == nil {
		_ = json.Unmarshal(text, into)
	}
}

// ofRun reports whether the raw object was archived by this run.
func (d delivery) ofRun(run string) bool { return strings.Contains(d.key, "/run="+run+"/") }

// name returns the raw object's file name without ".json.gz".
func (d delivery) name() string {
	return strings.TrimSuffix(d.key[strings.LastIndexByte(d.key, '/')+1:], ".json.gz")
}
