package replication

import (
	"fmt"
	"math"

	"imperio/replication/logstore"
)

// The log remembers, with each batch that it writes, the head of the history at that moment: the number of the newest
// event and its hash. An event's hash pins all events before it. So one look-up in the state tells whether both are of
// one history, even where indexes and terms agree, as they do in copies of one data directory that went on separately.
//
// Heads that the state has reached are compared before the node starts. Those above it are compared as soon as the replay
// has come that far: before the node takes its first command, and before a follower serves a read of what came later. Only one case goes unnoticed: the log says nothing about the time after the
// copies parted, because the node wrote a single batch since and then neither touched nor closed its log.

// noteHead remembers the head of the history as far as the machine has applied the log. The log asks for it at each
// write; asking the machine itself would make the log wait for Apply.
func (n *Node) noteHead() {
	event, hash := n.machine.Head()
	index, _ := n.machine.Applied()
	n.head.Store(&logstore.Head{Event: event, Hash: hash, Index: index})
}

// checkHistory compares the newest head in the log that the state has reached with the state's own history.
func checkHistory(log *logstore.Store, m Machine) error {
	reached, _ := m.Head()
	newest := newestHead(log, reached)
	if newest.Event == 0 {
		return nil
	}
	return sameHistory(log, m, newest)
}

// checkReplay does the same for the newest head of all, which the state must have reached by now.
func checkReplay(log *logstore.Store, m Machine) error {
	newest := newestHead(log, math.MaxUint64)
	if newest.Event == 0 {
		return nil
	}
	return sameHistory(log, m, newest)
}

// proveReplay does so once the machine has applied what this node had applied before it was started. Called by raft's
// machine goroutine after each batch.
func (n *Node) proveReplay() error {
	index, _ := n.machine.Applied()
	if n.unproven == 0 || index < n.unproven {
		return nil
	}
	n.unproven = 0
	return checkReplay(n.log, n.machine)
}

// newestHead returns the newest head in the log up to an event; the zero Head if there is none.
func newestHead(log *logstore.Store, upTo uint64) (newest logstore.Head) {
	for _, h := range log.Heads() {
		if h.Event <= upTo && h.Event >= newest.Event {
			newest = h
		}
	}
	return newest
}

func sameHistory(log *logstore.Store, m Machine, h logstore.Head) error {
	hash, found, err := m.EventHash(h.Event)
	switch {
	case err != nil:
		return fmt.Errorf("compare the histories of the log and of the state: %w", err)
	case !found:
		last, _ := m.Head()
		return fmt.Errorf("%w: the history once reached event %d, says %s, but state.db and the log together only lead to event %d. "+
			"Put back the files that belong together, or restore the latest backup", ErrMismatch, h.Event, log.Path(), last)
	case hash != h.Hash:
		return fmt.Errorf("%w: event %d in %s is not the event %[2]d in state.db: they have different histories. "+
			"Put back the files that belong together, or restore the latest backup", ErrMismatch, h.Event, log.Path())
	}
	return nil
}
