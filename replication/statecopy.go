package replication

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/hashicorp/raft"
	"golang.org/x/time/rate"

	"imperio/replication/logstore"
	"imperio/storage"
)

// A member whose log ends before the leader's begins needs the whole state. The leader writes one copy of its newest
// checkpoint into a file, for all who need it: so no reader stays open in state.db, however slow they are. Raft's message to
// the member holds only a description. The member fetches the file by calls (see install.go), from where it stopped after
// an interruption.

// TransferDir is the name of the directory, in the data directory, for states that are sent or received. What is in it can
// be fetched again.
const TransferDir = "transfer"

// stateDescription is what raft's message to a member says about a copy of the state.
type stateDescription struct {
	From       string             `cbor:"1,keyasint"` // the member that has the copy
	Address    string             `cbor:"2,keyasint"`
	Checkpoint storage.Checkpoint `cbor:"3,keyasint"`
	Bytes      int64              `cbor:"4,keyasint"`
	SHA256     [32]byte           `cbor:"5,keyasint"`
}

// stateCopies is the newest copy of the state for other members.
type stateCopies struct {
	dir  string
	rate *rate.Limiter // of all that is sent
	mu   sync.Mutex
	copy *stateCopy // under mu; nil: none
	busy bool       // under mu: one is being made
}

type stateCopy struct {
	path        string
	description stateDescription
	meta        logstore.Snapshot
	used        time.Time // last, by this machine's clock
}

// copyLife is how long a copy stays after its last use.
const copyLife = 2 * time.Minute

// errCopying means that a member must ask for the state again.
var errCopying = errors.New("the state is being copied for other members; it is sent in a moment")

// inUse returns the last entry that the copy's state includes, if there is a copy that somebody may still fetch.
func (c *stateCopies) inUse() (index uint64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.copy == nil {
		return 0, false
	}
	if time.Since(c.copy.used) > copyLife {
		c.drop()
		return 0, false
	}
	return c.copy.meta.Index, true
}

// drop removes the copy. Called with mu held.
func (c *stateCopies) drop() {
	os.Remove(c.copy.path) // else the next start does
	c.copy = nil
}

// leadsOn reports whether this node can send the entries that follow a state that ends with an entry. Raft needs that entry's
// term, too. It knows that of its newest snapshot, otherwise it reads the entry.
func (n *Node) leadsOn(index, snapshot uint64) bool {
	first, _ := n.log.FirstIndex()
	return first <= index || first == index+1 && snapshot == index
}

// stateFor returns the copy for another member. The first call begins to make one, and fails with errCopying. snapshot is the
// last entry that raft's newest snapshot includes.
func (n *Node) stateFor(snapshot uint64) (stateCopy, error) {
	c := &n.copies
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.copy != nil && n.leadsOn(c.copy.meta.Index, snapshot) && time.Since(c.copy.used) <= copyLife {
		return *c.copy, nil
	}
	if c.busy {
		return stateCopy{}, errCopying
	}
	if c.copy != nil {
		c.drop() // what comes after it is no longer in the log, or its member did not want it
	}
	if n.refuses() == nil {
		c.busy = true
		n.running.Go(n.copyState)
	}
	return stateCopy{}, errCopying
}

// copyState makes a copy of the state.
func (n *Node) copyState() {
	made, err := n.makeCopy()
	c := &n.copies
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy = false
	if err == nil {
		c.copy = &made
	} else if n.life.Err() == nil {
		n.logger.Error("the state could not be copied for another member", "error", err)
	}
}

func (n *Node) makeCopy() (made stateCopy, err error) {
	if err := os.MkdirAll(n.copies.dir, 0o700); err != nil {
		return made, err
	}
	made.path = filepath.Join(n.copies.dir, "outgoing.db")
	if err := os.Remove(made.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return made, err
	}
	began := time.Now()
	written, err := n.machine.CopyTo(n.life, made.path)
	if err != nil {
		return made, err // and there is no file
	}
	made.meta = logstore.Snapshot{Index: written.Index, Term: written.Term}
	made.meta.Configuration, made.meta.ConfigurationIndex, err = n.log.ConfigurationAt(written.Index)
	made.description = stateDescription{
		From: string(n.id()), Address: n.address, Checkpoint: written.Checkpoint, Bytes: written.Bytes, SHA256: written.SHA256,
	}
	made.used = time.Now()
	n.logger.Info("the state was copied for other members", "entry", written.Index, "bytes", written.Bytes, "took", time.Since(began).Round(time.Millisecond))
	return made, err
}

// openCopy returns the message to a member that needs the state. snapshot is as for stateFor.
func (n *Node) openCopy(snapshot uint64) (*raft.SnapshotMeta, io.ReadCloser, error) {
	c, err := n.stateFor(snapshot)
	if err != nil {
		return nil, nil, err
	}
	description, err := cbor.Marshal(c.description)
	if err != nil {
		return nil, nil, err
	}
	meta := metaOf(c.meta)
	meta.Size = int64(len(description))
	return meta, io.NopCloser(bytes.NewReader(description)), nil
}

// maxPart bounds a part of the state that one call fetches, in bytes.
const maxPart = 1 << 20

type stateRequest struct {
	SHA256 [32]byte `cbor:"1,keyasint"`
	Offset int64    `cbor:"2,keyasint"`
}

type stateAnswer struct {
	Part []byte `cbor:"1,keyasint"` // empty at the end
	Gone bool   `cbor:"2,keyasint"` // there is no such copy any more
}

// answerState sends a part of the copy.
func (n *Node) answerState(ctx context.Context, r stateRequest) (a stateAnswer, err error) {
	c := &n.copies
	c.mu.Lock()
	if c.copy == nil || c.copy.description.SHA256 != r.SHA256 {
		c.mu.Unlock()
		return stateAnswer{Gone: true}, nil
	}
	c.copy.used = time.Now()
	path := c.copy.path
	c.mu.Unlock()
	if err := c.rate.WaitN(ctx, maxPart); err != nil {
		return a, err
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return stateAnswer{Gone: true}, nil
	}
	if err != nil {
		return a, err
	}
	defer f.Close()
	a.Part = make([]byte, maxPart)
	read, err := f.ReadAt(a.Part, r.Offset)
	a.Part = a.Part[:read]
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if err != nil {
		err = fmt.Errorf("read the copy of the state: %w", err)
	}
	return a, err
}
