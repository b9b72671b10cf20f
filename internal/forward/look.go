package forward

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"iter"
	"strings"
	"time"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/store"
)

// groupSize is the most raw objects of one group. It bounds what a look holds in
// memory, and how many delivery documents it reads again after one of them changed.
const groupSize = 1000

// look searches a part of the archive for raw objects whose deliveries have not
// ended. It lists raw/ and delivery/ side by side, in groups of neighbouring objects.
// If the listing of a group is the same as when all its deliveries had ended, none of
// its delivery documents is read; otherwise all of them are. Objects that are known to
// be open are left out of the comparison and are always read, so that one object that
// stays open does not make the look read its whole group each time.
type look struct {
	store *store.Store
	now   func() time.Time
	// stop ends the look between two groups.
	stop time.Time
	// ended are the digests of the groups of which earlier sweeps found all deliveries
	// ended.
	ended map[string]bool
	// known are the objects that the last sweep left open, by their keys.
	known map[string]archive.OpenObject

	// open are the objects that are open now, by their keys. It begins with those of
	// known.
	open map[string]archive.RawInfo
	// met are the digests of the groups that this look has judged, in its order.
	met []string
	// behind is the last key of the last group that was judged.
	behind string
	group  group
}

// group is a list of neighbouring raw objects of one folder, with their documents.
type group struct {
	folder  string
	objects []archive.RawInfo
	// documents are the ETags of the delivery documents of the folder, by their keys.
	documents map[string]string
}

// through looks at the raw objects under a prefix whose keys sort after another key.
// It reports whether it came to the end of the prefix before its time was over.
func (l *look) through(ctx context.Context, prefix, after string) (bool, error) {
	documents, stop := iter.Pull2(l.store.List(ctx, archive.DeliveryPrefix+prefix, archive.DeliveryPrefix+after))
	defer stop()
	document, err, more := documents()
	l.group = group{}
	for info, listErr := range l.store.Select(ctx, store.Query{Prefix: prefix, After: after, Order: store.ByKey}) {
		if listErr != nil {
			return false, listErr
		}
		if folder := folderOf(info.Key); folder != l.group.folder || len(l.group.objects) == groupSize {
			if err := l.judge(ctx); err != nil {
				return false, err
			}
			if !l.now().Before(l.stop) {
				return false, nil
			}
			l.group = group{folder: folder, documents: map[string]string{}}
		}
		// If one raw key is the beginning of another, the documents of the two may be
		// listed in the other order. So all documents of the folder are kept.
		for ; more && err == nil && document.Key <= archive.DeliveryKey(info.Key); document, err, more = documents() {
			if strings.HasPrefix(document.Key, archive.DeliveryPrefix+l.group.folder) {
				l.group.documents[document.Key] = document.ETag
			}
		}
		if err != nil {
			return false, err
		}
		l.group.objects = append(l.group.objects, info)
	}
	return true, l.judge(ctx)
}

// folderOf returns the first three folders of a key, with a slash at the end: of an
// analysis raw/v1/dt=<day>/.
func folderOf(key string) string {
	end := 0
	for range 3 {
		i := strings.IndexByte(key[end:], '/')
		if i < 0 {
			break
		}
		end += i + 1
	}
	return key[:end]
}

// judge finds out which objects of the group are open, and makes the digest of all
// others. The digest holds the ETags of the documents that were read, not those of the
// listing: a document that changed in between must not be taken for ended later, should
// it be restored to its listed version.
func (l *look) judge(ctx context.Context) error {
	g := &l.group
	if len(g.objects) == 0 {
		return nil
	}
	ended := l.ended[g.digest(func(key string) bool { _, known := l.known[key]; return known })]
	for t, err := range l.store.Deliveries(ctx, l.unclear(ended)) {
		if err != nil {
			return err
		}
		g.documents[archive.DeliveryKey(t.Key)] = t.Delivery.ETag
		if t.Ended() {
			delete(l.open, t.Key)
		} else {
			l.open[t.Key] = t.RawInfo
		}
	}
	if err := ctx.Err(); err != nil {
		return err // the last reads were cut off, and prove nothing about the documents
	}
	for _, info := range g.objects {
		if g.documents[archive.DeliveryKey(info.Key)] == "" {
			l.open[info.Key] = info
		}
	}
	l.met = append(l.met, g.digest(func(key string) bool { _, open := l.open[key]; return open }))
	l.behind = g.objects[len(g.objects)-1].Key
	return nil
}

// unclear returns the objects whose delivery documents have to be read. An object
// without a document is open and is left out. ended says that the group is known to
// have ended: then only the objects that are known to be open are read.
func (l *look) unclear(ended bool) iter.Seq2[archive.RawInfo, error] {
	return func(yield func(archive.RawInfo, error) bool) {
		for _, info := range l.group.objects {
			_, known := l.known[info.Key]
			if (known || !ended) && l.group.documents[archive.DeliveryKey(info.Key)] != "" && !yield(info, nil) {
				return
			}
		}
	}
}

// digest returns a checksum of the keys, the ETags and the documents' ETags of the
// group's objects, except those for which leftOut reports true.
func (g *group) digest(leftOut func(key string) bool) string {
	sum := sha256.New()
	for _, info := range g.objects {
		if leftOut(info.Key) {
			continue
		}
		for _, text := range []string{info.Key, info.ETag, g.documents[archive.DeliveryKey(info.Key)]} {
			_, _ = io.WriteString(sum, text+"\x00")
		}
	}
	return base64.RawURLEncoding.EncodeToString(sum.Sum(nil)[:16])
}
