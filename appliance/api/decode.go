package api

import (
	"bytes"
	"errors"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"imperio/games"
)

// whole is a JSON integer in a request. It must be written without point or exponent, so that its value is never in doubt.
// If it is too large for an int64, the nearest int64 stands for it; the check of its range refuses that.
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

// require refuses a request without a field that must be there.
func require(name string, given bool) error {
	if given {
		return nil
	}
	return refuse("bad_request", "The field %q is missing.", name)
}

// coins is the number as an amount. The caller checks the range; an out-of-range number stays out of range.
func (n whole) coins() games.Coins {
	return games.Coins(min(max(n.value, math.MinInt32), int64(games.MaxCoins)+1))
}
