package api

import (
	"bytes"
	"errors"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"imperio/games"
)

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
