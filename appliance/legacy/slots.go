package legacy

import (
	"bytes"

	"imperio/appliance/request"
	"imperio/games"
)

// spin plays the slot machine for 1 coin, as the older front end does. It needs nothing of the body.
func (c *call) spin() (any, error) {
	if err := c.authenticate(bearer(c.r)); err != nil {
		return nil, err
	}
	if err := c.discard(); err != nil {
		return nil, err
	}
	var out struct {
		Stops []int       `json:"stops"`
		Coins games.Coins `json:"coins"`
	}
	if err := c.ask("POST", "/games/slots/spins", c.key(""), map[string]int{"stake": 1}, &out); err != nil {
		return nil, err
	}
	return struct {
		StopSegments []int       `json:"stopSegments"`
		TotalCoins   games.Coins `json:"totalCoins"`
	}{out.Stops, out.Coins}, nil
}

// discard reads a body that may be empty. What is there must be a JSON object.
func (c *call) discard() error {
	body, err := request.Read(c.r, nil)
	if err != nil || len(bytes.TrimSpace(body)) == 0 {
		return err
	}
	return decodeObject(body, new(struct{}))
}
