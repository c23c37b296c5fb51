package storage_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"imperio/games"
	"imperio/storage/command"
	"imperio/storage/machine"
	"imperio/storage/storagetest"
)

// everyKind makes a command of each kind that a casino carries out: the player ann is 1000, with a session of the number
// session, and ben is 1001.
func everyKind(t *testing.T, c *storagetest.Casino, session command.SessionID) map[string]func() command.Command {
	const ann, ben = command.FirstAccountID, command.FirstAccountID + 1
	hour := time.Hour.Milliseconds()
	of := func(b command.Body) func() command.Command {
		return func() command.Command { return command.Command{Account: ann, Body: b} }
	}
	op := func(b command.Body) func() command.Command {
		return func() command.Command { return command.Command{Body: b} }
	}
	opened := command.NewSession{Token: command.TokenHash{9}, Lifetime: hour}
	round := func() command.RoundResult { return openRound(t, c, ann, 10, "stand") }
	return map[string]func() command.Command{
		"open account":        op(command.OpenAccount{Username: "Cat", UsernameKey: "cat", PasswordHash: "hash", Role: command.RolePlayer, WelcomeCoins: 5, Session: &opened}),
		"open session":        of(command.OpenSession{Session: opened, OldHash: "hash of ann"}),
		"end sessions":        of(command.EndSessions{All: true}),
		"try to sign in":      op(command.AttemptSignIn{Subject: storagetest.Keys.Login("ann"), Tries: 5, Refill: 12_000}),
		"change the password": of(command.ChangePassword{OldHash: "hash of ann", NewHash: "new hash", Keep: session}),
		"spin":                of(command.PlaceWager{Rules: "slots/2", Stake: 1}),
		"bet on numbers":      of(command.PlaceWager{Rules: "roulette/2", Stake: 30, Bets: []games.Bet{{Type: "red", Amount: 20}, {Type: "split", Numbers: []int{8, 11}, Amount: 10}}}),
		"deal":                of(command.PlaceWager{Rules: "blackjack/1", Stake: 10}),
		"stand": func() command.Command {
			r := round()
			return command.Command{Account: ann, Body: command.TakeAction{Round: r.Round.ID, Action: "stand", Taken: new(int)}}
		},
		"settle an abandoned round": func() command.Command { return command.Command{Body: command.SettleAbandoned{Round: round().Round.ID}} },
		"rotate the seed":           of(command.RotateSeed{ClientSeed: "clover"}),
		"collect daily coins":       of(command.CollectDailyCoins{Amount: 100}),
		"grant coins":               of(command.GrantCoins{Amount: 7, Actor: "cashier"}),
		"take coins back":           of(command.GrantCoins{Amount: -7, Actor: "cashier"}),
		"lock":                      of(command.SetLock{Locked: true, Actor: "cashier"}),
		"set the role":              of(command.SetRole{Role: command.RoleOperator, Actor: "cashier"}),
		"set limits":                of(command.SetLimits{Limits: command.LimitSet{StakePerDay: 100}}),
		"exclude":                   of(command.Exclude{Days: 30}),
		"exclude for ever":          of(command.Exclude{ForEver: true}),
		"put a value":               op(command.PutValue{Name: "certificate", Value: []byte("pem")}),
		"delete a value": func() command.Command {
			c.One(command.Command{Body: command.PutValue{Name: "certificate", Value: []byte("pem")}})
			return command.Command{Body: command.DeleteValue{Name: "certificate"}}
		},
		"acquire a lock":       op(command.AcquireLock{Name: "issue", Holder: "node", TTL: time.Minute}),
		"release a lock":       op(command.ReleaseLock{Name: "issue", Fence: 1}),
		"record an act":        op(command.RecordAct{Actor: "cashier", Act: "configuration_changed"}),
		"raise the level":      op(command.RaiseLevel{Level: machine.NewestLevel}),
		"create an invitation": op(command.CreateInvitation{Code: codeOf(1), Uses: 1, Lifetime: hour, Actor: "cashier"}),
		"revoke an invitation": func() command.Command {
			r := c.One(command.Command{Body: command.CreateInvitation{Code: codeOf(1), Uses: 1, Lifetime: hour, Actor: "cashier"}})
			return command.Command{Body: command.RevokeInvitation{Invitation: r.Value.(*command.InvitationCreated).ID, Actor: "cashier"}}
		},
		"create a password link": of(command.CreatePasswordLink{Link: codeOf(1), Lifetime: hour, Actor: "cashier"}),
		"change the address":     of(command.ChangeEmail{Email: "Ann@example.org", EmailKey: "ann@example.org", OldHash: "hash of ann"}),
		"delete an account": func() command.Command {
			return command.Command{Account: ben, Body: command.DeleteAccount{Actor: "cashier"}}
		},
		"create a token":  of(command.CreateToken{Session: command.NewSession{Token: command.TokenHash{9}, Lifetime: hour, Name: "bot", Scopes: command.ScopeRead}}),
		"begin a lineage": op(command.BeginLineage{Lineage: lineage, Actor: "root", Before: "origin", After: lineage}),
		"set the profile": of(command.SetProfile{Avatar: "owl", ShownName: "Nan", ShownKey: "nan", InSeasons: true}),
		"begin a season":  op(command.CloseSeason{Begin: true}),
		"end a season": func() command.Command {
			c.One(command.Command{Body: command.CloseSeason{Begin: true}})
			return command.Command{Body: command.CloseSeason{Season: 1, Begin: true, Actor: "cashier"}}
		},
		"renew accounts": func() command.Command { return renewal(c, ann, 2, 2) },
		"import accounts": func() command.Command {
			return importing(c, "older", imported(7, "dan", 500, 30), imported(8, "eve", 1, 0))
		},
	}
}

// withoutEvent are the kinds that leave no event: carrying them out twice does no harm.
var withoutEvent = map[command.Kind]bool{
	command.KindAttemptSignIn: true, command.KindAcquireLock: true, command.KindReleaseLock: true, command.KindRaiseLevel: true,
}

// A member that forwards a command may send it again, so copies of it may arrive late and in any order, among other commands
// and across restarts. Exactly one is carried out, and each copy gets an answer that can be sent to another member.
func TestRetry_ExactlyOneCopyOfEveryKindIsCarriedOut(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	known := make(map[command.Kind]bool)
	for name := range everyKind(t, nil, 0) {
		t.Run(name, func(t *testing.T) {
			c := storagetest.NewIn(t, memoryDir(t), seed, byHand)
			ann := c.Player("ann", 10_000)
			c.Player("ben", 100)
			zoe := c.Player("zoe", 10_000)
			session := c.One(signIn(ann, 1)).Value.(*command.SessionOpened).Session.ID
			cmd := c.Complete(everyKind(t, c, session)[name]())
			known[cmd.Body.Kind()] = true
			before, _ := c.Store.Head()
			cmd.Retry, cmd.Since = true, before-min(before, random.Uint64N(3)) // the proposer may have seen less

			var results []command.Result
			for copies := 5; copies > 0; {
				switch random.IntN(6) {
				case 0, 1:
					results = append(results, c.Do(cmd)...)
					copies--
				case 2:
					grants(c, zoe, 1+random.IntN(3))
				case 3:
					c.Checkpoint()
				case 4:
					c.Reopen() // every second time without room in memory
				case 5:
					c.One(keyedSpin(zoe, random.IntN(1000)))
				}
			}
			first := results[0]
			if first.Refusal != nil || first.Replayed || (first.Event == 0) != withoutEvent[cmd.Body.Kind()] {
				t.Fatalf("the first copy: %+v, %v", first, first.Refusal)
			}
			for i, r := range results {
				sent(t, r)
				if first.Event != 0 && i > 0 && (!r.Replayed || r.Event != first.Event || reflect.TypeOf(r.Value) != reflect.TypeOf(first.Value)) {
					t.Errorf("copy %d: %+v, the first: %+v", i+1, r, first)
				}
			}
			if first.Event != 0 {
				leftOnce(t, c, cmd.ID, before, first.Event)
			}
		})
	}
	for k := command.Kind(0); k < 1000; k++ {
		data, err := command.Encode(command.Command{Body: noFields{k}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := command.Decode(data); !errors.As(err, new(*command.NewerError)) && !known[k] {
			t.Errorf("no command of kind %d was tried", k)
		}
	}
}

// noFields is a body of any kind.
type noFields struct{ kind command.Kind }

func (n noFields) Kind() command.Kind           { return n.kind }
func (n noFields) MarshalCBOR() ([]byte, error) { return []byte{0xa0}, nil }

// sent checks that another member gets a result as it is.
func sent(t *testing.T, r command.Result) {
	t.Helper()
	data, err := command.EncodeResult(r)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := command.DecodeResult(data); err != nil || !reflect.DeepEqual(got, r) {
		t.Errorf("sent %+v, got %+v (%v)", r, got, err)
	}
}

// leftOnce checks that the events of a command are those of one execution, which ended with the event last.
func leftOnce(t *testing.T, c *storagetest.Casino, id command.ID, before, last uint64) {
	t.Helper()
	snapshot, err := c.Store.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var left []uint64
	err = snapshot.Events(before+1, func(e *machine.StoredEvent) error {
		if e.Command != id {
			return nil
		}
		if n := len(left); n > 0 && e.Seq != left[n-1]+1 {
			return fmt.Errorf("event %d is of the same command as event %d", e.Seq, left[n-1])
		}
		left = append(left, e.Seq)
		return nil
	})
	if err = errors.Join(err, snapshot.Close()); err != nil || len(left) == 0 || left[len(left)-1] != last {
		t.Errorf("the events %d are of the command, whose answer names %d: %v", left, last, err)
	}
}
