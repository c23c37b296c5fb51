package api

import (
	"errors"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"imperio/storage/command"
)

// maxExclusionDays is the longest exclusion that has an end: five years.
const maxExclusionDays = 1825

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
		if in.Days.value < 1 || in.Days.value > maxExclusionDays {
			return answer{}, refuse("invalid_exclusion", "An exclusion lasts 1 to %d days, or %q.", maxExclusionDays, "for_ever")
		}
		body.Days = int(in.Days.value)
	}
	res, err := a.propose(c, c.session.Account, command.Key{}, 0, body)
	if err != nil {
		return answer{}, err
	}
	e, err := valueOf[command.Exclusion](res)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusCreated, value: struct {
		ExcludedUntil timestamp `json:"excluded_until"`
	}{timestamp(e.Until)}}, nil
}
