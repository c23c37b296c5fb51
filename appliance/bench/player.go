package bench

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// player is one account that plays. One goroutine at a time uses it.
type player struct {
	name    string
	token   string
	random  *rand.Rand
	keyMark string // prefix of this player's keys
	keys    int    // made so far
	broke   bool   // has no coins left

	// The books before the first bet.
	startCoins   int64
	lastRound    string // the newest round, "" if none
	lastTransfer string

	// The casino's answers since.
	told    []toldRound
	coins   int64 // by the newest answer
	unknown int   // bets without an answer: each may be in the books or not
}

// toldRound is a settled round from an answer.
type toldRound struct {
	id             string
	staked, payout int64
	outcome        uint64 // a hash of the outcome
}

// roundView has the fields of a round that bench reads, in answers and in the books.
type roundView struct {
	ID      string         `json:"id"`
	Game    string         `json:"game"`
	Settled bool           `json:"settled"`
	Staked  int64          `json:"staked"`
	Payout  int64          `json:"payout"`
	Outcome jsontext.Value `json:"outcome"`
}

// told is the round as a short record.
func (r *roundView) told() toldRound {
	hash := fnv.New64a()
	hash.Write(r.Outcome)
	return toldRound{r.ID, r.Staked, r.Payout, hash.Sum64()}
}

// playAnswer has the fields that bench reads in an answer to a bet or an action.
type playAnswer struct {
	Round  roundView `json:"round"`
	Payout int64     `json:"payout"`
	Coins  int64     `json:"coins"`

	// Blackjack only.
	Hands []struct {
		Total  int  `json:"total"`
		Active bool `json:"active"`
	} `json:"hands"`
	AllowedActions []string `json:"allowed_actions"`
}

// problem is the body of a refusal.
type problem struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// refusedError is a refusal: nothing has changed.
type refusedError struct {
	status int
	problem
}

func (e *refusedError) Error() string {
	return fmt.Sprintf("refused with status %d, %s: %s", e.status, e.Code, e.Detail)
}

func refusedAs(err error, code string) bool {
	var refused *refusedError
	return errors.As(err, &refused) && refused.Code == code
}

// errUnknown is a bet without an answer: it may or may not be in the books.
var errUnknown = errors.New("there was no answer to the bet")

// playRound plays one round to its end.
func (b *bench) playRound(t *table, p *player) error {
	switch b.options.Mix.draw(p.random) {
	case roulette:
		bet := rouletteBets[p.random.IntN(len(rouletteBets))]
		return b.playAtOnce(t, p, roulette, "/api/v1/games/roulette/spins", fmt.Appendf(nil, `{"bets":[`+bet+`]}`, b.options.Stake))
	case blackjack:
		return b.playBlackjack(t, p)
	}
	return b.playAtOnce(t, p, slots, "/api/v1/games/slots/spins", b.stakeBody())
}

func (b *bench) stakeBody() []byte {
	return fmt.Appendf(nil, `{"stake":%d}`, b.options.Stake)
}

// playAtOnce plays a round that a single request opens and settles.
func (b *bench) playAtOnce(t *table, p *player, game, path string, body []byte) error {
	answer, err := b.bet(t, p, game, path, body)
	if err != nil {
		return err
	}
	t.tally.rounds[game]++
	return p.settle(&answer)
}

// settle records a settled round, after checking that the answer is consistent in itself.
func (p *player) settle(answer *playAnswer) error {
	round := &answer.Round
	before := p.coins
	p.told = append(p.told, round.told())
	p.coins = answer.Coins
	switch {
	case round.ID == "" || !round.Settled || len(round.Outcome) == 0:
		return &violationError{fmt.Sprintf("%s: an answer is not a settled round", p.name)}
	case round.Payout != answer.Payout:
		return &violationError{fmt.Sprintf("%s: round %s pays %d and %d in one answer", p.name, round.ID, answer.Payout, round.Payout)}
	case answer.Coins != before-round.Staked+round.Payout && p.unknown == 0:
		return &violationError{fmt.Sprintf("%s: round %s took %d and paid %d, but the balance went from %d to %d", p.name, round.ID, round.Staked, round.Payout, before, answer.Coins)}
	}
	return nil
}

// violationError is an answer that breaks a promise of the casino.
type violationError struct{ what string }

func (e *violationError) Error() string { return e.what }

// playBlackjack plays a round of blackjack by a simple strategy that uses every action but surrender.
func (b *bench) playBlackjack(t *table, p *player) error {
	answer, err := b.bet(t, p, blackjack, "/api/v1/games/blackjack/rounds", b.stakeBody())
	if refusedAs(err, "round_open") {
		err = b.get(t, p.token, "/api/v1/games/blackjack/rounds/open", &answer)
	}
	if err != nil {
		return err
	}
	if err := b.playOn(t, p, &answer); err != nil {
		return err
	}
	t.tally.rounds[blackjack]++
	return p.settle(&answer)
}

// playOn takes actions until the round in answer is settled; answer then has its end.
func (b *bench) playOn(t *table, p *player, answer *playAnswer) error {
	withoutCoins := false
	for !answer.Round.Settled {
		action := chooseAction(answer, withoutCoins)
		path := "/api/v1/games/blackjack/rounds/" + answer.Round.ID + "/actions"
		next, err := b.bet(t, p, blackjack, path, []byte(`{"action":"`+action+`"}`))
		if refusedAs(err, "insufficient_coins") && !withoutCoins {
			withoutCoins = true
			continue
		}
		if err != nil {
			return fmt.Errorf("%s in round %s: %w", action, answer.Round.ID, err)
		}
		*answer = next
	}
	return nil
}

func chooseAction(answer *playAnswer, withoutCoins bool) string {
	allowed := func(action string) bool { return slices.Contains(answer.AllowedActions, action) }
	total := 0
	for _, hand := range answer.Hands {
		if hand.Active {
			total = hand.Total
		}
	}
	switch {
	case allowed("decline_insurance"):
		return "decline_insurance"
	case allowed("split") && !withoutCoins && (total == 16 || total == 12):
		return "split"
	case allowed("double") && !withoutCoins && (total == 10 || total == 11):
		return "double"
	case allowed("hit") && total < 17:
		return "hit"
	}
	return "stand"
}

// bet sends a request that moves coins, and retries it under the same key until it has an answer, so that it counts once.
func (b *bench) bet(t *table, p *player, game, path string, body []byte) (playAnswer, error) {
	r := request{method: "POST", path: path, token: p.token, body: body}
	if !b.options.WithoutKeys {
		p.keys++
		r.key = p.keyMark + strconv.Itoa(p.keys)
	}
	var answer playAnswer
	err := b.deliver(t, game, &r, &answer)
	if errors.Is(err, errUnknown) {
		p.unknown++
	}
	return answer, err
}

// deliver sends a request until it is accepted or finally refused, and measures the accepted exchange.
func (b *bench) deliver(t *table, game string, r *request, into any) error {
	giveUp := b.options.Now().Add(b.options.Patience)
	pause := 20 * time.Millisecond
	for {
		begin := b.options.Now()
		response, err := t.conn.do(r)
		var failure string
		switch {
		case err != nil:
			failure = "connection"
		case response.status < 300:
			if err := json.Unmarshal(response.body, into); err != nil {
				return &violationError{fmt.Sprintf("%s: the answer can't be read: %v", r.path, err)}
			}
			t.answer = response.body
			t.tally.latencies[game] = append(t.tally.latencies[game], b.options.Now().Sub(begin))
			return nil
		default:
			refused := readProblem(&response)
			if response.status < 500 && response.status != 429 {
				t.tally.refusals[refused.Code]++
				return refused
			}
			failure = refused.Code
			if response.status == 429 {
				pause = max(pause, response.retryAfter)
			}
		}
		t.tally.failures[failure]++
		again := r.key != "" || failure == "rate_limited" // without a key it may have been accepted already
		if !again || b.options.Now().Add(pause).After(giveUp) {
			return fmt.Errorf("%s %s (%s): %w", r.method, r.path, failure, errUnknown)
		}
		time.Sleep(pause)
		pause = min(2*pause, 2*time.Second)
	}
}

func readProblem(response *response) *refusedError {
	refused := &refusedError{status: response.status}
	if json.Unmarshal(response.body, &refused.problem) != nil || refused.Code == "" {
		refused.Code = "status_" + strconv.Itoa(response.status)
	}
	return refused
}

// get reads a resource of a player.
func (b *bench) get(t *table, token, path string, into any) error {
	return b.ask(t, &request{method: "GET", path: path, token: token}, into)
}

// ask sends a request that is safe to repeat, and retries it until it has an answer or patience ends.
func (b *bench) ask(t *table, r *request, into any) error {
	giveUp := b.options.Now().Add(b.options.Patience)
	pause := 20 * time.Millisecond
	for {
		response, err := t.conn.do(r)
		switch {
		case err != nil:
		case response.status < 300:
			if into == nil {
				return nil
			}
			if err := json.Unmarshal(response.body, into); err != nil {
				return fmt.Errorf("%s: the answer can't be read: %w", r.path, err)
			}
			return nil
		default:
			refused := readProblem(&response)
			err = fmt.Errorf("%s %s: %w", r.method, r.path, refused)
			if response.status < 500 && response.status != 429 {
				return err
			}
			pause = max(pause, response.retryAfter)
		}
		if b.options.Now().Add(pause).After(giveUp) {
			return err
		}
		time.Sleep(pause)
		pause = min(2*pause, 2*time.Second)
	}
}
