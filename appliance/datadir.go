package appliance

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"imperio/appliance/cluster"
	"imperio/games"
	"imperio/games/catalogue"
	"imperio/replication"
	"imperio/replication/network"
	"imperio/storage"
	"imperio/storage/engine"
	"imperio/storage/machine"
	"imperio/storage/seal"
)

// ErrNoCasino says that a directory holds no casino.
var ErrNoCasino = errors.New("there is no casino in this directory")

// dataDir is an open data directory: the state, and the node that changes it.
type dataDir struct {
	path     string
	identity storage.Identity
	keys     *seal.Keys // derived from the casino's key
	store    *storage.Store
	node     *replication.Node
	made     bool // this start made the casino
	wayBack  wayBack
	lock     *os.File

	member  *cluster.File    // cluster.json; nil: there is none
	cluster *cluster.Cluster // nil: the node is alone, without a port for members
	port    *network.Network // nil as well then
	gone    chan error       // gets why this node is no member any more; nil as well
}

type dataDirOptions struct {
	path       string
	create     bool             // make a casino if there is none
	key        keySource        // of the casino's key
	games      *games.Catalogue // nil: all released games
	store      storage.Options
	caches     machine.CacheBytes
	observer   replication.Observer
	stallLimit time.Duration     // 0: replication's default
	clock      replication.Clock // nil: the system's
	hold       func() uint64     // entries above it stay in the log, which has at most holdBytes then; nil: none
	holdBytes  int64
	// trial says that the program may be replaced by the one before, so the way back stays open; see trial.go.
	trial   bool
	version string      // of this program
	member  *membership // nil: the node opens no port for other members
	log     *slog.Logger
}

// openDataDir opens the casino in a directory, or makes one if there is none and o.create is set. If it refuses a directory,
// it changes nothing in it.
func openDataDir(o dataDirOptions) (_ *dataDir, err error) {
	if o.key.given != "" { // it is looked at before the directory is made
		if _, err := o.key.read(o.path); err != nil {
			return nil, err
		}
	}
	if o.create {
		if err := os.MkdirAll(o.path, 0o700); err != nil {
			return nil, dirError("make the data directory", err)
		}
	}
	if o.games == nil {
		o.games = catalogue.Released()
	}
	d := &dataDir{path: o.path}
	if d.lock, err = lockDir(o.path); err != nil {
		return nil, err
	}
	var undo cleanups
	undo.log = o.log
	undo.add("data directory", d.lock.Close)
	defer func() {
		if err != nil {
			err = errors.Join(err, undo.run())
		}
	}()

	if err := checkPrivate(o.path); err != nil {
		return nil, err
	}
	if err := d.completeRestore(o.log); err != nil {
		return nil, err
	}
	d.identity, err = storage.ReadIdentity(o.path)
	if errors.Is(err, fs.ErrNotExist) {
		err = d.begin(o)
	}
	if err != nil {
		return nil, err
	}
	if d.member, err = d.readMember(); err != nil {
		return nil, err
	}
	if !d.identity.Ready {
		if !o.create {
			return nil, fmt.Errorf("%s: %w yet: its first start was interrupted. Start it with 'imperio serve'", o.path, ErrNoCasino)
		}
		if err := d.clear(); err != nil {
			return nil, err
		}
		keys := o.key.readOrMake
		if d.joins() { // the casino exists
			keys = o.key.readExisting
		}
		if d.keys, err = keys(o.path); err != nil {
			return nil, err
		}
		if err := storage.Create(o.path, d.identity, d.keys.ID()); err != nil {
			return nil, err
		}
	} else if err := d.refuseMember(o.create); err != nil {
		return nil, err
	} else if d.has(storage.StateFile) { // else something else is to be told than a missing key
		if d.keys, err = o.key.readExisting(o.path); err != nil {
			return nil, err
		}
	}
	o.store.Owner = d.identity.ClusterID
	undecided := o.trial || !o.create // an operator's verb decides nothing
	if undecided {
		o.store.BeforeMigration = putAside(o.path, o.version, o.log)
	}
	d.store, err = storage.OpenWith(o.path, o.games, d.keys, o.caches, o.store)
	if newer := (*engine.NewerFormatError)(nil); errors.As(err, &newer) && d.keys != nil {
		if err = d.goBack(&o, err); err == nil {
			d.store, err = storage.OpenWith(o.path, o.games, d.keys, o.caches, o.store)
		}
	}
	if err != nil {
		return nil, o.key.explain(o.path, err)
	}
	undo.add("state", d.store.Close)
	d.wayBack.close()
	if a, found := readAside(o.path); found && undecided {
		d.wayBack.open(a.Index)
		o.hold = d.wayBack.hold(o.hold)
	} else if err := removeAside(o.path); err != nil { // nobody goes back any more
		return nil, fmt.Errorf("remove what an earlier upgrade has left: %w", err)
	}
	node := replication.Options{
		Dir: o.path, Machine: d.store, Create: !d.identity.Ready, Logger: o.log, Observer: o.observer, Clock: o.clock,
		Identity: d.logIdentity(), StallLimit: o.stallLimit, Hold: o.hold, HoldBytes: o.holdBytes,
	}
	if o.member != nil {
		if err := d.openPort(&o, &node); err != nil {
			return nil, err
		}
	}
	if d.port != nil {
		undo.add("port for members", d.port.Close)
	}
	if d.node, err = replication.Open(node); err != nil {
		return nil, err
	}
	d.attach()
	if !d.identity.Ready {
		undo.add("node", func() error { return d.node.Close(context.Background()) })
		d.identity.Ready, d.made = true, true
		if err := storage.WriteIdentity(o.path, d.identity); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// errMember says that a directory can't be changed while no server runs on it.
var errMember = errors.New("it is a member of a cluster, so only a running casino can change it")

// refuseMember refuses an operator's verb on the directory of a cluster's member: what it did would be unknown to the others,
// or undone by them. A casino that is served joins them.
func (d *dataDir) refuseMember(served bool) error {
	if served || !d.has(replication.LogDir) {
		return nil
	}
	members, err := replication.ReadMembers(d.path, d.logIdentity())
	if err != nil {
		return err
	}
	if len(members) == 1 && members[0].Self {
		return nil
	}
	return fmt.Errorf("%s: %w. Start this node, or do this on another member. Nothing was changed", d.path, errMember)
}

// completeRestore goes on with a restore that was killed while it put its files in place. One that was killed earlier has
// changed nothing.
func (d *dataDir) completeRestore(log *slog.Logger) error {
	s := swap{dir: d.path, log: log}
	if s.pending() {
		log.Warn("a restore was interrupted when it was nearly done. It is completed now", "directory", d.path)
		_, err := s.finish()
		return err
	}
	if d.has(restoreNew) {
		log.Warn("a restore was interrupted, and has changed nothing. What it left is removed", "directory", filepath.Join(d.path, restoreNew))
		return os.RemoveAll(filepath.Join(d.path, restoreNew))
	}
	return nil
}

// begin gives a directory its identity, if it holds nothing of a casino.
func (d *dataDir) begin(o dataDirOptions) error {
	for _, name := range []string{storage.StateFile, replication.LogDir} {
		if d.has(name) {
			return fmt.Errorf("%s holds %s, but %s is missing. Put it back, or restore the casino from a backup into an empty directory. Nothing was changed",
				d.path, name, storage.NodeFile)
		}
	}
	if !o.create {
		return fmt.Errorf("%s: %w. Name the right one with --data-dir, or make one with 'imperio serve'", d.path, ErrNoCasino)
	}
	d.identity = storage.Identity{
		NodeID: randomName("node"), ClusterID: randomName("casino"), Format: storage.FormatVersion, CreatedAt: time.Now().UTC(),
	}
	if err := storage.WriteIdentity(d.path, d.identity); err != nil {
		return dirError("make a casino in the data directory", err)
	}
	return nil
}

// clear removes what an interrupted first start has left. node.json says that no command was ever taken. Files that say
// otherwise are not touched.
func (d *dataDir) clear() error {
	if err := d.checkUnused(); err != nil {
		return err
	}
	for _, name := range []string{storage.StateFile, replication.LogDir} {
		if err := os.RemoveAll(filepath.Join(d.path, name)); err != nil {
			return fmt.Errorf("remove what an interrupted start has left: %w", err)
		}
	}
	return nil
}

// checkUnused refuses files that can't be read, or that hold any command.
func (d *dataDir) checkUnused() error {
	if d.has(storage.StateFile) {
		s, err := storage.Open(d.path, nil, storage.Options{ReadOnly: true, Owner: d.identity.ClusterID})
		if err != nil {
			return err
		}
		used := !s.Time().IsZero()
		if err := s.Close(); err != nil {
			return err
		}
		if used {
			return d.notNew(storage.StateFile)
		}
	}
	if d.has(replication.LogDir) {
		next, used := uint64(1), false // a new log begins with entry 1, and none of its entries is a command
		left, err := replication.ReadLog(d.path, d.logIdentity(), 0, func(entry []storage.Command) error {
			for _, e := range entry {
				used = used || e.Index != next || len(e.Data) != 0
			}
			next++
			return nil
		})
		if err != nil {
			return err
		}
		if used || next == 1 && !d.joins() || left.Uncertain > 0 { // the log of a member that joins begins empty
			return d.notNew(replication.LogDir)
		}
	}
	return nil
}

func (d *dataDir) has(name string) bool {
	_, err := os.Lstat(filepath.Join(d.path, name))
	return !errors.Is(err, fs.ErrNotExist)
}

func (d *dataDir) notNew(name string) error {
	return fmt.Errorf("%s says that the first start of this casino was interrupted, but %s in %s holds a history. Put the right %s back, or restore the casino from a backup into an empty directory. Nothing was changed",
		storage.NodeFile, name, d.path, storage.NodeFile)
}

func (d *dataDir) logIdentity() replication.Identity {
	return replication.Identity{NodeID: d.identity.NodeID, ClusterID: d.identity.ClusterID}
}

// close stops the node, writes the last checkpoint and unlocks the directory.
func (d *dataDir) close(ctx context.Context) error {
	return errors.Join(d.node.Close(ctx), d.store.Close(), d.leaveMark(), d.lock.Close())
}

// leaveMark writes node.json again if it has gone missing. Otherwise a service that restarts at once would take the empty
// directory for a first start, and make a new casino where one was running a moment ago.
func (d *dataDir) leaveMark() error {
	if d.has(storage.NodeFile) {
		return nil
	}
	err := os.MkdirAll(d.path, 0o700)
	if err == nil {
		err = storage.WriteIdentity(d.path, d.identity)
	}
	if err != nil {
		return fmt.Errorf("leave a mark where the casino was: %w", err)
	}
	return fmt.Errorf("%s is gone from %s. It was written again, so that no new casino is made there. Put the casino's other files back beside it, or restore a backup into an empty directory", storage.NodeFile, d.path)
}

// watch returns an error when the directory is no longer where it was opened, and nil when ctx ends. The state watches its
// own file.
func (d *dataDir) watch(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := engine.InPlace(d.path, d.lock); err != nil {
			return err
		}
	}
}

// lockDir keeps other processes out of the directory for as long as the file is open.
func lockDir(path string) (*os.File, error) {
	dir, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w. Name the right one with --data-dir, or make one with 'imperio serve'", path, ErrNoCasino)
	}
	if err != nil {
		return nil, dirError("open the data directory", err)
	}
	if fi, err := dir.Stat(); err != nil || !fi.IsDir() {
		return nil, errors.Join(err, fmt.Errorf("%s is not a directory. Name the casino's data directory with --data-dir", path), dir.Close())
	}
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		dir.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s is %w. Stop that one first, or choose another directory with --data-dir", path, errInUse)
		}
		return nil, dirError("lock the data directory", &fs.PathError{Op: "flock", Path: path, Err: err})
	}
	return dir, nil
}

func randomName(prefix string) string {
	b := make([]byte, 8)
	if _, err := io.ReadFull(rand.Reader, b); err != nil {
		panic(err) // crypto/rand never fails
	}
	return prefix + "-" + hex.EncodeToString(b)
}
