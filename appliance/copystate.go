package appliance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"imperio/appliance/control"
	"imperio/appliance/problem"
	"imperio/games"
	"imperio/games/catalogue"
	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/engine"
	"imperio/storage/machine"
)

// newProgramRoom is how many times as large as the state the room for a copy must be that a new program tries itself on: it may write all of
// it anew.
const newProgramRoom = 2

// copyLife is how long a copy stays if nobody removes it: its verb was killed, perhaps.
const copyLife = time.Hour

// stateCopies makes one copy of the state at a time.
type stateCopies struct {
	making sync.Mutex

	mu      sync.Mutex             // held for moments only
	expires map[string]*time.Timer // by directory: removes a copy
}

// close leaves the copies to the next start.
func (c *stateCopies) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.expires {
		t.Stop()
	}
	return nil
}

// keep removes a copy later, unless it is removed before. A new copy in the directory of an older one has its own time.
func (c *stateCopies) keep(dir string, remove func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.expires == nil {
		c.expires = make(map[string]*time.Timer)
	}
	if before, ok := c.expires[dir]; ok {
		before.Stop()
	}
	c.expires[dir] = time.AfterFunc(copyLife, remove)
}

// forget reports whether there is a copy in a directory, and keeps it no longer.
func (c *stateCopies) forget(dir string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	expires, ok := c.expires[dir]
	if ok {
		expires.Stop()
		delete(c.expires, dir)
	}
	return ok
}

// makeCopyDir makes the directory of a copy, and says how many times as large as the state the room must be. There is one directory for new
// programs, and one for each export: exports must not disturb an upgrade.
func (h house) makeCopyDir(r control.CopyRequest) (dir string, room int64, err error) {
	// Whoever reads it may run elsewhere.
	data, err := filepath.Abs(h.app.config.Data.Dir)
	if err != nil {
		return "", 0, err
	}
	if r.Export {
		all := filepath.Join(data, exportDir)
		if err := os.MkdirAll(all, 0o700); err != nil {
			return "", 0, err
		}
		dir, err := os.MkdirTemp(all, "") // with mode 0700
		return dir, 1, err
	}
	dir = filepath.Join(data, tryDir)
	if err := os.RemoveAll(dir); err != nil {
		return "", 0, err
	}
	return dir, newProgramRoom, os.Mkdir(dir, 0o700)
}

// CopyState implements control.Server.
func (h house) CopyState(ctx context.Context, r control.CopyRequest) (out control.StateCopy, err error) {
	h.app.copies.making.Lock()
	defer h.app.copies.making.Unlock()
	dir, times, err := h.makeCopyDir(r)
	if err != nil {
		return out, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	snapshot, err := h.app.dir.store.Snapshot(ctx)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, snapshot.Close()) }()
	space := room{h.app.space, uint64(h.app.config.Data.DiskReserve)}
	if err := space.check(times * snapshot.Size()); err != nil {
		return out, problem.New("unavailable", "There is no room for a copy of the state: %s.", err)
	}
	out = control.StateCopy{Dir: dir, Format: storage.FormatVersion, Facts: factsOf(snapshot)}
	copied, err := snapshot.CopyTo(ctx, filepath.Join(dir, storage.StateFile))
	if err != nil {
		return out, err
	}
	out.Bytes = copied.Bytes
	h.app.copies.keep(dir, func() {
		if err := h.RemoveStateCopy(control.CopyName{Dir: dir}); err != nil {
			h.app.log.Warn("a copy of the state could not be removed; the next start tries again", "error", err)
		}
	})
	return out, nil
}

// RemoveStateCopy implements control.Server.
func (h house) RemoveStateCopy(name control.CopyName) error {
	dir := name.Dir
	if dir == "" {
		data, err := filepath.Abs(h.app.config.Data.Dir)
		if err != nil {
			return err
		}
		dir = filepath.Join(data, tryDir)
	}
	if !h.app.copies.forget(dir) { // it is gone, or never was one
		return nil
	}
	return os.RemoveAll(dir)
}

func factsOf(s *storage.Snapshot) control.StateFacts {
	r := s.Machine()
	index, _ := s.Applied()
	return control.StateFacts{
		Index: index, Level: r.Level, Events: r.Events, HistoryHead: fmt.Sprintf("%x", r.Head), Accounts: uint64(r.NextAccount - command.FirstAccountID),
		Sessions: r.Sessions, OpenRounds: r.OpenRounds, Players: r.Books.Players, LedgerSum: r.Books.Sum(),
	}
}

// Tried is what a program says about a copy of the state that it has tried itself on.
type Tried struct {
	Version string             `json:"version"`
	Format  int                `json:"format"` // version of the data's format that it writes
	Level   uint32             `json:"newest_feature_level"`
	Records uint64             `json:"records"` // that it has read
	Facts   control.StateFacts `json:"facts"`
}

// TryState opens a copy of the state in a directory, as a start would: it brings it up to this program's format. Then it reads
// every record, and proves that no coin was lost. It needs no key: what is secret in the state stays closed.
func TryState(ctx context.Context, dir, version string) (t Tried, err error) {
	store, err := storage.OpenWith(dir, catalogue.Released(), nil, machine.CacheBytes(0), storage.Options{})
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	snapshot, err := store.Snapshot(ctx)
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(snapshot.Close(), err) }()
	t = Tried{Version: version, Format: storage.FormatVersion, Level: machine.NewestLevel, Facts: factsOf(snapshot)}
	if t.Records, err = snapshot.Verify(ctx.Err); err != nil {
		return t, err
	}
	var players games.Coins
	err = snapshot.Wallets(func(_ command.AccountID, w *machine.WalletRecord) error {
		players += w.Balance
		return ctx.Err()
	})
	switch {
	case err != nil:
		return t, err
	case t.Facts.LedgerSum != 0:
		return t, fmt.Errorf("the sum of all balances is %d instead of 0", t.Facts.LedgerSum)
	case players != t.Facts.Players:
		return t, fmt.Errorf("the players have %d coins, and the books say %d", players, t.Facts.Players)
	}
	return t, engine.SyncDir(dir)
}
