// Package backup keeps copies of a casino in other places, and brings a casino back from them.
//
// A casino's history is one line of log entries. A restore begins a new lineage: the same casino, and another line. An
// archive is the whole state at one entry. A segment is the log's entries from one to another. The state at any moment is
// that of the newest archive before it, and the segments after that up to the moment.
//
// Both lie in targets, which are directories or S3-compatible storage. Their names and manifests say everything: a new
// machine needs nothing but a target, and the age identity or the casino's key where backups are encrypted.
package backup
