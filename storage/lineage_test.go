package storage_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"imperio/storage/command"
	"imperio/storage/machine"
	"imperio/storage/storagetest"
)

const lineage = "20261120T100000Z-4f3a9c21"

// beginning is the command that begins a lineage.
func beginning(name string) command.Command {
	return command.Command{Body: command.BeginLineage{Lineage: name, Actor: "root", Reason: "the disk died", Before: "origin", After: name}}
}

func TestBeginLineage_IsInTheStateAndAnActInTheHistory(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	if got := c.Store.Lineage(); got != "" {
		t.Fatalf("a new casino is of the lineage %q", got)
	}
	if r := c.One(beginning(lineage)); r.Event != 1 || r.Value != nil {
		t.Fatalf("%+v", r)
	}
	c.Checkpoint()
	c.Reopen()
	if got := c.Store.Lineage(); got != lineage {
		t.Errorf("the lineage is %q", got)
	}
	list, _, err := c.Store.History(t.Context(), command.HistoryQuery{Limit: 5, Acts: true})
	want := command.Act{Actor: "root", Act: "casino_restored", Reason: "the disk died", Before: "origin", After: lineage}
	if err != nil || len(list) != 1 || list[0].Kind != "lineage_begun" || *list[0].Act != want {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestBeginLineage_RefusesWhatIsNoNewLineage(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	c.One(beginning(lineage))
	for _, name := range []string{"", lineage, "origin", "a/b", "a.b", "a b", "línea", "a\x00", strings.Repeat("a", 65)} {
		c.Refused("invalid_command", beginning(name))
	}
	for _, name := range []string{strings.Repeat("Z", 64), "-", lineage} {
		c.One(beginning(name))
	}
	again := c.Complete(beginning("next"))
	first := c.One(again)
	again.Retry = true
	if r := c.One(again); r.Event != first.Event || !r.Replayed {
		t.Errorf("proposed again: %+v, at first %+v", r, first)
	}
}

// renewal renews a number of accounts, with two seeds for each of so many.
func renewal(c *storagetest.Casino, first command.AccountID, count, seeds int) command.Command {
	return c.Complete(command.Command{Entropy: c.Random(2 * seeds * command.SeedSize), Body: command.RenewAccounts{First: first, Count: count, Actor: "root"}})
}

func TestRenewAccounts_TakesAwayWhatSomebodyMayHave(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	ann, ben, cat, dan := c.Player("ann", 100), c.Player("ben", 100), c.Player("cat", 100), c.Player("dan", 100)
	on := func(id command.AccountID, b command.Body) command.Command {
		return command.Command{Account: id, Body: b}
	}
	c.One(signIn(ann, 1))
	c.One(signIn(ann, 2))
	c.One(on(ann, command.CreateToken{Session: command.NewSession{Token: command.TokenHash{3}, Lifetime: 1000, Name: "bot", Scopes: command.ScopeRead}}))
	c.One(on(ann, command.RotateSeed{ClientSeed: "clover"}))
	c.One(spin(ann, 1))
	c.One(on(ben, command.CreatePasswordLink{Link: codeOf(1), Lifetime: time.Hour.Milliseconds(), Actor: "cashier"}))
	c.One(on(ben, command.SetLock{Locked: true, Actor: "cashier"}))
	c.One(on(cat, command.DeleteAccount{Actor: "cashier"}))
	c.One(on(dan, command.Exclude{ForEver: true}))
	before, events := fairnessOf(t, c, ann), c.Store.Figures().Events

	cmd := renewal(c, ann, 4, 3)
	r := c.One(cmd)
	if got := *r.Value.(*command.AccountsRenewed); got != (command.AccountsRenewed{Accounts: 3, Sessions: 3}) {
		t.Errorf("%+v", got)
	}
	after := fairnessOf(t, c, ann)
	// In the lost history the next seed may have been revealed, too: neither may be used again.
	for _, known := range []string{before.Commitment, before.NextCommitment} {
		if after.Commitment == known || after.NextCommitment == known {
			t.Errorf("the seed with the commitment %s is still in use", known)
		}
	}
	if after.ClientSeed != "default:1000" || !after.DefaultSeed || after.Nonce != 0 || after.Pair != 3 {
		t.Errorf("from %+v to %+v", before, after)
	}
	if f := fairnessOf(t, c, ben); f.Pair != 2 || f.ClientSeed != "default:1001" || !f.DefaultSeed {
		t.Errorf("%+v", f)
	}
	if pairs, _, err := c.Store.RevealedPairs(t.Context(), ann, command.Page{Limit: 2}); err != nil || len(pairs) != 2 || pairs[1].Commitment != before.Commitment || pairs[1].Rounds != 1 ||
		pairs[0].Commitment != before.NextCommitment || pairs[0].Rounds != 0 {
		t.Errorf("%+v, %v", pairs, err)
	}
	if n := len(sessionsOf(t, c, ann)); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
	for _, token := range []command.TokenHash{{1, 1}, {1, 2}, {3}} {
		if _, ok, err := c.Store.Session(token); ok || err != nil {
			t.Errorf("session %x: %t, %v", token[:2], ok, err)
		}
	}
	if _, ok, err := c.Store.PasswordLink(ben); ok || err != nil {
		t.Errorf("the password link: %t, %v", ok, err)
	}
	var kinds []string
	list, _, err := c.Store.History(t.Context(), command.HistoryQuery{Limit: 100, After: events})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		kinds = append(kinds, e.Kind)
	}
	if got := strings.Join(kinds, " "); got != "accounts_renewed seed_rotated seed_rotated seed_rotated seed_rotated seed_rotated seed_rotated sessions_ended" {
		t.Errorf("newest first, the events are %s", got)
	}
	if a := list[0].Act; a == nil || a.Actor != "root" || a.After != "accounts 1000 to 1003" || list[0].Seq != r.Event {
		t.Errorf("%+v of event %d", a, r.Event)
	}
	cmd.Retry = true
	if again := c.One(cmd); !again.Replayed || *again.Value.(*command.AccountsRenewed) != (command.AccountsRenewed{Accounts: 3, Sessions: 3}) {
		t.Errorf("proposed again: %+v", again)
	}
}

func fairnessOf(t *testing.T, c *storagetest.Casino, id command.AccountID) command.Fairness {
	t.Helper()
	f, ok, err := c.Store.Fairness(id)
	if err != nil || !ok {
		t.Fatalf("%t, %v", ok, err)
	}
	return f
}

func TestRenewAccounts_RefusesWhatItCantDoWhole(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	ann, ben := c.Player("ann", 1000), c.Player("ben", 100)
	for _, count := range []int{-1, 0, 3, 1001, 1 << 62} {
		c.Refused("invalid_command", renewal(c, ann, count, 2))
	}
	for _, first := range []command.AccountID{0, 999, ben + 1, 1<<64 - 1} {
		c.Refused("invalid_command", renewal(c, first, 1, 1))
	}
	for _, seeds := range []int{0, 1, 3} {
		c.Refused("invalid_command", renewal(c, ann, 2, seeds))
	}
	foreign := renewal(c, ann, 2, 0)
	foreign.Entropy, foreign.Seeds = nil, make([]command.SealedSeed, 4)
	c.Refused("invalid_command", foreign)
	of := renewal(c, ann, 2, 2)
	of.Account = ann
	c.Refused("invalid_command", of)

	var round command.RoundID
	for round == 0 { // until a hand is not over at once
		r := c.One(command.Command{Account: ann, Body: command.PlaceWager{Rules: "blackjack/1", Stake: 2}}).Value.(*command.RoundResult)
		if !r.Round.Settled {
			round = r.Round.ID
		}
	}
	c.Refused("round_open", renewal(c, ann, 2, 2))
	c.One(renewal(c, ben, 1, 1))
	c.One(command.Command{Body: command.SettleAbandoned{Round: round}})
	c.One(renewal(c, ann, 2, 2))
}

// All accounts of a large casino are renewed a thousand at a time.
func TestRenewAccounts_RenewsAThousandAtOnce(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	players := make([]command.Command, 1001)
	for i := range players {
		name := fmt.Sprintf("player %d", i)
		players[i] = command.Command{Body: command.OpenAccount{Username: name, UsernameKey: name, PasswordHash: "hash", Role: command.RolePlayer}}
	}
	c.Do(players...)
	first := command.FirstAccountID
	c.Refused("invalid_command", renewal(c, first, 1001, 1001))
	if r := c.One(renewal(c, first, 1000, 1000)); r.Value.(*command.AccountsRenewed).Accounts != 1000 {
		t.Errorf("%+v", r.Value)
	}
	c.Crash()
	if f := fairnessOf(t, c, first+999); f.Pair != 2 {
		t.Errorf("the last one has pair %d", f.Pair)
	}
	if f := fairnessOf(t, c, first+1000); f.Pair != 0 {
		t.Errorf("the one after it has pair %d", f.Pair)
	}
}

func TestAudit_FindsAWrongLineage(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	c.Player("ann", 100)
	c.One(beginning(lineage))
	c.One(renewal(c, command.FirstAccountID, 1, 1))
	c.Audit()
	c.Checkpoint()
	file, err := os.ReadFile(c.Store.Path())
	if err != nil {
		t.Fatal(err)
	}
	begun := func(f *forger) *machine.Event {
		return f.find(func(e *machine.Event) bool { return e.Kind == machine.LineageBegun })
	}
	renewed := func(f *forger) *machine.Event {
		return f.find(func(e *machine.Event) bool { return e.Kind == machine.AccountsRenewed })
	}
	for _, forged := range []forgery{
		{"the machine says another", state(func(f *forger) {
			f.machine(func(r *machine.Record) { r.Lineage = "other" })
		}), `the history is of the lineage "20261120T100000Z-4f3a9c21", the machine says "other"`},
		{"the machine says none", state(func(f *forger) { f.machine(func(r *machine.Record) { r.Lineage = "" }) }), `the machine says ""`},
		{"the event has none", amend(begun, func(e *machine.Event) { e.Lineage = "" }), "a lineage without a name is begun"},
		{"one is begun twice", amend(renewed, func(e *machine.Event) { e.Kind, e.Lineage = machine.LineageBegun, lineage }), "is begun a second time"},
		{"a renewal says more", amend(renewed, func(e *machine.Event) { e.Renewed.Accounts++ }), "2 seeds are rotated"},
		{"a renewal is another command's", amend(renewed, func(e *machine.Event) { e.Command[0]++ }), "0 seeds are rotated"},
		{"a renewal says nothing", amend(renewed, func(e *machine.Event) { e.Renewed = nil }), "2 seeds are rotated"},
	} {
		t.Run(forged.name, func(t *testing.T) {
			var event uint64
			s := forge(t, file, func(f *forger) { event = forged.do(f) })
			holdViolation(t, s, event, forged.says)
		})
	}
}
