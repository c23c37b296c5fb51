// Package replication writes commands into a durable, ordered log and feeds the log to the machine. Its Node is the only
// door to the state: Propose changes it, Barrier makes a read current.
//
// Underneath is hashicorp/raft over package logstore. A lone node is a cluster of one voter with an in-memory transport.
// It opens no port, leads within milliseconds, and takes the same path as a node among others.
//
// # Entries and their time
//
// Commands that wait at the same time share an entry of the log, and so one sync. The leader stamps each entry with the
// casino's time when it sends it. Where that time comes from is in clock.go.
//
// # What an answer means
//
// Propose returns a result only after the command is synced to the log and applied. Its error wraps one of two:
// command.ErrUnavailable means that the command was not taken and never will be; command.ErrUnknown means that it may
// have been taken, or may still be. The machine's refusals are results, not errors.
//
// # Failing
//
// A failed write or sync of the log, an error of the machine, or a disk that holds a write longer than
// Options.StallLimit ends the node. It refuses everything from then on and says why on Failed. It does not recover: the
// process should stop, and the next start replays the log.
package replication
