package api

import (
	"errors"
	"math"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"imperio/storage/command"
)

// days is how long an exclusion lasts: a whole number, or "for_ever".
type days struct {
	whole
	forEver bool
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (n *days) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if d.PeekKind() != '"' {
		return n.whole.UnmarshalJSONFrom(d)
	}
	t, err := d.ReadToken()
	if err != nil {
		return err
	}
	if t.String() != "for_ever" {
		return errors.New(`must be a whole number or "for_ever"`)
	}
	n.given, n.forEver = true, true
	return nil
}

func (a *API) exclude(c *call) (answer, error) {
	var in struct {
		Days days `json:"days"`
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if err := require("days", in.Days.given); err != nil {
		return answer{}, err
	}
	body := command.Exclude{ForEver: in.Days.forEver}
	if !in.Days.forEver {
		body.Days = int(min(max(in.Days.value, 0), math.MaxInt32)) // the machine checks the range
	}
	res, err := a.propose(c, c.session.Account, command.Key{}, 0, body)
	if err != nil {
		return answer{}, err
	}
	e, err := valueOf[command.Exclusion](res)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusCreated, location: ownAccount, value: struct {
		ExcludedUntil timestamp `json:"excluded_until"`
	}{timestamp(e.Until)}}, nil
}
