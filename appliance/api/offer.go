package api

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"imperio/games"
)

// Offer is what the house offers its players, and on which terms. It may change while the API runs.
type Offer struct {
	Tables          []Table       // at most one of each game, in the order in which games are listed
	WelcomeCoins    games.Coins   // 0 … games.MaxCoins
	DailyCoins      games.Coins   // 0 … games.MaxCoins; 0: none can be collected
	SessionLifetime time.Duration // how long a sign-in holds; default 7 days
	SignUp          SignUp        // who may open an account; default SignUpOpen
	Seasons         bool          // whether players may join seasons
	// SignInTries is how many passwords in a row may be wrong, for each of the Subjects; 0: no limit. SignInRefill is the
	// time until one more is allowed, at least a millisecond.
	SignInTries  int64
	SignInRefill time.Duration
	// Origins are the foreign origins whose pages may sign in and sign up, e.g. "https://play.example". Their other writes
	// need a bearer token: the cookie only works from the casino's own origin.
	Origins []string
}

// terms are an Offer in use. They are never changed, only replaced: a request sees one of them from its beginning to its end.
type terms struct {
	Offer
	trusted *http.CrossOriginProtection // for requests without a token
}

// Change makes an offer the one in force for all requests from now on. If the offer makes no sense, nothing changes. It is safe for
// concurrent use.
func (a *API) Change(offer Offer) error {
	t, err := newTerms(offer, a.o.Games)
	if err != nil {
		return err
	}
	a.terms.Store(t)
	return nil
}

func newTerms(o Offer, c *games.Catalogue) (*terms, error) {
	t := &terms{Offer: o, trusted: http.NewCrossOriginProtection()}
	t.Tables = slices.Clone(o.Tables)
	for i := range t.Tables {
		if err := t.Tables[i].check(c); err != nil {
			return nil, fmt.Errorf("api: %w", err)
		}
	}
	if o.WelcomeCoins < 0 || o.WelcomeCoins > games.MaxCoins || o.DailyCoins < 0 || o.DailyCoins > games.MaxCoins {
		return nil, fmt.Errorf("api: welcome coins %d or daily coins %d are out of range", o.WelcomeCoins, o.DailyCoins)
	}
	if o.SignInTries < 0 || o.SignInTries > 0 && o.SignInRefill < time.Millisecond {
		return nil, fmt.Errorf("api: %d tries to sign in, one more after %v, can't be counted", o.SignInTries, o.SignInRefill)
	}
	if t.SessionLifetime <= 0 {
		t.SessionLifetime = 7 * 24 * time.Hour
	}
	if t.SignUp == "" {
		t.SignUp = SignUpOpen
	}
	for _, origin := range o.Origins {
		if err := t.trusted.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("api: origin %q: %w", origin, err)
		}
	}
	return t, nil
}

// table is how a game is offered. It is off if there is none.
func (t *terms) table(game string) *Table {
	for i := range t.Tables {
		if t.Tables[i].Game == game {
			return &t.Tables[i]
		}
	}
	return &Table{Game: game}
}
