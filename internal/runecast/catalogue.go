package runecast

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"

	"runecast-ingest/internal/fault"
)

const (
	// maxTypes bounds the profile codes that are remembered, and maxType the
	// length of one in bytes.
	maxTypes = 200
	maxType  = 100
	// maxCheck bounds one entry of the catalogue where it is put together.
	maxCheck = 1 << 20
)

func (c *Client) sawType(code string) {
	if code == "" || len(code) > maxType {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.types) < maxTypes {
		c.types[code] = true
	}
}

// Issues copies v1's catalogue of all checks to dst, byte for byte. It helps to
// read old results, which stand without it: appliances are known to fail on all
// of it at once (2020). Then it is asked for by each profile code that was seen
// in results, and put together to one document; a part that fails is left out.
func (c *Client) Issues(ctx context.Context, dst io.Writer) error {
	err := c.issues(ctx, "", func(body io.Reader) error { return copyDocument(dst, body) })
	if statusOf(err) >= 500 && ctx.Err() == nil {
		err = c.issuesByType(ctx, dst, err)
	}
	if err != nil {
		return fmt.Errorf("read catalogue: %w", err)
	}
	return nil
}

func (c *Client) issues(ctx context.Context, query string, read func(io.Reader) error) error {
	body, err := c.get(ctx, apiV1+"/issues"+query)
	if err != nil {
		return err
	}
	defer body.Close()
	return c.readError(ctx, read(body))
}

// issuesByType gives the first error if no part could be read.
func (c *Client) issuesByType(ctx context.Context, dst io.Writer, first error) error {
	c.mu.Lock()
	types := slices.Sorted(maps.Keys(c.types))
	c.mu.Unlock()
	list := &joined{dst: dst}
	got := false
	for _, code := range types {
		err := c.issues(ctx, "?type="+url.QueryEscape(code), list.take)
		switch {
		case list.err != nil:
			return list.err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil:
			got = true
		}
	}
	if !got {
		return first
	}
	return list.end()
}

// joined writes one {"issues":[…]} of the elements of several.
type joined struct {
	dst  io.Writer
	open bool
	err  error // of dst
}

// take copies the elements of one document. Of a document that breaks off, the
// elements before remain: each is written when it was whole.
func (j *joined) take(body io.Reader) error {
	w := newWalker(body, chunkSize)
	var element bytes.Buffer
	err := w.members(func(name []byte) error {
		if string(name) != "issues" {
			return w.skip()
		}
		return w.elements(func() error {
			if w.dec.PeekKind() != '{' {
				return w.skip()
			}
			if _, err := w.token(); err != nil {
				return err
			}
			element.Reset()
			w.tap.begin(w.dec.InputOffset()-1, &limited{buf: &element, most: maxCheck, what: "an entry of the catalogue"})
			if err := w.rest(); err != nil {
				return err
			}
			if w.tap.end(w.dec.InputOffset()); w.tap.sinkErr != nil {
				return w.tap.sinkErr
			}
			return j.add(element.Bytes())
		})
	})
	if err != nil {
		return err
	}
	return w.end()
}

func (j *joined) add(element []byte) error {
	separator := ","
	if !j.open {
		separator = `{"issues":[`
	}
	j.open = true
	j.write([]byte(separator))
	j.write(element)
	return j.err
}

func (j *joined) end() error {
	if !j.open {
		j.write([]byte(`{"issues":[`))
	}
	j.write([]byte("]}"))
	return j.err
}

func (j *joined) write(p []byte) {
	if j.err == nil {
		_, j.err = j.dst.Write(p)
	}
}

// copyDocument copies one JSON document and makes sure that it is whole.
func copyDocument(dst io.Writer, src io.Reader) error {
	w := newWalker(src, chunkSize)
	w.tap.begin(0, dst)
	if err := w.skip(); err != nil {
		return err
	}
	w.tap.end(w.dec.InputOffset())
	if w.tap.sinkErr != nil {
		return w.tap.sinkErr
	}
	return w.end()
}

// limited is a buffer with a bound.
type limited struct {
	buf  *bytes.Buffer
	most int
	what string
}

func (l *limited) Write(p []byte) (int, error) {
	if l.buf.Len()+len(p) > l.most {
		return 0, &fault.Error{Class: fault.Reject, What: fmt.Sprintf("%s is over %d MiB", l.what, l.most>>20),
			Cure: "report the appliance's version to the maintainers of this function: its API differs from what is known"}
	}
	return l.buf.Write(p)
}

var errTaken = errors.New("copy element: it was read already")
