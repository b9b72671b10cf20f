package ingestcheck

import (
	"context"
	"fmt"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/preflight"
)

// area is a part of the archive that the forwarder reads.
type area struct {
	prefix string
	write  string // a key to write and to delete; empty: nothing is written there
	note   string // which right is not tried; may be empty
}

// areas returns the parts of the archive that the check tries.
func areas() []area {
	return []area{
		{archive.RawPrefix, "", "; writing there is not tried: the function's role must not be allowed to"},
		{archive.CatalogPrefix, "", ""},
		{archive.DeliveryPrefix, archive.DeliveryCheckKey, ""},
		{archive.RegisterPrefix, "", "; writing is not tried"},
		{archive.QuarantinePrefix, "", "; writing is not tried"},
	}
}

// bucket proves that the archive bucket exists and can be listed.
func (c *check) bucket(ctx context.Context) preflight.Row {
	limited, cancel := context.WithTimeout(ctx, preflight.ReachTime)
	defer cancel()
	for _, err := range c.o.Archive.List(limited, archive.RawPrefix, "") {
		if err != nil {
			return c.S3(limited, err)
		}
		return preflight.Passed("s3://" + c.Bucket + " holds results")
	}
	return preflight.Passed("s3://" + c.Bucket + " answers, and holds no results yet")
}

// area proves the rights on one part of the archive.
func (c *check) area(ctx context.Context, a area) preflight.Row {
	limited, cancel := context.WithTimeout(ctx, preflight.ReachTime)
	defer cancel()
	key, err := c.o.Archive.TryRead(limited, a.prefix)
	if err == nil && a.write != "" {
		err = c.o.Archive.TryWrite(limited, a.write)
	}
	if err != nil {
		return c.S3(limited, err)
	}
	detail := "listed; it is empty"
	if key != "" {
		detail = "listed, and read: " + key
	}
	if a.write != "" {
		detail += fmt.Sprintf("; %s was written and deleted", a.write)
	}
	return preflight.Passed(detail + a.note)
}
