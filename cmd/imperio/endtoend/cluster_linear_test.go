package endtoend

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"imperio/cmd/imperio/clustertest"
)

// accountState is what bets change in an account: its coins, and the nonce of its next round.
type accountState struct {
	coins int64
	nonce uint64
}

// accountAnswer is what the casino answered to a bet, or to the question for the coins if bet is nil.
type accountAnswer struct {
	bet   *clustertest.Round
	coins int64 // after the bet
}

// accountModel is an account that one thread serves, one request after the other.
func accountModel(coins int64) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return accountState{coins: coins} },
		Step: func(state, _, output any) (bool, any) {
			s, answer := state.(accountState), output.(accountAnswer)
			if answer.bet == nil {
				return answer.coins == s.coins, s
			}
			next := accountState{coins: s.coins - answer.bet.Staked + answer.bet.Payout, nonce: s.nonce + 1}
			return answer.bet.Nonce == s.nonce && answer.coins == next.coins, next
		},
		DescribeOperation: func(_, output any) string {
			answer := output.(accountAnswer)
			if answer.bet == nil {
				return fmt.Sprintf("%d coins", answer.coins)
			}
			return fmt.Sprintf("round %d: -%d +%d, %d coins", answer.bet.Nonce, answer.bet.Staked, answer.bet.Payout, answer.coins)
		},
	}
}

// accountHistory is everything that an account's clients asked and were answered. A bet lasts from the moment at which it was sent for the
// first time until it was answered, perhaps by another node.
func accountHistory(bets []clustertest.Bet, reads []clustertest.Read) (history []porcupine.Operation) {
	var start time.Time
	// The time since some moment is told by the monotonic clock, which nobody sets.
	since := func(t time.Time) int64 {
		if start.IsZero() {
			start = t
		}
		return int64(t.Sub(start))
	}
	for _, b := range bets {
		history = append(history, porcupine.Operation{
			ClientId: b.Client, Call: since(b.Sent), Return: since(b.Answered), Output: accountAnswer{bet: &b.Round, coins: b.Balance},
		})
	}
	for _, r := range reads {
		history = append(history, porcupine.Operation{
			ClientId: r.Client, Call: since(r.Asked), Return: since(r.Answered), Output: accountAnswer{coins: r.Coins},
		})
	}
	return history
}

// wantLinearizable fails unless some order of all answers explains them, in which nothing that was answered comes after something that
// was asked later.
func wantLinearizable(t *testing.T, a *clustertest.Account) {
	t.Helper()
	model := accountModel(a.Coins)
	result, info := porcupine.CheckOperationsVerbose(model, accountHistory(a.Bets(), a.Reads()), patience)
	if result == porcupine.Ok {
		return
	}
	t.Errorf("the history of %s, with %d bets and %d reads, is not linearizable: %s", a.Name, len(a.Bets()), len(a.Reads()), result)
	page, err := os.CreateTemp("", "imperio-history-*.html")
	if err != nil {
		t.Error(err)
		return
	}
	defer page.Close()
	if err := porcupine.Visualize(model, info, page); err != nil {
		t.Error(err)
	}
	t.Logf("a browser shows the history: %s", page.Name())
}

// The check finds what it is for: an answer from an old state, a lost bet, and a bet that counts twice.
func TestLinearizable_FindsWrongHistories(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	bet := func(nonce uint64, from, to int, staked, payout, balance int64) clustertest.Bet {
		return clustertest.Bet{Client: 1, Sent: at(from), Answered: at(to), Round: clustertest.Round{Nonce: nonce, Staked: staked, Payout: payout}, Balance: balance}
	}
	read := func(from, to int, coins int64) clustertest.Read {
		return clustertest.Read{Client: 2, Asked: at(from), Answered: at(to), Coins: coins}
	}
	for name, c := range map[string]struct {
		bets  []clustertest.Bet
		reads []clustertest.Read
		right bool
	}{
		"one after the other":             {[]clustertest.Bet{bet(0, 0, 1, 2, 0, 98), bet(1, 2, 3, 2, 9, 105)}, []clustertest.Read{read(4, 5, 105)}, true},
		"a read beside a bet, before it":  {[]clustertest.Bet{bet(0, 0, 9, 2, 0, 98)}, []clustertest.Read{read(4, 5, 100)}, true},
		"a read beside a bet, after it":   {[]clustertest.Bet{bet(0, 0, 9, 2, 0, 98)}, []clustertest.Read{read(4, 5, 98)}, true},
		"a read of an old state":          {[]clustertest.Bet{bet(0, 0, 1, 2, 0, 98)}, []clustertest.Read{read(4, 5, 100)}, false},
		"a read goes back":                {[]clustertest.Bet{bet(0, 0, 9, 2, 0, 98)}, []clustertest.Read{read(2, 3, 98), read(4, 5, 100)}, false},
		"a bet is lost":                   {[]clustertest.Bet{bet(0, 0, 1, 2, 0, 98), bet(0, 2, 3, 2, 0, 98)}, nil, false},
		"a bet counts twice":              {[]clustertest.Bet{bet(0, 0, 1, 2, 0, 98), bet(2, 2, 3, 2, 0, 94)}, nil, false},
		"a balance that does not add up":  {[]clustertest.Bet{bet(0, 0, 1, 2, 5, 102)}, nil, false},
		"bets in another order than time": {[]clustertest.Bet{bet(1, 0, 1, 2, 0, 96), bet(0, 2, 3, 2, 0, 98)}, nil, false},
	} {
		if right := porcupine.CheckOperations(accountModel(100), accountHistory(c.bets, c.reads)); right != c.right {
			t.Errorf("%s: linearizable %t, want %t", name, right, c.right)
		}
	}
}
