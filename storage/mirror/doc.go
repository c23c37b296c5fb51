// Package mirror copies the casino into tables of PostgreSQL, for operators whose reports live in SQL.
//
// The history is projected in order, in batches, each in one transaction that also moves the mirror's position. The position
// is compared before it is moved. So every event is in the tables once, whatever fails and however often it is tried again,
// and two casinos can't write to one mirror. Nothing is kept outside PostgreSQL: after any failure the mirror reads
// its position there and goes on.
//
// Only the history of the newest checkpoint is read, from short snapshots. So a PostgreSQL that is slow, frozen or gone
// holds up nothing else: it makes the mirror late. Late or not, the tables are as the casino was at one moment. Accounts alone may be
// older while the mirror catches up: position.accounts_event says from when they are.
//
// The tables hold no secret: no password, no seed that is not revealed, no address of a client, and of an open round only
// what its player has decided.
package mirror

import (
	"log/slog"
	"time"

	"imperio/storage"
)

// Source is the running casino, as far as the mirror needs it. All methods are safe for concurrent use.
type Source interface {
	// Leads reports whether this node leads and has applied all that was committed before. Only then it mirrors.
	Leads() bool
	// Head is the newest event of the history: its number and its hash.
	Head() (event uint64, hash [32]byte)
	// EventHash is the hash of an event of the history; false if there is no such event.
	EventHash(event uint64) (hash [32]byte, ok bool, err error)
	// LastSnapshot is of the newest checkpoint. It waits for nothing.
	LastSnapshot() (*storage.Snapshot, error)
}

// Options configure a Mirror. Zero means the default for all that have no other remark.
type Options struct {
	URL      string // of the database: postgres://user@host/database, with the parameters of libpq and pgx; must be given
	Password string // "": the URL's, or that of the user's file of passwords
	Schema   string // of all tables; default "imperio"
	Casino   string // the cluster's id: a mirror holds one casino; must be given
	// Interval is how often a mirror that has all looks for more; default 250 ms.
	Interval time.Duration
	// Patience is how long PostgreSQL may take for one statement, and to let us connect; default 1 min. A batch that takes longer is
	// tried again in smaller ones.
	Patience time.Duration
	// RetryFrom and RetryMost are the shortest and the longest wait after a failure; default 500 ms and 1 min.
	RetryFrom, RetryMost time.Duration
	// BatchEvents is the most events in a transaction; default 40,000.
	BatchEvents int
	// BatchBytes bounds what a transaction holds in memory; two or three are there at a time. Default 16 MiB.
	BatchBytes int
	Log        *slog.Logger // nil: none
}

func (o *Options) setDefaults() {
	for _, d := range []struct {
		v  *time.Duration
		to time.Duration
	}{{&o.Interval, 250 * time.Millisecond}, {&o.Patience, time.Minute}, {&o.RetryFrom, 500 * time.Millisecond}, {&o.RetryMost, time.Minute}} {
		if *d.v == 0 {
			*d.v = d.to
		}
	}
	if o.Schema == "" {
		o.Schema = "imperio"
	}
	if o.BatchEvents == 0 {
		o.BatchEvents = 40_000
	}
	if o.BatchBytes == 0 {
		o.BatchBytes = 16 << 20
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}
