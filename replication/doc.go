// Package replication turns commands into a durable, ordered log and feeds it to the machine. Its Node is the only door
// to the state: Propose changes it, Barrier makes a read current.
//
// Underneath is hashicorp/raft over package logstore. A lone node is a cluster of one voter with a transport in memory:
// it opens no port, leads within milliseconds, and takes the same path as a node among others.
//
// # What an answer means
//
// Propose returns a result only after the command is synced to the log and applied. An error wraps one of two:
// command.ErrUnavailable, the command was not taken and never will be; command.ErrUnknown, it may have been taken or may
// still be. Refusals of the machine are results, not errors.
//
// # Failing
//
// A write or sync of the log that fails, an error of the machine, or a disk that holds a write longer than
// Options.StallLimit ends the node: it refuses everything from then on and says why on Failed. It does not recover; the
// process is expected to stop, and the next start replays the log.
package replication
