package replication_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"imperio/games"
	"imperio/replication/replicationtest"
	"imperio/storage/command"
)

// account is what the operations of these tests see and change of an account.
type account struct {
	coins games.Coins
	nonce uint64 // of the next round
}

// effect is what an operation on an account came to.
type effect struct {
	kind   effectKind
	coins  games.Coins // after it; of a refused bet: its stake
	change games.Coins // what it added to the coins
	nonce  uint64      // of a round
}

type effectKind string

const (
	balanceRead  effectKind = "read"
	coinsGranted effectKind = "grant"
	roundPlayed  effectKind = "round"
	betRefused   effectKind = "refused" // too few coins
)

func (o effect) String() string {
	switch o.kind {
	case roundPlayed:
		return fmt.Sprintf("round %d: %+d, %d coins", o.nonce, o.change, o.coins)
	case coinsGranted:
		return fmt.Sprintf("grant: %+d, %d coins", o.change, o.coins)
	case betRefused:
		return fmt.Sprintf("a bet of %d is refused", o.coins)
	}
	return fmt.Sprintf("read: %d coins", o.coins)
}

// accountModel is an account that one thread serves, one operation after the other.
func accountModel(coins games.Coins) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return account{coins: coins} },
		Step: func(state, _, output any) (bool, any) {
			a, o := state.(account), output.(effect)
			switch o.kind {
			case balanceRead:
				return o.coins == a.coins, a
			case betRefused:
				return a.coins < o.coins, a
			}
			next := account{a.coins + o.change, a.nonce}
			if o.kind == roundPlayed {
				if o.nonce != a.nonce {
					return false, a
				}
				next.nonce++
			}
			return o.coins == next.coins, next
		},
		DescribeOperation: func(_, output any) string { return output.(effect).String() },
	}
}

// never is the end of an operation that was not answered.
const never = time.Duration(math.MaxInt64)

// records are the operations of all clients, by account. Its methods may be called from any goroutine.
type records struct {
	began time.Time
	mu    sync.Mutex
	of    map[command.AccountID][]porcupine.Operation // under mu
}

func newRecords() *records {
	return &records{began: time.Now(), of: make(map[command.AccountID][]porcupine.Operation)}
}

func (r *records) now() time.Duration { return time.Since(r.began) }

// note adds an operation that a client began at a time and that ended at another, on a node.
func (r *records) note(id command.AccountID, client int, on string, from, to time.Duration, o effect) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.of[id] = append(r.of[id], porcupine.Operation{ClientId: client, Call: int64(from), Return: int64(to), Output: o, Metadata: on})
}

// read reads a balance on a node after a barrier, and notes what it saw.
func (r *records) read(ctx context.Context, n *replicationtest.Node, id command.AccountID, client int, barrier func(context.Context) error) error {
	from := r.now()
	if err := barrier(ctx); err != nil {
		return err
	}
	a, ok, err := n.Store.Account(id)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%s does not know the account %d", n.ID, id)
	}
	r.note(id, client, n.ID, from, r.now(), effect{kind: balanceRead, coins: a.Coins})
	return nil
}

// checkPatience bounds the search for an order. It takes far less.
const checkPatience = time.Minute

// check returns why the operations on an account that began with some coins are not linearizable; "": they are.
func (r *records) check(id command.AccountID, coins games.Coins) string {
	model, history := accountModel(coins), r.of[id]
	result, info := porcupine.CheckOperationsVerbose(model, history, checkPatience)
	switch result {
	case porcupine.Ok:
		return ""
	case porcupine.Unknown:
		return fmt.Sprintf("no order of the %d operations was found within %v", len(history), checkPatience)
	}
	var longest []porcupine.Operation
	for _, list := range info.PartialLinearizationsOperations()[0] {
		if len(list) > len(longest) {
			longest = list
		}
	}
	return fmt.Sprintf("the %d operations on account %d, which began with %d coins, are not linearizable. An order of %d of them explains itself. "+
		"Around the first one that has no place in it:\n%s", len(history), id, coins, len(longest), around(history, longest))
}

// around tells the operations about the time of the first one that has no place in an order.
func around(history, order []porcupine.Operation) string {
	placed := make(map[porcupine.Operation]int)
	for i, o := range order {
		placed[o] = i + 1
	}
	history = slices.Clone(history)
	slices.SortFunc(history, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	var stuck *porcupine.Operation
	for i, o := range history {
		if placed[o] == 0 && (stuck == nil || o.Return < stuck.Return) {
			stuck = &history[i]
		}
	}
	var b strings.Builder
	margin := int64(20 * time.Millisecond)
	for _, o := range history {
		if stuck == nil || o.Return < stuck.Call-margin || o.Call-margin > stuck.Return {
			continue
		}
		end, place := "never", "no place"
		if o.Return != int64(never) {
			end = fmt.Sprintf("%.3f", float64(o.Return)/1e6)
		}
		if placed[o] > 0 {
			place = fmt.Sprint("place ", placed[o])
		}
		fmt.Fprintf(&b, "%12.3f to %12s ms  client %3d on %v  %-40v %s\n", float64(o.Call)/1e6, end, o.ClientId, o.Metadata, o.Output, place)
	}
	return b.String()
}

func TestLinearizable_FindsWrongHistories(t *testing.T) {
	type op struct {
		from, to time.Duration
		effect
	}
	round := func(from, to time.Duration, nonce uint64, change, coins games.Coins) op {
		return op{from, to, effect{roundPlayed, coins, change, nonce}}
	}
	read := func(from, to time.Duration, coins games.Coins) op {
		return op{from, to, effect{kind: balanceRead, coins: coins}}
	}
	refused := func(from, to time.Duration, stake games.Coins) op {
		return op{from, to, effect{kind: betRefused, coins: stake}}
	}
	for name, c := range map[string]struct {
		right bool
		ops   []op
	}{
		"one after the other":                   {true, []op{round(0, 1, 0, -2, 98), round(2, 3, 1, 7, 105), read(4, 5, 105)}},
		"a grant":                               {true, []op{{0, 1, effect{coinsGranted, 110, 10, 0}}, round(2, 3, 0, -2, 108)}},
		"a read beside a bet, before it":        {true, []op{round(0, 9, 0, -2, 98), read(4, 5, 100)}},
		"a read beside a bet, after it":         {true, []op{round(0, 9, 0, -2, 98), read(4, 5, 98)}},
		"a bet that nobody answered":            {true, []op{round(0, never, 0, -2, 98), read(4, 5, 100), read(6, 7, 98)}},
		"a bet without coins":                   {true, []op{round(0, 1, 0, -99, 1), refused(2, 3, 2)}},
		"a read of an old state":                {false, []op{round(0, 1, 0, -2, 98), read(4, 5, 100)}},
		"a read goes back":                      {false, []op{round(0, 9, 0, -2, 98), read(2, 3, 98), read(4, 5, 100)}},
		"a read goes back, and nobody answered": {false, []op{round(0, never, 0, -2, 98), read(2, 3, 98), read(4, 5, 100)}},
		"a bet is lost":                         {false, []op{round(0, 1, 0, -2, 98), round(2, 3, 0, -2, 98)}},
		"a bet counts twice":                    {false, []op{round(0, 1, 0, -2, 98), round(2, 3, 1, -2, 94)}},
		"a balance that does not add up":        {false, []op{round(0, 1, 0, 3, 102)}},
		"a bet before it was asked for":         {false, []op{round(0, 1, 1, -2, 96), round(2, 3, 0, -2, 98)}},
		"a bet is refused that could be played": {false, []op{round(0, 1, 0, -2, 98), refused(2, 3, 98)}},
	} {
		r := newRecords()
		for i, o := range c.ops {
			r.note(1, i, "n1", o.from, o.to, o.effect)
		}
		if why := r.check(1, 100); (why == "") != c.right {
			t.Errorf("%s: %q", name, why)
		}
	}
}

// The check finds a member whose reads don't wait until they are current, and nothing else of the same scenario.
func TestLinearizable_FindsAMemberThatReadsWithoutABarrier(t *testing.T) {
	t.Parallel()
	c := replicationtest.NewCluster(t, seedOfTest())
	nodes := c.Grow(3)
	player := c.Open(nodes[0], "ada", 1000)
	leader := c.Leader()
	behind := c.Running(others(leader.ID)[0])
	right, wrong := newRecords(), newRecords()
	if err := errors.Join(right.read(within(t), behind, player, 1, behind.Barrier), wrong.read(within(t), behind, player, 1, behind.Barrier)); err != nil {
		t.Fatal(err)
	}
	c.Net.Part([]string{behind.ID}, others(behind.ID))
	from := right.now()
	played := effectOf(mustBet(t, leader, player))
	right.note(player, 0, leader.ID, from, right.now(), played)
	wrong.note(player, 0, leader.ID, from, wrong.now(), played)
	if err := wrong.read(within(t), behind, player, 1, func(context.Context) error { return nil }); err != nil {
		t.Fatal(err)
	}
	why := wrong.check(player, 1000)
	if !strings.Contains(why, "not linearizable") || !strings.Contains(why, "read: 1000 coins") {
		t.Errorf("a read of an old state was not found: %q", why)
	}
	t.Log("as it should be:", why)
	c.Net.Heal()
	if err := right.read(within(t), behind, player, 1, behind.Barrier); err != nil {
		t.Fatal(err)
	}
	if why := right.check(player, 1000); why != "" {
		t.Error(why)
	}
}

// effectOf is the effect of an operation that a node has answered.
func effectOf(r command.Result) effect {
	switch v := r.Value.(type) {
	case *command.RoundResult:
		return effect{roundPlayed, v.Coins, v.Round.Payout - v.Round.Staked, v.Round.Nonce}
	case *command.CoinsGranted:
		return effect{kind: coinsGranted, coins: v.Coins, change: v.Amount}
	}
	panic(fmt.Sprintf("no operation has the answer %T", r.Value))
}
