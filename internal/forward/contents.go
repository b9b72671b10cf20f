package forward

import (
	"context"
	"errors"
	"io"
	"strings"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/mapping"
	"runecast-ingest/internal/runecast"
)

// target is one scan in a raw object.
type target struct {
	env   mapping.Envelope
	order archive.Order
	// bare: the document has no envelope; element is the scan's place in v1
	// results, -1 in a v2 scan.
	bare    bool
	element int
	// scan is the scan's part in the delivery document.
	scan *archive.Scan
}

func (t *target) system() archive.System {
	return archive.System{ID: t.env.System.ID, Name: t.env.System.Name, Type: t.env.System.Type}
}

// contents lists the scans in the object. Archived ones are ordered by their
// run, hand-made ones by their upload.
func (d *delivery) contents(ctx context.Context) error {
	env, err := d.envelope(ctx)
	switch {
	case err == nil:
		d.targets = []*target{{env: env, order: archive.Order{StartedAt: env.Run.StartedAt, Run: env.Run.ID}}}
	case errors.Is(err, mapping.ErrBare) && d.handMade():
		if d.targets, err = d.bareScans(ctx); err != nil {
			return err
		}
	default:
		return err
	}
	for _, t := range d.targets {
		if d.handMade() {
			t.order = archive.Order{StartedAt: d.info.LastModified.UTC(), Run: d.key}
			t.env.Run.ID, t.env.Run.StartedAt = d.key, t.order.StartedAt
		}
	}
	return nil
}

func (d *delivery) handMade() bool { return strings.HasPrefix(d.key, archive.ManualPrefix) }

func (d *delivery) envelope(ctx context.Context) (mapping.Envelope, error) {
	body, err := d.f.o.Archive.Open(ctx, d.info)
	if err != nil {
		return mapping.Envelope{}, err
	}
	defer body.Close()
	doc, err := mapping.Open(body)
	if err != nil {
		return mapping.Envelope{}, err
	}
	return doc.Envelope, nil
}

// bareScans looks through a document as an appliance answered it.
func (d *delivery) bareScans(ctx context.Context) ([]*target, error) {
	scans, err := d.bareResults(ctx)
	if err == nil || fault.ClassOf(err) != fault.Reject {
		return scans, err
	}
	body, oerr := d.f.o.Archive.Open(ctx, d.info)
	if oerr != nil {
		return nil, oerr
	}
	defer body.Close()
	at, v2err := mapping.ScanTime(body)
	if v2err != nil {
		return nil, err
	}
	name, _, ok := strings.Cut(strings.TrimPrefix(d.key, archive.ManualPrefix), "/")
	switch {
	case at.IsZero():
		return nil, err // neither v2
	case !ok || name == "":
		return nil, &fault.Error{Class: fault.Reject, Where: d.key, What: "a saved v2 scan names no system",
			Cure: "upload it as " + archive.ManualPrefix + "<system name>/<file>"}
	}
	t := &target{bare: true, element: -1}
	t.env.System.ID, t.env.System.Name, t.env.System.Type = "manual:"+name, name, runecast.TypeUnknown
	t.env.Scan.CompletedAt = at.Format(timeLayout)
	return []*target{t}, nil
}

const timeLayout = "2006-01-02T15:04:05.000Z07:00"

// bareResults lists the systems of saved v1 results. A system whose scan had not
// succeeded is left out, since its results may be halves of two scans.
func (d *delivery) bareResults(ctx context.Context) ([]*target, error) {
	body, err := d.f.o.Archive.Open(ctx, d.info)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	var elements []*runecast.Element
	read := &ending{Reader: body}
	err = runecast.Split(read, func(e *runecast.Element) error {
		elements = append(elements, e)
		return nil
	})
	if err != nil && read.ended { // all of it was read, so it will not get better
		return nil, &fault.Error{Class: fault.Reject, Where: d.key, What: "the document cannot be read", Err: err, Cure: "save and upload it again"}
	}
	if err != nil {
		return nil, err
	}
	var targets []*target
	for _, e := range elements {
		if e.Scan.Status != "" && !e.Scan.Succeeded() {
			continue
		}
		t := &target{bare: true, element: e.Index}
		t.env.System.ID, t.env.System.Name, t.env.System.Type = e.ID, e.Name, e.Type()
		t.env.Scan.Status, t.env.Scan.CompletedAt = e.Scan.Status, e.Scan.Timestamp
		targets = append(targets, t)
	}
	if len(targets) == 0 {
		return nil, &fault.Error{Class: fault.Reject, Where: d.key, What: "the document has no system with a finished scan", Cure: "save what the appliance answers to /results"}
	}
	return targets, nil
}

// ending notes that a reader came to its end.
type ending struct {
	io.Reader
	ended bool
}

func (e *ending) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	e.ended = e.ended || errors.Is(err, io.EOF)
	return n, err
}

// document opens the object at a scan.
func (d *delivery) document(ctx context.Context, t *target) (*mapping.Document, func() error, error) {
	body, err := d.f.o.Archive.Open(ctx, d.info)
	if err != nil {
		return nil, nil, err
	}
	var doc *mapping.Document
	if t.bare {
		doc, err = mapping.OpenBare(body, t.env, t.element)
	} else if doc, err = mapping.Open(body); err == nil {
		doc.Envelope = t.env
	}
	if err != nil {
		return nil, nil, errors.Join(err, body.Close())
	}
	return doc, body.Close, nil
}
