package mapping

// surveyed is what a first look at the document found out about an issue whose
// objects are too many to be held: its members that may follow the objects,
// and how many objects there are.
type surveyed struct {
	head   head
	listed int
}

// stream maps the current issue while its objects are being read. Whether the
// list fits the count must be known before the first finding goes out, and the
// status may come after the objects; so the document is surveyed once.
func (w *work) stream() error {
	s, err := w.surveyed()
	if err != nil {
		return err
	}
	w.issues.head = s.head
	read := false
	err = w.issue(s.listed, func(held func() error) error {
		read = true
		w.issues.free()
		for w.issues.dec.PeekKind() != ']' {
			w.issues.drop()
			if err := w.issues.readObject(); err != nil {
				return err
			}
			if err := held(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || read {
		return err
	}
	_, err = passObjects(w.issues.dec)
	return err
}

// surveyed gives what the survey found out about the current issue.
func (w *work) surveyed() (surveyed, error) {
	if w.survey == nil {
		if err := w.takeSurvey(); err != nil {
			return surveyed{}, err
		}
	}
	s, ok := w.survey[w.index]
	if !ok {
		return s, reject("the document changed while it was read", "deliver it again")
	}
	return s, nil
}

// takeSurvey reads the document again and notes the issues with very many objects.
func (w *work) takeSurvey() error {
	d, done, err := w.in.Reopen()
	if err != nil {
		return err
	}
	defer func() { _ = done() }() // reading is over
	w.survey = map[int]surveyed{}
	r := issueReader{dec: d.dec, keepRaw: w.issues.keepRaw, countOnly: true}
	listed := 0
	r.overflow = func() error {
		n, err := passObjects(d.dec)
		listed = r.held().objects + n
		return err
	}
	index := -1
	return d.issues(func() error {
		index++
		if err := r.read(); err != nil {
			return err
		}
		if r.streamed {
			h := r.head
			h.products = append([]string(nil), h.products...)
			w.survey[index] = surveyed{head: h, listed: listed}
		}
		return nil
	})
}
