package replication

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/hashicorp/raft"

	"imperio/replication/logstore"
)

// Receiving the state of another member has these steps. Nothing of this node's own is touched before the last three.
//
//  1. Raft's message describes the copy. If the file is not here yet, the message is refused, and the file is fetched in the
//     background. Raft sends the message again and again meanwhile.
//  2. The file is whole, synced, and has the hash that was promised. The next message is accepted.
//  3. A mark says that the state is about to be replaced, and by what.
//  4. The machine verifies the file, and replaces its state by it, at once.
//  5. The log remembers the state as its snapshot, and lets go of its entries. The mark is removed.
//
// After a crash between 3 and 5, the next start finds the mark. If the state was replaced, it goes on with 5. Otherwise it
// removes the mark, and the old state and the old log still belong together.

// incoming is the state that this node receives.
type incoming struct {
	dir string
	mu  sync.Mutex
	now *fetch // under mu; nil: none
}

// fetch is one file that is being fetched.
type fetch struct {
	description stateDescription
	path        string
	have        atomic.Int64 // bytes
	ctx         context.Context
	cancel      context.CancelFunc
	done        chan struct{} // closed when err is set
	err         error
}

// fetched is the share of the state that has been received; 0: none is needed.
func (i *incoming) fetched() float64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.now == nil || i.now.description.Bytes == 0 {
		return 0
	}
	return float64(i.now.have.Load()) / float64(i.now.description.Bytes)
}

// installPatience is how long raft's message waits for the file. Raft does nothing else for this node meanwhile.
const installPatience = 2 * time.Second

var (
	// errFetching means that the state is on its way.
	errFetching = errors.New("the state is being fetched from another member")
	errUnneeded = errors.New("this node has that part of the log already")
)

// receive accepts the message that describes a state, once the state is here.
func (n *Node) receive(meta logstore.Snapshot, message []byte) error {
	var d stateDescription
	if err := cbor.Unmarshal(message, &d); err != nil {
		return fmt.Errorf("read what the leader says about the state: %w", err)
	}
	if d.Checkpoint.Index != meta.Index || d.Checkpoint.Term != meta.Term {
		return fmt.Errorf("the state ends with entry %d, and the message says %d", d.Checkpoint.Index, meta.Index)
	}
	if n.installed(meta) {
		return nil
	}
	// A message that comes late must not undo anything: its sender may have gone on since.
	if applied, _ := n.machine.Applied(); applied >= meta.Index {
		return errUnneeded
	}
	var l raft.Log
	if n.log.GetLog(meta.Index, &l) == nil && l.Term == meta.Term {
		return errUnneeded
	}
	f := n.fetch(d)
	patience := time.NewTimer(installPatience)
	defer patience.Stop()
	select {
	case <-f.done:
		return f.err
	case <-patience.C:
		return errFetching
	case <-n.life.Done():
		return errClosed
	}
}

// installed reports whether a state is in place already, and nothing has followed it yet. Then its sender has not got the
// answer, and sends nothing else before it gets one.
func (n *Node) installed(meta logstore.Snapshot) bool {
	snapshot, _ := n.log.Snapshot()
	last, _ := n.log.LastIndex()
	applied, term := n.machine.Applied()
	return snapshot.Index == meta.Index && snapshot.Term == meta.Term && applied == meta.Index && term == meta.Term && last <= meta.Index
}

// fetch begins to fetch a state, unless it is under way or here already. Another one that is under way ends.
func (n *Node) fetch(d stateDescription) *fetch {
	i := &n.incoming
	i.mu.Lock()
	defer i.mu.Unlock()
	before := i.now
	if before != nil && before.description.SHA256 == d.SHA256 && !before.failed() {
		return before
	}
	f := &fetch{description: d, path: filepath.Join(i.dir, fmt.Sprintf("incoming-%x.db", d.SHA256)), done: make(chan struct{})}
	f.ctx, f.cancel = context.WithCancel(n.life)
	i.now = f
	n.running.Go(func() {
		defer close(f.done)
		defer f.cancel()
		if before != nil {
			before.cancel()
			<-before.done // it writes the same file
		}
		f.err = n.receiveFile(f)
	})
	return f
}

// failed reports whether the fetch has ended without the whole file.
func (f *fetch) failed() bool {
	select {
	case <-f.done:
		return f.err != nil
	default:
		return false
	}
}

// receiveFile fetches the file, or the rest of it, and verifies it.
func (n *Node) receiveFile(f *fetch) (err error) {
	d := f.description
	n.logger.Info("this node needs the whole state, and fetches it", "from", d.From, "entry", d.Checkpoint.Index, "bytes", d.Bytes)
	file, sum, err := n.resume(f)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, file.Close())
		if errors.Is(err, syscall.ENOSPC) {
			err = errors.Join(err, os.Remove(f.path))
		}
		if err != nil && f.ctx.Err() == nil {
			n.logger.Warn("the state is not here yet", "from", d.From, "have", f.have.Load(), "of", d.Bytes, "error", err)
		}
	}()
	if err := n.fetchParts(f, io.MultiWriter(file, sum)); err != nil {
		return err
	}
	if [32]byte(sum.Sum(nil)) != d.SHA256 {
		return errors.Join(errors.New("the file that was fetched is not what was promised; it is fetched again"), os.Remove(f.path))
	}
	return file.Sync()
}

// resume opens the file at its end. Its name says of which state it is; files of others are removed.
func (n *Node) resume(f *fetch) (*os.File, hash.Hash, error) {
	if err := os.MkdirAll(n.incoming.dir, 0o700); err != nil {
		return nil, nil, err
	}
	others, err := filepath.Glob(filepath.Join(n.incoming.dir, incomingFiles))
	if err != nil {
		return nil, nil, err
	}
	for _, other := range others {
		if other != f.path {
			if err := os.Remove(other); err != nil {
				return nil, nil, err
			}
		}
	}
	file, err := os.OpenFile(f.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, err
	}
	sum := sha256.New()
	have, err := io.Copy(sum, file)
	f.have.Store(have)
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return file, sum, nil
}

// incomingFiles matches the names of files that are fetched.
const incomingFiles = "incoming-*.db"

// fetchTries is how many calls in a row may fail before the fetch is given up. What is here stays, for the next one.
const fetchTries = 10

func (n *Node) fetchParts(f *fetch, to io.Writer) error {
	d := f.description
	source := raft.Server{ID: raft.ServerID(d.From), Address: raft.ServerAddress(d.Address)}
	for failures := 0; f.have.Load() < d.Bytes; {
		ctx, cancel := context.WithTimeout(f.ctx, callPatience)
		a, err := ask[stateRequest, stateAnswer](ctx, n, source, callState, stateRequest{SHA256: d.SHA256, Offset: f.have.Load()})
		cancel()
		switch {
		case f.ctx.Err() != nil:
			return f.ctx.Err()
		case err == nil && a.Gone:
			return errors.New("the member that offered the state has it no more")
		case err == nil && len(a.Part) == 0:
			return errors.New("the file ends early")
		case err != nil:
			if failures++; failures == fetchTries {
				return err
			}
			select {
			case <-time.After(n.heartbeat):
			case <-f.ctx.Done():
			}
			continue
		}
		failures = 0
		if _, err := to.Write(a.Part); err != nil {
			return err
		}
		f.have.Add(int64(len(a.Part)))
	}
	return nil
}

// installMark says that the state is about to be replaced, and by what. The log keeps it.
type installMark struct {
	Index              uint64 `cbor:"1,keyasint"`
	Term               uint64 `cbor:"2,keyasint"`
	Configuration      []byte `cbor:"3,keyasint"`
	ConfigurationIndex uint64 `cbor:"4,keyasint"`
}

// installing is the mark's name in the log.
var installing = []byte("Installing")

// install replaces the state by the one that was fetched. Raft's machine goroutine calls it.
func (n *Node) install(meta logstore.Snapshot) error {
	if n.installed(meta) {
		return nil
	}
	n.incoming.mu.Lock()
	f := n.incoming.now
	n.incoming.mu.Unlock()
	if f == nil || f.description.Checkpoint.Index != meta.Index {
		return fmt.Errorf("install the state up to entry %d: it was not fetched", meta.Index)
	}
	mark, err := cbor.Marshal(installMark{meta.Index, meta.Term, raft.EncodeConfiguration(meta.Configuration), meta.ConfigurationIndex})
	if err != nil {
		return err
	}
	if err := n.log.Set(installing, mark); err != nil {
		return fmt.Errorf("mark that the state is replaced: %w", err)
	}
	if err := n.machine.Replace(n.life, f.path, f.description.Checkpoint); err != nil {
		n.incoming.forget()
		err = fmt.Errorf("replace the state by that of %s: %w", f.description.From, err)
		if n.life.Err() == nil {
			n.logger.Error("the state of another member was not taken", "error", err)
		}
		return errors.Join(err, n.log.Set(installing, nil))
	}
	if err := n.log.SaveInstalled(meta); err != nil {
		return err // the log has failed the node, and the next start goes on
	}
	n.clock.saw(n.machine.Time())
	event, _ := n.machine.Head()
	n.events.Store(event)
	n.noteHead()
	n.progress.happened()
	n.incoming.forget()
	n.logger.Info("the state of another member has replaced this node's", "from", f.description.From, "entry", meta.Index)
	if err := n.log.Set(installing, nil); err != nil {
		n.fail(fmt.Errorf("remove the mark of a state that was replaced: %w", err)) // raft would take an error for a refusal
	}
	return nil
}

// forget lets go of what was fetched.
func (i *incoming) forget() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.now = nil
}

// completeInstall goes on with an installation that a crash has interrupted; see above. The log is open, and the machine too.
func (n *Node) completeInstall() error {
	data, err := n.log.Get(installing)
	if err != nil || len(data) == 0 {
		return nil // there is none
	}
	var m installMark
	if err := cbor.Unmarshal(data, &m); err != nil {
		return fmt.Errorf("read which state was about to be installed: %w", err)
	}
	meta := logstore.Snapshot{Index: m.Index, Term: m.Term, Configuration: raft.DecodeConfiguration(m.Configuration), ConfigurationIndex: m.ConfigurationIndex}
	snapshot, _ := n.log.Snapshot()
	if index, term := n.machine.Applied(); index == m.Index && term == m.Term && snapshot.Index < m.Index {
		n.logger.Warn("the state was replaced by another member's when the node ended; that is completed now", "entry", m.Index)
		if err := n.log.SaveInstalled(meta); err != nil {
			return err
		}
	}
	if snapshot, _ := n.log.Snapshot(); snapshot.Index == m.Index {
		if err := n.emptyLog(m.Index); err != nil {
			return err
		}
	}
	return n.log.Set(installing, nil)
}

// emptyLog removes all entries of a log that an installed state has replaced.
func (n *Node) emptyLog(index uint64) error {
	first, _ := n.log.FirstIndex()
	last, _ := n.log.LastIndex()
	if first == 0 || first > index {
		return nil
	}
	return n.log.DeleteRange(first, last)
}

// clearTransfer removes what earlier transfers have left, apart from a state that is only partly here.
func (n *Node) clearTransfer() error {
	err := os.Remove(filepath.Join(n.copies.dir, "outgoing.db"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove an old copy of the state: %w", err)
	}
	return nil
}
