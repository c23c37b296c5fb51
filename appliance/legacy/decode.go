package legacy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"imperio/appliance/problem"
	"imperio/appliance/request"
)

// decode reads the request's body, one JSON object, into v. Members that v lacks are ignored: older clients send more than they
// need. The type of the body is not looked at, since no cookie makes a foreign form dangerous here.
func (c *call) decode(v any) error {
	body, err := request.Read(c.r, nil)
	if err != nil {
		return err
	}
	return decodeObject(body, v)
}

func decodeObject(body []byte, v any) error {
	if body = bytes.TrimSpace(body); len(body) == 0 || body[0] != '{' || json.Unmarshal(body, v) != nil {
		return problem.New("bad_request", "The request must be a JSON object with the fields that this address needs.")
	}
	return nil
}

// whole is a JSON number without point and exponent; anything else leaves ok false.
func whole(v jsontext.Value) (n int64, ok bool) {
	if v.Kind() != '0' || bytes.ContainsAny(v, ".eE") {
		return 0, false
	}
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil { // longer than 64 bits: out of every range
		n = math.MaxInt64
		if v[0] == '-' {
			n = math.MinInt64
		}
	}
	return n, true
}

// text is a JSON string; "" for anything else.
func text(v jsontext.Value) (s string) {
	if v.Kind() != '"' || json.Unmarshal(v, &s) != nil {
		return ""
	}
	return s
}

func firstOf(values []string) string {
	if len(values) == 1 {
		return values[0]
	}
	return ""
}

// derived is the idempotency key of a further step of a request.
func derived(key, step string) string {
	sum := sha256.Sum256([]byte(key + "\x00" + step))
	return hex.EncodeToString(sum[:])
}
