package expect

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// word is a short text that may also come as a number; null and structures
// are "".
type word string

// UnmarshalJSONFrom reads any JSON value.
func (w *word) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*w = ""
	switch dec.PeekKind() {
	case '"', '0', 't', 'f':
		token, err := dec.ReadToken()
		if err == nil {
			*w = word(token.String())
		}
		return err
	}
	return dec.SkipValue()
}

// count is a number of objects; not known if it is missing, negative or no
// number.
type count struct {
	objects float64
	known   bool
}

// UnmarshalJSONFrom reads any JSON value.
func (c *count) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*c = count{}
	if dec.PeekKind() != '0' {
		return dec.SkipValue()
	}
	token, err := dec.ReadToken()
	if err != nil {
		return err
	}
	n, _ := token.Float() // a number out of range is greater than the length of any list
	*c = count{n, n >= 0}
	return nil
}

// list is an array of objects. Elements that are no objects are passed over, and a
// value that is no array is an empty list.
type list[T any] []T

// UnmarshalJSONFrom reads any JSON value.
func (l *list[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*l = nil
	if dec.PeekKind() != '[' {
		return dec.SkipValue()
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for kind := dec.PeekKind(); kind != ']' && kind != jsontext.KindInvalid; kind = dec.PeekKind() {
		if kind != '{' {
			if err := dec.SkipValue(); err != nil {
				return err
			}
			continue
		}
		var element T
		if err := json.UnmarshalDecode(dec, &element); err != nil {
			return err
		}
		*l = append(*l, element)
	}
	_, err := dec.ReadToken() // the closing bracket, or the error
	return err
}
