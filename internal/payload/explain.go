package payload

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Explain returns, for a person, why a payload could not be decoded. err is the decoder's
// error, whose own text is about types of this program.
func Explain(err error) string {
	if s, ok := errors.AsType[*json.SemanticError](err); ok {
		member := place(s.JSONPointer)
		switch {
		case errors.Is(err, json.ErrUnknownName):
			return fmt.Sprintf("the member %s is not known", member)
		case errors.Is(s.Err, strconv.ErrRange):
			return fmt.Sprintf("%s is %s, which is out of range", member, s.JSONValue)
		case s.JSONKind == '0' && s.JSONValue != nil:
			return fmt.Sprintf("%s is %s, and not %s", member, s.JSONValue, kindOf(s.GoType))
		case s.JSONKind != 0 && kindOf(s.GoType) != "" && kindOf(s.GoType) != kinds[s.JSONKind]:
			return fmt.Sprintf("%s is %s, and not %s", member, kinds[s.JSONKind], kindOf(s.GoType))
		}
		return fmt.Sprintf("%s cannot be read (%v)", member, s.Err)
	}
	s, ok := errors.AsType[*jsontext.SyntacticError](err)
	switch {
	case ok && errors.Is(err, jsontext.ErrDuplicateName):
		return fmt.Sprintf("the member %s is there twice", place(s.JSONPointer))
	case ok:
		return fmt.Sprintf("it is not valid JSON at byte %d", s.ByteOffset)
	}
	return err.Error()
}

// place returns the name of the member at a place in a payload.
func place(at jsontext.Pointer) string {
	if at == "" {
		return "the payload"
	}
	return fmt.Sprintf("%q", string(at[1:]))
}

// kinds are the words for the kinds of JSON values.
var kinds = map[jsontext.Kind]string{
	'n': "null", 'f': "true or false", 't': "true or false", '"': "a text", '0': "a number", '{': "a JSON object", '[': "a list",
}

// kindOf returns the word for the JSON value that a type is decoded from; "" if there
// is none.
func kindOf(t reflect.Type) string {
	if t == nil {
		return ""
	}
	switch t.Kind() {
	case reflect.Pointer:
		return kindOf(t.Elem())
	case reflect.Bool:
		return kinds['t']
	case reflect.String:
		return kinds['"']
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return kinds['0']
	case reflect.Slice:
		return kinds['[']
	case reflect.Struct, reflect.Map:
		return kinds['{']
	}
	return ""
}
