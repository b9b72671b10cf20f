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

// groupSize bounds the raw objects that are judged together, and so what a
// look holds in memory and reads again after one change.
const groupSize = 1000

// look is one way through a part of the archive, in search of raw objects whose
// deliveries have not ended. It lists raw/ and delivery/ side by side. A group
// of neighbouring objects whose listing is the same as when all of them had
// ended costs nothing more; of the others each delivery document is read.
// Objects that are known to be open are judged by themselves, so that one that
// stays open does not make its group be read again and again.
type look struct {
	store *store.Store
	now   func() time.Time
	// stop ends the look between two groups.
	stop time.Time
	// ended are the digests of groups that are known to have ended.
	ended map[string]bool
	// known are the objects that are known to be open, by their keys.
	known map[string]archive.OpenObject

	// open are the objects that were found open, by their keys.
	open map[string]archive.RawInfo
	// met are the digests of the groups that have ended, in the order of the look.
	met []string
	// behind is the last key of the last group that was judged.
	behind string
	group  group
}

// group are neighbouring raw objects of one folder.
type group struct {
	folder  string
	objects []archive.RawInfo
	// documents are the ETags of the delivery documents of the folder, by their keys.
	documents map[string]string
}

// through looks at the raw objects under a prefix behind a key. It reports
// whether it came to the end before its time did.
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
		// A key that begins with another whole key may have its document listed
		// first, so the documents of the folder are kept until they are asked for.
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

// folderOf returns the first three folders of a key: of analyses raw/v1/dt=<day>/.
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

// judge finds out which objects of the group are open, and makes the digest of
// all others. It holds the ETags of the documents as they were read: one that
// was restored to what a listing had shown before must not be taken for ended.
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
		return err // what was read last is not what the archive says
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

// unclear are the objects whose delivery documents have to be read: those that
// are known to be open, and, unless the group is known to have ended, all
// others that have one.
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

// digest sums up what is known of the group's objects, but for those left out.
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
