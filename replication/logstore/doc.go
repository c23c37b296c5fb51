// Package logstore keeps a raft log in preallocated segment files: the entries, raft's few stable values, whose log it
// is, and the metadata of the last snapshot.
//
// # Files
//
// The log is a directory. The file "state" holds two copies of the state record (identity, stable values, snapshot) and
// the witness. Each "*.segment" file holds entries. Its size never changes: it is filled with zeroes before its first
// use, and used again when its entries are cut. So an append is one write and one fdatasync that changes no metadata of
// the file system, and waits for no other file's journal.
//
// # Durability
//
// StoreLogs, Set, SetUint64 and SaveSnapshot return nil only after their change is synced. The first write or sync that
// fails breaks the store for good: it takes no further change, says so to Options.Failed, and the process is expected
// to end. (After a failed sync nobody knows what the disk holds. A second try could report pages as durable that the
// kernel has dropped.) For the same reason Open writes the last batch and the state once more before it returns: a
// process that died after a failed sync may have left them in the page cache only.
//
// # Batches
//
// A batch is what one append wrote: a header and one or more entries, in whole blocks of 4 KiB, so that no write
// touches a block that holds something durable. The header names the segment's sequence number and the first entry; the
// checksums of header and content are seeded with the log's own random salt. Sequence numbers only grow. What an earlier
// use of the segment left behind has a lower one, and can't be taken for data. A batch is written only after the one
// before it is durable.
//
// # Torn or damaged
//
// Reading ends at the first batch that is not whole. Whether that is the torn end of the last write, which nobody was
// told is durable, or damage to acknowledged entries, follows from what else is there:
//
//   - A later batch in the segment, a later segment, or a witness that names a later entry proves that the batch was
//     durable once: Open refuses with an *engine.DamageError.
//   - A damaged header in front of a whole entry is damage: a torn write loses whole sectors, with the entry.
//   - Without any of these the batch is a torn write. Open drops it, and says so in its log if any of it is left;
//     so does Torn.
//
// The witness is a small block in the state file that names the last durable entry. It is written after each append, but
// not synced. After a kill it is there, so damage to the last batch is certainly distinguished from a torn write. After a
// power cut it may be older. Touch and Close sync it. So only one case goes unnoticed: a power cut within a second or two
// of the last append, together with damage to the last batch. Even this shows if a checkpoint holds the lost entries: the
// state is then newer than the log.
//
// # Files that vanish
//
// A file of the log that is removed, moved or replaced while it is open takes writes that nobody will find. InPlace
// notices; whoever opened the log asks it now and then.
//
// # History
//
// Each batch and the witness also carry the head of the casino's history at that moment: the number of the newest event
// and its hash, which pins all events before it. Heads returns them, so that a state with another history can be refused.
// They also say how far the entries were applied. Committed returns the newest of that: a member of a cluster knows of no
// entry above it whether a majority has it.
//
// # Cutting the log
//
// DeleteRange at the beginning only moves the first index; whole segments below the cut are reused, oldest first. After a
// restart the log may start earlier than it was cut, which raft accepts. Entries above Options.Hold stay, until the log is
// larger than Options.HoldBytes. DeleteRange at the end opens a new segment that
// says with which entry it begins. From that entry on, older segments no longer count. That is one durable write: all or
// nothing.
package logstore
