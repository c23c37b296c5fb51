package api

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"imperio/games"
	slotsgame "imperio/games/slots"
	"imperio/storage/command"
)

// spinView answers a spin of the slots.
type spinView struct {
	Round     roundView                         `json:"round"`
	Stops     [slotsgame.Reels]int              `json:"stops"`
	Symbols   [slotsgame.Reels]slotsgame.Symbol `json:"symbols"`
	Payout    games.Coins                       `json:"payout"`
	Coins     games.Coins                       `json:"coins"`
	HeldCoins games.Coins                       `json:"held_coins"`

	outcome slotsgame.Outcome // that of the round
}

func viewSpin(games *games.Catalogue, r *command.RoundResult) (any, error) {
	round, o, err := viewOutcome[slotsgame.Outcome](games, r)
	if err != nil {
		return nil, err
	}
	return &spinView{
		Round: round, Stops: o.Stops, Symbols: o.Symbols, outcome: o,
		Payout: r.Round.Payout, Coins: r.Coins, HeldCoins: r.Held,
	}, nil
}

// appendJSON implements appender.
func (v *spinView) appendJSON(b []byte) []byte {
	r := &v.Round
	b = append(b, `{"round":{"id":"`...)
	b = strconv.AppendUint(b, uint64(r.ID), 10)
	b = appendText(append(b, `","game":`...), r.Game)
	b = appendText(append(b, `,"rules":`...), r.Rules)
	b = r.OpenedAt.append(append(b, `,"opened_at":`...))
	b = r.SettledAt.append(append(b, `,"settled_at":`...))
	b = strconv.AppendBool(append(b, `,"settled":`...), r.Settled)
	b = appendCoins(append(b, `,"stake":`...), r.Stake)
	b = appendCoins(append(b, `,"staked":`...), r.Staked)
	b = appendCoins(append(b, `,"payout":`...), r.Payout)
	b = strconv.AppendUint(append(b, `,"nonce":`...), r.Nonce, 10)
	b = strconv.AppendUint(append(b, `,"pair":`...), uint64(r.Pair), 10)
	b = appendText(append(b, `,"commitment":`...), r.Commitment)
	b = appendText(append(b, `,"client_seed":`...), r.ClientSeed)
	b = append(b, `,"server_seed":`...)
	if r.ServerSeed == "" {
		b = append(b, `null`...)
	} else {
		b = appendText(b, string(r.ServerSeed))
	}
	o := &v.outcome
	b = v.appendReels(append(b, `,"outcome":{`...))
	if o.Line != "" {
		b = appendText(append(b, `,"line":`...), o.Line)
	}
	b = strconv.AppendInt(append(b, `,"multiplier":`...), o.Multiplier, 10)
	b = v.appendReels(append(b, `}},`...))
	b = appendCoins(append(b, `,"payout":`...), v.Payout)
	b = appendCoins(append(b, `,"coins":`...), v.Coins)
	b = appendCoins(append(b, `,"held_coins":`...), v.HeldCoins)
	return append(b, '}')
}

func (v *spinView) appendReels(b []byte) []byte {
	b = append(b, `"stops":[`...)
	for i, stop := range v.Stops {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(stop), 10)
	}
	b = append(b, `],"symbols":[`...)
	for i, symbol := range v.Symbols {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, string(symbol))
	}
	return append(b, ']')
}

func appendCoins(b []byte, n games.Coins) []byte { return strconv.AppendInt(b, int64(n), 10) }

func appendText(b []byte, s string) []byte {
	b, err := jsontext.AppendQuote(b, s)
	if err != nil {
		panic(err) // all text in the state is valid UTF-8: it was checked when it came in
	}
	return b
}
