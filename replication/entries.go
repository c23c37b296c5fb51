package replication

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/raft"

	"imperio/storage"
)

// Entries visits the entries from one index to another, both included, in order. It reads them from the log and verifies
// them. All must be applied, so they are committed. It waits for nothing that is being written, and the log may be cut
// meanwhile: the error wraps ErrCut once an entry is no longer there. It returns an error of visit, or of ctx, as it is. The
// visitor may keep an entry's Data. Damage ends the node.
func (n *Node) Entries(ctx context.Context, from, to uint64, visit func(storage.Entry) error) error {
	if applied, _ := n.machine.Applied(); from == 0 || to > applied {
		return fmt.Errorf("read entries %d to %d of the log: the machine has applied 1 to %d", from, to, applied)
	}
	for index := from; index <= to; index++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := n.refuses(); err != nil {
			return unavailable(err)
		}
		var l raft.Log
		err := n.log.GetLog(index, &l)
		if errors.Is(err, raft.ErrLogNotFound) {
			first, _ := n.log.FirstIndex()
			return fmt.Errorf("read entry %d of the log: %w; the first one is %d", index, ErrCut, first)
		}
		if err != nil {
			return fmt.Errorf("read entry %d of the log: %w", index, err)
		}
		if err := visit(entryOf(&l)); err != nil {
			return err
		}
	}
	return nil
}

// trim cuts what raft would cut after its last snapshot. Raft cuts only then. So without trim, entries that were held back
// would stay until play goes on.
func (n *Node) trim(trailing uint64) {
	snapshot, ok := n.log.Snapshot()
	last, _ := n.log.LastIndex()
	if !ok || last <= trailing {
		return
	}
	first, _ := n.log.FirstIndex()
	upTo := min(snapshot.Index, last-trailing)
	if first == 0 || first > upTo {
		return
	}
	if err := n.log.DeleteRange(first, upTo); err != nil {
		n.logger.Warn("the log could not be cut; the next snapshot tries again", "error", err)
	}
}
