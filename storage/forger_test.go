package storage_test

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.etcd.io/bbolt"

	"imperio/games"
	"imperio/games/catalogue"
	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/engine"
	"imperio/storage/ledger"
	"imperio/storage/machine"
	"imperio/storage/storagetest"
)

// forger changes state.db as somebody would who knows its format. Whatever it writes has a correct checksum, so only the
// audit can tell.
type forger struct {
	t      *testing.T
	tx     *bbolt.Tx
	events []machine.Event // event n at n-1; rechain and rebook write the changes made here
}

// forge lets fn change a copy of a file, and opens it for an audit.
func forge(t *testing.T, file []byte, fn func(f *forger)) *storage.Store {
	t.Helper()
	path := forgeFile(t, file, fn)
	s, err := storage.Open(filepath.Dir(path), storagetest.Keys, storage.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// forgeFile lets fn change a copy of a file, and returns its path.
func forgeFile(t *testing.T, file []byte, fn func(f *forger)) (path string) {
	t.Helper()
	path = filepath.Join(memoryDir(t), storage.StateFile)
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		f := &forger{t: t, tx: tx}
		f.load()
		fn(f)
		return nil
	})
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// load reads the history.
func (f *forger) load() {
	if err := f.table("history").ForEach(func(_, sealed []byte) error {
		var e machine.Event
		f.must(storagetest.Decode(unsealed(sealed), &e))
		f.events = append(f.events, e)
		return nil
	}); err != nil {
		f.t.Fatal(err)
	}
}

func (f *forger) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *forger) table(name string) *bbolt.Bucket { return f.tx.Bucket([]byte(name)) }

// unsealed is the content of a sealed value, without the checksum.
func unsealed(sealed []byte) []byte { return sealed[:len(sealed)-4] }

// put writes a record: bytes unchanged, anything else encoded.
func (f *forger) put(table string, key []byte, record any) []byte {
	f.t.Helper()
	data, raw := record.([]byte)
	if !raw {
		var err error
		data, err = storagetest.Encode(record)
		f.must(err)
	}
	f.must(f.table(table).Put(key, engine.Seal(table, key, data)))
	return data
}

// remove deletes an existing record.
func (f *forger) remove(table string, key []byte) {
	f.t.Helper()
	if f.table(table).Get(key) == nil {
		f.t.Fatalf("the table %s has no record %x to be removed", table, key)
	}
	f.must(f.table(table).Delete(key))
}

// change changes an existing record.
func change[Record any](f *forger, table string, key []byte, fn func(r *Record)) {
	f.t.Helper()
	var r Record
	sealed := f.table(table).Get(key)
	if sealed == nil {
		f.t.Fatalf("the table %s has no record %x to be changed", table, key)
	}
	f.must(storagetest.Decode(unsealed(sealed), &r))
	fn(&r)
	f.put(table, key, &r)
}

func (f *forger) machine(fn func(m *machine.Record)) { change(f, "meta", []byte("record"), fn) }

func (f *forger) wallet(id command.AccountID, fn func(w *machine.WalletRecord)) {
	f.t.Helper()
	change(f, "wallets", storagetest.AccountKey(id), fn)
}

func (f *forger) seeds(id command.AccountID, fn func(s *machine.SeedsRecord)) {
	f.t.Helper()
	change(f, "seeds", storagetest.AccountKey(id), fn)
}

func (f *forger) pair(id command.AccountID, pair uint32, fn func(p *machine.PairRecord)) {
	f.t.Helper()
	change(f, "pairs", storagetest.PairKey(id, pair), fn)
}

// find finds the first event that matches.
func (f *forger) find(wanted func(e *machine.Event) bool) *machine.Event {
	f.t.Helper()
	for i := range f.events {
		if wanted(&f.events[i]) {
			return &f.events[i]
		}
	}
	f.t.Fatal("nothing of the kind happened in this casino")
	return nil
}

// first is an account's first event of a kind.
func (f *forger) first(k machine.EventKind, id command.AccountID) *machine.Event {
	f.t.Helper()
	return f.find(func(e *machine.Event) bool { return e.Kind == k && e.Account == id })
}

// add appends a copy of an event to the history, makes all sums add up, and returns the event's number.
func (f *forger) add(e machine.Event) uint64 {
	f.t.Helper()
	e.Seq, e.Time = uint64(len(f.events))+1, f.events[len(f.events)-1].Time
	e.Transfers = slices.Clone(e.Transfers)
	f.events = append(f.events, e)
	f.rebook()
	return e.Seq
}

// rechain writes the history with correct hashes: every event carries the previous one's, and the machine's record the
// newest one's.
func (f *forger) rechain() {
	f.t.Helper()
	var head [32]byte
	for i := range f.events {
		e := &f.events[i]
		e.Prev = head
		head = sha256.Sum256(f.put("history", storagetest.EventKey(e.Seq), e))
	}
	f.machine(func(m *machine.Record) { m.Events, m.Head = uint64(len(f.events)), head })
}

// rebook recomputes all sums from the events: balances after transfers and events, chains, wallets, statistics and the
// machine's totals. So the audit can't find the forgery by a sum that is wrong.
func (f *forger) rebook() {
	f.t.Helper()
	balances := make(map[ledger.Account]games.Coins)
	wallets := make(map[command.AccountID]*machine.WalletRecord)
	var totals machine.GameRecords
	for i := range f.events {
		e := &f.events[i]
		if e.Account == 0 {
			continue
		}
		w := wallets[e.Account]
		if w == nil {
			w = new(machine.WalletRecord)
			wallets[e.Account] = w
		}
		for j := range e.Transfers {
			t := &e.Transfers[j]
			balances[t.From] -= t.Amount
			balances[t.To] += t.Amount
			t.FromAfter, t.ToAfter = balances[t.From], balances[t.To]
			switch ledger.Escrow {
			case t.From:
				w.Held -= t.Amount
			case t.To:
				w.Held += t.Amount
			}
		}
		if r := e.Round; r != nil && r.Settled {
			if game, ok := catalogue.Released().Named(games.NameOf(r.Rules)); ok {
				w.Games, totals = w.Games.With(game.Number, r), totals.With(game.Number, r)
			}
		}
		w.Balance = balances[ledger.Player(e.Account)]
		e.Back, e.Coins, e.Held = w.Last, int64(w.Balance), int64(w.Held)
		if chain, ok := e.Chain(catalogue.Released()); ok {
			e.BackAlike = w.Follow(chain, e.Seq)
		} else {
			e.BackAlike = 0
		}
		w.Last = e.Seq
	}
	f.rechain()
	for id, made := range wallets {
		f.wallet(id, func(w *machine.WalletRecord) {
			w.Balance, w.Held, w.Last, w.LastCoins, w.Games = made.Balance, made.Held, made.Last, made.LastCoins, made.Games
		})
	}
	f.machine(func(m *machine.Record) {
		m.Games, m.Books = totals, ledger.Books{}
		for who, balance := range balances {
			if who.IsPlayer() {
				m.Books.Players += balance
			} else {
				m.Books.House = append(m.Books.House, ledger.Balance{Account: who, Coins: balance})
			}
		}
		slices.SortFunc(m.Books.House, func(a, b ledger.Balance) int { return cmp.Compare(a.Account, b.Account) })
	})
}

// The numbers of the released games, which are those of their house accounts.
const (
	slots     = 3
	roulette  = 4
	blackjack = 5
)

// sum finds the record of a game.
func sum(sums machine.GameRecords, game uint16) *machine.GameRecord {
	i := slices.IndexFunc(sums, func(g machine.GameRecord) bool { return g.Game == game })
	return &sums[i]
}

// balance is the balance of an account of the house.
func balance(m *machine.Record, who ledger.Account) *games.Coins {
	i := slices.IndexFunc(m.Books.House, func(b ledger.Balance) bool { return b.Account == who })
	return &m.Books.House[i].Coins
}
