package collect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"runecast-ingest/internal/appliance"
	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/runecast"
	"runecast-ingest/internal/store"
	"runecast-ingest/internal/telemetry"
)

// errMoved: the element downloaded is of another scan than the one polled.
var errMoved = errors.New("the results changed while they were read")

const (
	// unsavedMost is how many systems may end during a download before the run is
	// saved, and unsavedLongest how much time may pass before it is. The run's document
	// holds all systems, so a write for each of them would cost more than their results.
	unsavedMost    = 25
	unsavedLongest = 10 * time.Second
)

// notArchivableError says why results are reported instead of archived: a dashboard
// would show them as all clear.
type notArchivableError struct{ cause *fault.Error }

func (n *notArchivableError) Error() string { return n.cause.Error() }

// download archives all systems that are ready: with API v1 from one download of all
// results, which may have to wait for other systems, with API v2 from one download
// each. The run is saved during a download and at its end, see saveSome.
func (v *invocation) download(ctx, work context.Context, app Appliance, ready map[string]runecast.Scan, late bool) error {
	if v.run.Appliance.API != runecast.V2 {
		return v.downloadAll(ctx, work, app, ready, late)
	}
	for _, id := range slices.Sorted(maps.Keys(ready)) {
		if err := v.take(ctx, work, app, []string{id}, ready); err != nil {
			return err
		}
	}
	return nil
}

// downloadAll downloads the results of all systems if it is time to, or if this is
// the run's last look.
func (v *invocation) downloadAll(ctx, work context.Context, app Appliance, ready map[string]runecast.Scan, late bool) error {
	past := &v.run.Downloads
	if !v.progress(len(ready)).due() && (!late || len(ready) == 0) {
		for id := range ready {
			v.system(id).Reason = "its analysis has finished; its results are downloaded together with those of others, within half an hour"
		}
		if len(ready) > 0 && past.Repeat {
			return v.downloadErr // the systems still wait because of it, so it is logged again
		}
		return nil
	}
	if err := v.beginDownload(ctx, work, app); err != nil {
		return err
	}
	wanted := slices.Sorted(maps.Keys(ready))
	v.downloadErr = v.take(ctx, work, app, wanted, ready)
	if v.downloadErr == nil && !slices.ContainsFunc(wanted, func(id string) bool { return open(v.system(id)) }) {
		past.Failed, past.Whole, past.Repeat = past.Failed-1, past.Whole+1, false
	}
	return v.downloadErr
}

// progress returns how far the run is; ready is how many systems are ready.
func (v *invocation) progress(ready int) progress {
	return progress{began: v.run.StartedAt, now: v.o.Now(), next: v.nextLook(), ready: ready, open: v.countOpen() - ready, past: v.run.Downloads, fresh: v.downloadErr == nil}
}

// beginDownload counts a download as failed before it is made. A crash after this
// write leaves it so, and the next tick repeats the download.
func (v *invocation) beginDownload(ctx, work context.Context, app Appliance) error {
	if err := v.catalogue(work, app); err != nil {
		return err
	}
	past := &v.run.Downloads
	past.Failed, past.Last, past.Repeat = past.Failed+1, v.o.Now().UTC(), true
	return v.save(ctx)
}

// lookAndDownload looks at all scans and downloads their results at the same time. It
// archives each system that has finished and whose status stands near the beginning of
// its results. If the status of a system stands further behind, or if the reading
// failed, another download follows. If the document is malformed, the scans are read
// from the smaller list instead, and the other download reports what is wrong.
func (v *invocation) lookAndDownload(ctx, work context.Context, app Appliance) (map[string]runecast.Scan, error) {
	if err := v.beginDownload(ctx, work, app); err != nil {
		return nil, err
	}
	var seen []*runecast.Element
	err := telemetry.Trace(work, "download", func(work context.Context) error {
		return app.Results(work, v.inState(archive.SystemScanning), func(e *runecast.Element) error {
			seen = append(seen, e)
			s := v.system(e.ID)
			if s == nil || s.State != archive.SystemScanning {
				return nil
			}
			scan, known := e.Foretold()
			if !known || !v.judge(s, scan) {
				return nil
			}
			return v.archive(ctx, work, s, scan, e)
		})
	})
	if serr := v.saveRest(ctx, err); serr != nil {
		return nil, serr
	}
	if fault.ClassOf(err) == fault.Reject {
		return app.Statuses(work, nil)
	}
	if err != nil {
		return nil, err
	}
	scans, missed := make(map[string]runecast.Scan, len(seen)), false
	for _, e := range seen {
		scans[e.ID] = e.Scan
		if s := v.system(e.ID); s != nil && s.State == archive.SystemScanning {
			missed = v.judge(s, e.Scan) || missed
		}
	}
	if past := &v.run.Downloads; !missed {
		past.Failed, past.Whole, past.Repeat = past.Failed-1, past.Whole+1, false
	}
	return scans, nil
}

// take downloads results once, and archives the systems in them that are ready.
func (v *invocation) take(ctx, work context.Context, app Appliance, ids []string, ready map[string]runecast.Scan) error {
	err := telemetry.Trace(work, "download", func(work context.Context) error {
		return app.Results(work, ids, func(e *runecast.Element) error {
			scan, wanted := ready[e.ID]
			if !wanted {
				return nil
			}
			s := v.system(e.ID)
			err := v.archive(ctx, work, s, scan, e)
			if !open(s) {
				delete(ready, e.ID) // a second element with the same id is passed over
			}
			return err
		})
	})
	if serr := v.saveRest(ctx, err); serr != nil {
		return serr
	}
	own, _ := errors.AsType[*appliance.SystemError](err)
	switch {
	case err == nil:
	case fault.ClassOf(err) == fault.Reject: // another download would be no better
		for _, id := range ids {
			if s := v.system(id); open(s) {
				v.fail(s, err.Error())
			}
		}
	case own != nil:
		v.system(own.ID).Reason = err.Error()
	default:
		return err
	}
	return nil
}

// system returns the run's system with that id; nil: the run has none.
func (v *invocation) system(id string) *archive.RunSystem {
	for i := range v.run.Systems {
		if v.run.Systems[i].ID == id {
			return &v.run.Systems[i]
		}
	}
	return nil
}

// catalogue archives the catalogue once per run, before the first raw object that
// names it. An invocation tries it once. Results are archived also without it: some
// appliances fail on it, so an error of reading it is only logged.
func (v *invocation) catalogue(work context.Context, app Appliance) error {
	if v.run.Catalog != "" || v.catalogTried {
		return nil
	}
	v.catalogTried = true
	var unread error
	key, err := v.o.Store.PutCatalog(work, func(w io.Writer) error {
		unread = app.Issues(work, w)
		return unread
	})
	switch {
	case err == nil:
		v.run.Catalog = key
	case work.Err() != nil:
		return err
	case unread != nil:
		v.o.Log.WarnContext(work, "no catalogue of rules", "run", v.run.ID, "error", err.Error())
	default:
		return err
	}
	return nil
}

// archive stores one element as a raw object. It returns no error of the document that
// is read: Results returns that itself. An error is about the archive or the state, and
// ends the download.
func (v *invocation) archive(ctx, work context.Context, s *archive.RunSystem, scan runecast.Scan, e *runecast.Element) error {
	key := archive.RawKey(v.run.StartedAt, v.run.ID, s.ID, s.Name)
	if s.Type == runecast.TypeUnknown {
		s.Type = v.typeOf(runecast.System{ID: s.ID, Name: s.Name, Type: e.Type()}, nil)
	}
	envelope := archive.Envelope{
		Run:       archive.EnvelopeRun{ID: v.run.ID, Trigger: v.run.Trigger, Mode: v.run.Mode, StartedAt: v.run.StartedAt},
		Appliance: v.run.Appliance,
		System:    archive.System{ID: s.ID, Name: s.Name, Type: s.Type},
		Scan:      archive.EnvelopeScan{Status: scan.Status, CompletedAt: scan.Timestamp},
		Catalog:   v.run.Catalog,
	}
	var unread error // what ended the copy
	write := func(w io.Writer) error {
		if err := envelope.WriteHead(w); err != nil {
			return err
		}
		if _, unread = e.WriteTo(w); unread != nil {
			return unread
		}
		if err := archivable(e, scan); err != nil {
			return err
		}
		_, err := io.WriteString(w, "}")
		return err
	}
	var stored store.Stored
	err := telemetry.Trace(work, "archive", func(work context.Context) (err error) {
		stored, err = v.o.Store.PutRaw(work, key, write)
		return err
	}, "key", key)
	refused, _ := errors.AsType[*notArchivableError](err)
	switch {
	case err == nil:
		v.archived(s, stored, scan, remark(e))
	case errors.Is(err, store.ErrExists), errors.Is(err, store.ErrRace):
		err := v.adopt(work, s, key, scan)
		if err != nil && fault.ClassOf(err) != fault.Reject {
			return err
		}
		if err != nil {
			v.fail(s, err.Error())
		}
	case errors.Is(err, errMoved):
		s.Reason = err.Error()
		return nil
	case refused != nil:
		v.fail(s, refused.Error())
	case unread != nil && errors.Is(err, unread):
		return nil
	default:
		return fmt.Errorf("archive %s: %w", s.Name, err)
	}
	switch s.State {
	case archive.SystemArchived:
	case archive.SystemFailed: // fail has logged it
		v.unsaved++
		return v.saveSome(ctx, unsavedMost)
	default: // it is archived in another round
		return nil
	}
	v.o.Log.InfoContext(ctx, "system archived", "run", v.run.ID, "system", s.ID, "name", s.Name, "key", s.RawKey, "bytes", s.Bytes)
	v.unsaved++
	return v.saveSome(ctx, unsavedMost)
}

// saveSome saves the run if at least so many systems have ended since it was last
// saved, or one has and that was more than ten seconds ago. A crash before this write
// leaves raw objects that the run does not know: the next tick downloads again, finds
// that the objects exist (ErrExists), and adopts them.
func (v *invocation) saveSome(ctx context.Context, least int) error {
	if v.unsaved == 0 || v.unsaved < least && v.o.Now().Sub(v.saved) < unsavedLongest {
		return nil
	}
	return v.save(ctx)
}

// saveRest saves the run at the end of a download if a system has ended since it was
// last saved. err is how the download ended. If err is about the state, nothing may be
// written any more, and saveRest returns err.
func (v *invocation) saveRest(ctx context.Context, err error) error {
	if errors.Is(err, errTaken) || errors.As(err, new(*stateError)) {
		return err
	}
	return v.saveSome(ctx, 1)
}

// archived ends a system whose results are stored, and notes of which scan they are,
// for later runs in mode latest.
func (v *invocation) archived(s *archive.RunSystem, stored store.Stored, scan runecast.Scan, remark string) {
	s.State, s.RawKey, s.Bytes, s.SHA256, s.Reason = archive.SystemArchived, stored.Key, stored.Bytes, stored.SHA256, remark
	s.Watch = nil
	if v.run.Last == nil {
		v.run.Last = make(map[string]string)
	}
	v.run.Last[s.ID] = scan.Key()
}

// archivable returns why an element that was copied must not be kept; nil: it may be.
func archivable(e *runecast.Element, polled runecast.Scan) error {
	if !polled.Shows(e.Scan) {
		return errMoved
	}
	if empty := e.Assessment.Empty(); empty != nil {
		return &notArchivableError{empty}
	}
	return nil
}

// remark returns why results that are archived have nothing to show on the dashboard;
// "" if they have.
func remark(e *runecast.Element) string {
	if nothing := e.Assessment.Nothing(); nothing != nil {
		return "archived, but " + nothing.Error()
	}
	return ""
}

// adopt takes over a raw object that another invocation of this run has stored, but has
// not written into the run. It reads the object back to learn its size, its scan and its
// system: two systems may have the same key, which has only a part of the name and of
// the id's hash.
func (v *invocation) adopt(work context.Context, s *archive.RunSystem, key string, polled runecast.Scan) error {
	stored, envelope, err := v.o.Store.Inspect(work, key)
	if errors.Is(err, store.ErrMissing) { // two uploads met and neither won: the next round uploads anew
		s.Reason = "two uploads of its results met, and neither was stored: the next round archives them anew"
		return nil
	}
	if err != nil {
		return fmt.Errorf("adopt %s: %w", key, err)
	}
	if other := envelope.System; other.ID != s.ID {
		return &fault.Error{Class: fault.Reject, Where: key,
			What: fmt.Sprintf("not archived, because the results of another system of this run have the same key: %s (%s)", other.Name, other.ID),
			Cure: "rename one of the two in the appliance: names and ids of both shorten to the same"}
	}
	scan := runecast.Scan{Status: envelope.Scan.Status, Timestamp: envelope.Scan.CompletedAt}
	if scan.Timestamp == polled.Timestamp {
		scan = polled
	}
	s.Type = envelope.System.Type
	v.archived(s, stored, scan, "")
	return nil
}
