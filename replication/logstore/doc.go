// Package logstore keeps a raft log in one bbolt file: the entries, raft's few stable values, whose log it is, and the
// metadata of the last snapshot.
//
// # Durability
//
// StoreLogs, Set, SetUint64 and SaveSnapshot return nil only after their change is synced. The first write or sync that
// fails breaks the store for good: it takes no further change, says so to Options.Failed, and the process is expected
// to end. (After a failed sync nobody can say what the disk holds, and trying again could answer "durable" for pages
// that the kernel has already thrown away.)
//
// # Damage
//
// Nothing in the file is believed without a witness. Entries and the state record carry a CRC-32C over their key and
// content; the number of the last entry stands a second time in the header of its bucket, on another page, so that an
// entry can't vanish from the end; and Open walks every page of the file before bbolt may touch it (package boltcheck).
// A damaged file is refused with a *DamagedError, and a refused Open changes nothing on disk.
//
// # Cutting the log
//
// Raft cuts the beginning of the log after each snapshot, thousands of entries at a time. Deleting those in one
// transaction would hold up the bets that wait behind it. So the cut is taken note of in memory, and each later StoreLogs
// deletes a few more of the old entries than it adds, in the transaction that it writes anyway: a cut costs no sync of
// its own, and the file stays bounded. After a restart the log may start earlier than it was cut; raft doesn't mind.
package logstore
