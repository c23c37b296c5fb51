package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"imperio/games"
)

// maxBody is the longest body that is read.
const maxBody = 64 << 10

// whole is a JSON integer in a request, written without point or exponent, so that what was meant can't be in doubt.
// One too large for an int64 is kept as the nearest int64, and refused where its range is checked.
type whole struct {
	value int64
	given bool
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (n *whole) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	v, err := d.ReadValue()
	if err != nil {
		return err
	}
	if v.Kind() != '0' || bytes.ContainsAny(v, ".eE") {
		return errors.New("must be a whole number, written in digits and without quotes")
	}
	n.given = true
	n.value, err = strconv.ParseInt(string(v), 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		return nil // ParseInt gives the nearest
	}
	return err
}

// text is a JSON string in a request.
type text struct {
	value string
	given bool
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (s *text) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	t, err := d.ReadToken()
	if err != nil {
		return err
	}
	if t.Kind() != '"' {
		return errors.New("must be a string")
	}
	s.value, s.given = t.String(), true
	return nil
}

// require gives a problem if a field that must be there is not.
func require(name string, given bool) error {
	if given {
		return nil
	}
	return refuse("bad_request", "The field %q is missing.", name)
}

// coins reads a field that must hold an amount. The range is the caller's to check; no amount is above games.MaxCoins.
func (n whole) coins() games.Coins {
	return games.Coins(min(max(n.value, math.MinInt32), int64(games.MaxCoins)+1))
}

// decodeStrict reads one JSON object into v: no unknown, repeated or differently spelled members, nothing after it.
func decodeStrict(data []byte, v any) error {
	if data = bytes.TrimLeft(data, " \t\r\n"); len(data) == 0 {
		return refuse("invalid_json", "The body is empty; a JSON object is needed.")
	}
	if data[0] != '{' && jsontext.Value(data).IsValid() {
		return refuse("bad_request", "The body must be a JSON object.")
	}
	err := json.Unmarshal(data, v, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	syntactic, _ := errors.AsType[*jsontext.SyntacticError](err)
	semantic, _ := errors.AsType[*json.SemanticError](err)
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return refuse("duplicate_key", "The field %s is there twice.", pointer(syntactic.JSONPointer))
	case errors.Is(err, json.ErrUnknownName):
		return refuse("unknown_field", "The field %s is not known here. Names are in small letters.", pointer(semantic.JSONPointer))
	case syntactic != nil:
		return refuse("invalid_json", "The body is not valid JSON: see byte %d.", syntactic.ByteOffset)
	case semantic != nil && semantic.Err != nil && semantic.GoType != nil:
		return refuse("bad_request", "The field %s %s.", pointer(semantic.JSONPointer), semantic.Err)
	case semantic != nil:
		return refuse("bad_request", "The field %s has the wrong type.", pointer(semantic.JSONPointer))
	}
	return fmt.Errorf("decode body: %w", err)
}

// pointer writes a JSON pointer for people, cut where a client sends names without end.
func pointer(p jsontext.Pointer) string {
	name := strings.TrimPrefix(strings.ToValidUTF8(string(p), "?"), "/")
	if len(name) > 64 {
		name = strings.ToValidUTF8(name[:64], "") + "…"
	}
	return strconv.Quote(name)
}

// readBody appends the body of a request to buf, at most maxBody bytes.
func readBody(r *http.Request, buf []byte) ([]byte, error) {
	tooLarge := func() error {
		return refuse("body_too_large", "The body is larger than %d bytes.", maxBody)
	}
	if r.ContentLength > maxBody {
		return buf, tooLarge()
	}
	for len(buf) <= maxBody {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Body.Read(buf[len(buf):min(cap(buf), maxBody+1)])
		buf = buf[:len(buf)+n]
		if err == io.EOF && len(buf) <= maxBody {
			return buf, nil
		}
		if _, limited := errors.AsType[*http.MaxBytesError](err); limited {
			return buf, tooLarge() // whoever stands in front counts as well
		}
		if err != nil && err != io.EOF {
			p := refuse("bad_request", "The body could not be read to its end.")
			p.cause = err
			return buf, p
		}
		if err == io.EOF {
			break
		}
	}
	return buf, tooLarge()
}

// checkMediaType refuses bodies that are not said to be JSON.
func checkMediaType(h http.Header) error {
	if e := h.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return refuse("unsupported_media_type", "Bodies are read uncompressed, without Content-Encoding.")
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
	return refuse("unsupported_media_type", "The body must be JSON in UTF-8: send Content-Type: application/json.")
}
