// Package storagetest helps to test code that stands on storage. It has a casino in a temporary directory that is audited
// when the test ends, an applier that replaces the log, and a naive model that predicts every answer.
package storagetest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"imperio/games"
	"imperio/games/catalogue"
	"imperio/storage"
	"imperio/storage/audit"
	"imperio/storage/command"
	"imperio/storage/machine"
	"imperio/storage/seal"
)

// T is what the casino needs from a test. *testing.T, *testing.B, *testing.F and *rapid.T implement it.
type T interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
	Logf(format string, args ...any)
}

// Keys are those of every casino under test.
var Keys = seal.New([seal.KeySize]byte([]byte("the key of casinos that are made")))

// Birth is the time of a new casino's first command: a Monday, so that days, weeks and months begin soon after it.
var Birth = time.Date(2026, 11, 23, 21, 0, 0, 0, time.UTC)

// Casino is a store with an applier in place of the log. Its methods are for one goroutine, except those of Store.
type Casino struct {
	Store *storage.Store
	Now   time.Time         // the leader's clock, which stamps the next entry
	Log   []storage.Command // everything that was applied

	t       T
	dir     string // of state.db
	games   *games.Catalogue
	base    string // each crash makes another directory in it
	crashes int
	opened  int // times
	options storage.Options
	random  *rand.Rand
}

// New makes an empty casino in a temporary directory. Ids, entropy and the sizes of batches follow from the seed. The
// books are audited at the end of the test.
func New(t testing.TB, seed uint64, options storage.Options) *Casino {
	t.Helper()
	t.Logf("storagetest: seed %d", seed)
	return NewIn(t, t.TempDir(), seed, options)
}

// NewIn makes an empty casino in an empty directory that the caller removes.
func NewIn(t T, dir string, seed uint64, options storage.Options) *Casino {
	t.Helper()
	return NewWith(t, dir, seed, catalogue.Released(), options)
}

// NewWith is NewIn with other games than the released ones.
func NewWith(t T, dir string, seed uint64, c *games.Catalogue, options storage.Options) *Casino {
	t.Helper()
	if options.StallLimit == 0 {
		options.StallLimit = 10 * time.Minute // a checkpoint may be very slow on a busy machine
	}
	casino := &Casino{
		t: t, games: c, base: dir, dir: filepath.Join(dir, "data"), Now: Birth, options: options,
		random: rand.New(rand.NewPCG(seed, 0x1a7)),
	}
	if err := os.Mkdir(casino.dir, 0o700); err != nil {
		t.Fatalf("make the data directory: %v", err)
	}
	if err := storage.Create(casino.dir, storage.Identity{NodeID: "node", ClusterID: "cluster", Format: storage.FormatVersion}, Keys.ID()); err != nil {
		t.Fatalf("create: %v", err)
	}
	casino.open()
	t.Cleanup(casino.finish)
	return casino
}

// finish proves the books and closes the store.
func (c *Casino) finish() {
	if c.Store == nil {
		return
	}
	c.Audit()
	if err := c.Store.Close(); err != nil {
		c.t.Errorf("close: %v", err)
	}
	c.Store = nil
}

// open opens the store. Every second time it must do without caches, which may make no difference.
func (c *Casino) open() {
	c.t.Helper()
	caches := machine.UsualCacheBytes
	if c.opened++; c.opened%2 == 0 {
		caches = 1
	}
	s, err := storage.OpenWith(c.dir, c.games, Keys, caches, c.options)
	if err != nil {
		c.t.Fatalf("open: %v", err)
	}
	c.Store = s
}

// Dir is the directory of state.db.
func (c *Casino) Dir() string { return c.dir }

// Abandon closes the store without an audit, for tests that damage it.
func (c *Casino) Abandon() {
	c.t.Helper()
	if err := c.Store.Close(); err != nil {
		c.t.Fatalf("close: %v", err)
	}
	c.Store = nil
}

// Reopen closes the store and opens it again.
func (c *Casino) Reopen() {
	c.t.Helper()
	c.Abandon()
	c.open()
}

// Alter closes the store, lets fn change the file, and opens the store again.
func (c *Casino) Alter(fn func(path string)) {
	c.t.Helper()
	path := c.Store.Path()
	c.Abandon()
	fn(path)
	c.open()
}

// Crash continues with state.db as it is on the disk now: what is only in memory is lost, and the log above the durable
// index is applied again. The store must not be writing a checkpoint.
func (c *Casino) Crash() {
	c.t.Helper()
	old := c.Store
	c.crashes++
	dir := filepath.Join(c.base, fmt.Sprintf("crash-%d", c.crashes))
	if err := os.Mkdir(dir, 0o700); err != nil {
		c.t.Fatalf("crash: %v", err)
	}
	if err := copyFile(filepath.Join(c.dir, storage.StateFile), filepath.Join(dir, storage.StateFile)); err != nil {
		c.t.Fatalf("crash: %v", err)
	}
	if err := old.Close(); err != nil {
		c.t.Fatalf("crash: close the lost store: %v", err)
	}
	c.dir = dir
	c.open()
	from := c.Store.Durable().Index
	var lost []storage.Command
	for _, e := range c.Log {
		// A few entries that the state already includes are passed as well: they must be skipped.
		if e.Index+uint64(c.random.IntN(3)) > from {
			lost = append(lost, e)
		}
	}
	c.apply(lost)
}

// Checkpoint makes everything applied durable.
func (c *Casino) Checkpoint() {
	c.t.Helper()
	got, err := c.Store.Checkpoint(context.Background())
	if err != nil {
		c.t.Fatalf("checkpoint: %v", err)
	}
	if index, _ := c.Store.Applied(); got.Index != index || c.Store.Durable() != got {
		c.t.Fatalf("checkpoint %d, durable %d, applied %d", got.Index, c.Store.Durable().Index, index)
	}
}

// Complete fills in what a proposer adds to a command: its id, and the entropy that it needs.
func (c *Casino) Complete(cmd command.Command) command.Command {
	if cmd.ID == (command.ID{}) {
		cmd.ID = command.ID(c.Random(len(cmd.ID)))
	}
	if cmd.Entropy == nil && cmd.Seeds == nil {
		switch b := cmd.Body.(type) {
		case command.ImportAccounts:
			cmd.Entropy = c.Random(2 * len(b.Accounts) * command.SeedSize)
		case command.OpenAccount:
			cmd.Entropy = c.Random(2 * command.SeedSize)
		case command.RotateSeed:
			cmd.Entropy = c.Random(command.SeedSize)
		}
	}
	return cmd
}

// Random returns n bytes that follow from the seed.
func (c *Casino) Random(n int) []byte {
	b := make([]byte, 0, n+8)
	for len(b) < n {
		b = binary.LittleEndian.AppendUint64(b, c.random.Uint64())
	}
	return b[:n]
}

// Do applies commands, each in its own entry, in batches of random size. The clock advances by a millisecond per command.
func (c *Casino) Do(commands ...command.Command) []command.Result {
	c.t.Helper()
	entries := make([]Stamped, len(commands))
	for i, cmd := range commands {
		entries[i] = Stamped{c.Now, cmd}
		c.Now = c.Now.Add(time.Millisecond)
	}
	return c.DoAt(entries...)
}

// Stamped is a command with the time that a leader stamped on its entry.
type Stamped struct {
	At      time.Time
	Command command.Command
}

// DoAt is Do with a time for each command.
func (c *Casino) DoAt(entries ...Stamped) []command.Result {
	c.t.Helper()
	log := make([]storage.Command, len(entries))
	index := c.nextIndex()
	for i, e := range entries {
		data, err := command.Encode(Keys.Command(c.Complete(e.Command)))
		if err != nil {
			c.t.Fatalf("encode: %v", err)
		}
		log[i] = storage.Command{Index: index + uint64(i), Term: 1, Time: e.At, Data: data}
	}
	c.Log = append(c.Log, log...)
	return c.apply(log)
}

func (c *Casino) nextIndex() uint64 {
	if len(c.Log) == 0 {
		return 1
	}
	return c.Log[len(c.Log)-1].Index + 1 + uint64(c.random.IntN(2)) // raft's own entries leave gaps
}

// Replay applies another casino's log, in batches of random size that end with an entry.
func (c *Casino) Replay(log []storage.Command) []command.Result {
	c.t.Helper()
	c.Log = append(c.Log, log...)
	return c.apply(log)
}

func (c *Casino) apply(entries []storage.Command) []command.Result {
	c.t.Helper()
	var results []command.Result
	for len(entries) > 0 {
		n := min(len(entries), 1+c.random.IntN(16))
		for n < len(entries) && entries[n].Index == entries[n-1].Index {
			n++ // all commands of an entry come at once
		}
		r, err := c.Store.Apply(entries[:n])
		if err != nil {
			c.t.Fatalf("apply entries %d to %d: %v", entries[0].Index, entries[n-1].Index, err)
		}
		results = append(results, r...)
		entries = entries[n:]
	}
	return results
}

// One applies one command, which must not be refused, and returns its result.
func (c *Casino) One(cmd command.Command) command.Result {
	c.t.Helper()
	r := c.Do(cmd)[0]
	if r.Refusal != nil {
		c.t.Fatalf("%T refused: %v", cmd.Body, r.Refusal)
	}
	return r
}

// Refused applies one command, which must be refused with the code, and returns the refusal.
func (c *Casino) Refused(code string, cmd command.Command) *command.Refusal {
	c.t.Helper()
	r := c.Do(cmd)[0]
	if r.Refusal == nil || r.Refusal.Code != code {
		c.t.Fatalf("%T: refusal %v, want %s", cmd.Body, r.Refusal, code)
	}
	if r.Event != 0 || r.Value != nil || r.Refusal.Message == "" {
		c.t.Fatalf("%T: refused with event %d, value %v, message %q", cmd.Body, r.Event, r.Value, r.Refusal.Message)
	}
	return r.Refusal
}

// Player opens an account with some coins and returns its id.
func (c *Casino) Player(name string, coins games.Coins) command.AccountID {
	c.t.Helper()
	r := c.One(command.Command{Body: command.OpenAccount{
		Username: name, UsernameKey: name, PasswordHash: "hash of " + name, Role: command.RolePlayer, WelcomeCoins: coins}})
	return r.Value.(*command.AccountOpened).Account.ID
}

// Identity returns the hash of the state and the machine's record. Two casinos that applied the same log agree on both.
func (c *Casino) Identity() (state [32]byte, machine machine.Record) {
	c.t.Helper()
	snap, err := c.Store.Snapshot(context.Background())
	if err != nil {
		c.t.Fatalf("snapshot: %v", err)
	}
	state, err = snap.Hash()
	machine = snap.Machine()
	if err = errors.Join(err, snap.Close()); err != nil {
		c.t.Fatalf("hash: %v", err)
	}
	return state, machine
}

// Audit proves the books.
func (c *Casino) Audit() audit.Report {
	c.t.Helper()
	snap, err := c.Store.Snapshot(context.Background())
	if err != nil {
		c.t.Errorf("audit: snapshot: %v", err)
		return audit.Report{}
	}
	report, err := audit.Run(context.Background(), snap, audit.Options{Workers: 1})
	if err = errors.Join(err, snap.Close()); err != nil {
		c.t.Errorf("audit: %v", err)
	}
	return report
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
