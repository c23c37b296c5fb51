// Package request reads request bodies: JSON objects, decoded strictly, so that a request has only one meaning.
package request

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"imperio/appliance/problem"
)

// MaxBody is the size of the largest accepted body, in bytes.
const MaxBody = 64 << 10

// Decode decodes one JSON object into v. It refuses unknown members, repeated members, names in another case, and anything
// after the object.
func Decode(data []byte, v any) error {
	if data = bytes.TrimLeft(data, " \t\r\n"); len(data) == 0 {
		return problem.New("invalid_json", "The body is empty. It must be a JSON object.")
	}
	if data[0] != '{' && jsontext.Value(data).IsValid() {
		return problem.New("bad_request", "The body must be a JSON object.")
	}
	err := json.Unmarshal(data, v, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	syntactic, _ := errors.AsType[*jsontext.SyntacticError](err)
	semantic, _ := errors.AsType[*json.SemanticError](err)
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return problem.New("duplicate_key", "The field %s is repeated.", pointer(syntactic.JSONPointer))
	case errors.Is(err, json.ErrUnknownName):
		return problem.New("unknown_field", "The field %s is unknown. Field names are lower case.", pointer(semantic.JSONPointer))
	case syntactic != nil:
		return problem.New("invalid_json", "The body is not valid JSON: see byte %d.", syntactic.ByteOffset)
	case semantic != nil && semantic.Err != nil && semantic.GoType != nil:
		return problem.New("bad_request", "The field %s %s.", pointer(semantic.JSONPointer), semantic.Err)
	case semantic != nil:
		return problem.New("bad_request", "The field %s has the wrong type.", pointer(semantic.JSONPointer))
	}
	return fmt.Errorf("decode body: %w", err)
}

// pointer formats a JSON pointer for people. It shortens long names.
func pointer(p jsontext.Pointer) string {
	name := strings.TrimPrefix(strings.ToValidUTF8(string(p), "?"), "/")
	if len(name) > 64 {
		name = strings.ToValidUTF8(name[:64], "") + "…"
	}
	return strconv.Quote(name)
}

// Read appends the body of a request to buf, at most MaxBody bytes.
func Read(r *http.Request, buf []byte) ([]byte, error) { return ReadUpTo(MaxBody, r, buf) }

// ReadUpTo is Read for a body of at most most bytes.
func ReadUpTo(most int, r *http.Request, buf []byte) ([]byte, error) {
	tooLarge := func() error {
		return problem.New("body_too_large", "The body is larger than %d bytes.", most)
	}
	if r.ContentLength > int64(most) {
		return buf, tooLarge()
	}
	for len(buf) <= most {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Body.Read(buf[len(buf):min(cap(buf), most+1)])
		buf = buf[:len(buf)+n]
		if err == io.EOF && len(buf) <= most {
			return buf, nil
		}
		if _, limited := errors.AsType[*http.MaxBytesError](err); limited {
			return buf, tooLarge() // the edge has a limit too
		}
		if err != nil && err != io.EOF {
			p := problem.New("bad_request", "The body ended too early.")
			p.Cause = err
			return buf, p
		}
		if err == io.EOF {
			break
		}
	}
	return buf, tooLarge()
}

// CheckMediaType refuses bodies that are not declared to be JSON.
func CheckMediaType(h http.Header) error {
	if e := h.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return problem.New("unsupported_media_type", "Send the body uncompressed, without Content-Encoding.")
	}
	types := h["Content-Type"]
	if len(types) == 1 && types[0] == "application/json" {
		return nil
	}
	if len(types) == 1 {
		kind, params, err := mime.ParseMediaType(types[0])
		charset, given := params["charset"]
		if err == nil && kind == "application/json" && (!given || strings.EqualFold(charset, "utf-8")) {
			return nil
		}
	}
	return problem.New("unsupported_media_type", "The body must be JSON in UTF-8: send Content-Type: application/json.")
}
