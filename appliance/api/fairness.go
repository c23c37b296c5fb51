package api

import (
	"fmt"
	"net/http"

	"imperio/games/fair"
	"imperio/storage/command"
)

// revealedPerPage is how many revealed pairs an answer holds.
const revealedPerPage = 20

// fairnessView is the state of an account's seeds. OpenRoundID and the revealed pairs are left out of the answer to a
// rotation, which says the one thing that changed.
type fairnessView struct {
	Pair                uint32 `json:"pair"`
	Commitment          string `json:"commitment"`
	NextCommitment      string `json:"next_commitment"`
	ClientSeed          string `json:"client_seed"`
	ClientSeedIsDefault bool   `json:"client_seed_is_default"`
	Nonce               uint64 `json:"nonce"`
}

func viewFairness(f *command.Fairness) fairnessView {
	return fairnessView{
		Pair: f.Pair, Commitment: f.Commitment, NextCommitment: f.NextCommitment,
		ClientSeed: f.ClientSeed, ClientSeedIsDefault: f.DefaultSeed, Nonce: f.Nonce,
	}
}

func (a *API) showFairness(c *call) (answer, error) {
	page, err := a.page(c, "limit", "cursor")
	if err != nil {
		return answer{}, err
	}
	page.Limit = min(page.Limit, revealedPerPage)
	f, ok, err := a.o.Casino.Fairness(c.session.Account)
	if err != nil || !ok {
		return answer{}, fmt.Errorf("find seeds (%v): %w", ok, err)
	}
	list, next, err := a.o.Casino.RevealedPairs(c.r.Context(), c.session.Account, page)
	if err != nil {
		return answer{}, fmt.Errorf("list revealed seeds: %w", err)
	}
	pairs := make([]pairView, len(list))
	for i := range list {
		pairs[i] = viewPair(&list[i])
	}
	return answer{status: http.StatusOK, value: struct {
		fairnessView
		OpenRoundID optionalID `json:"open_round_id"`
		Revealed    []pairView `json:"revealed"`
		NextCursor  optionalID `json:"next_cursor"`
	}{viewFairness(&f), optionalID(f.OpenRound), pairs, optionalID(next)}}, nil
}

func (a *API) rotateSeed(c *call) (answer, error) {
	if err := pass(a.o.Writes); err != nil {
		return answer{}, err
	}
	var in struct {
		ClientSeed text `json:"client_seed"`
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if err := require("client_seed", in.ClientSeed.given); err != nil {
		return answer{}, err
	}
	if err := fair.ValidateClientSeed(in.ClientSeed.value); err != nil {
		return answer{}, err
	}
	key, err := c.key()
	if err != nil {
		return answer{}, err
	}
	res, err := a.propose(c, c.session.Account, key, command.SeedSize, command.RotateSeed{ClientSeed: in.ClientSeed.value})
	if err != nil {
		return answer{}, err
	}
	got, err := valueOf[command.SeedRotated](res)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusCreated, location: "/api/v1/me/fairness", replayed: res.Replayed, value: struct {
		Revealed pairView     `json:"revealed"`
		Fairness fairnessView `json:"fairness"`
	}{viewPair(&got.Revealed), viewFairness(&got.Fairness)}}, nil
}
