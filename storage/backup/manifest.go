package backup

import (
	"encoding/hex"
	"fmt"
	"time"

	"imperio/games"
	"imperio/storage/command"
	"imperio/storage/ledger"
	"imperio/storage/machine"
)

// FormatVersion is the version of backups that this package writes, and the newest that it reads.
const FormatVersion = 1

// Kind is what a backup holds.
type Kind string

// The kinds of backups.
const (
	KindArchive Kind = "archive" // the whole state at one entry of the log
	KindSegment Kind = "segment" // entries of the log
)

// Manifest describes a backup. It is in clear, also in an encrypted one: it names no player.
type Manifest struct {
	Format  int       `json:"format"`
	Kind    Kind      `json:"kind"`
	Casino  string    `json:"casino"`  // the cluster's id
	Lineage string    `json:"lineage"` // as LineageName writes it
	Program string    `json:"program"` // the version that wrote it
	TakenAt time.Time `json:"taken_at"`

	FirstIndex uint64    `json:"first_index,omitzero"` // a segment's first entry
	Entries    uint64    `json:"entries,omitzero"`     // of a segment
	From       time.Time `json:"from,omitzero"`        // a segment's: the casino's time before its first entry
	Index      uint64    `json:"index"`                // the newest entry in it
	Term       uint64    `json:"term"`
	Position

	Compression Compression `json:"compression"`
	Encrypted   bool        `json:"encrypted"`
	KeyID       string      `json:"key_id"`       // names the casino's key, which the secrets in it are sealed with
	KeyIncluded bool        `json:"key_included"` // the casino's key is a part of it
	Parts       []Part      `json:"parts"`
}

// Position is the state of a casino after an entry, in figures. Coins are of the whole casino. A segment that was written when
// the machine had moved on has only the time of its last entry: it is partial.
type Position struct {
	Time         time.Time   `json:"time"`             // the casino's
	Partial      bool        `json:"partial,omitzero"` // only the time is known
	FeatureLevel uint32      `json:"feature_level"`
	Schema       int         `json:"schema"` // the version of the state's tables
	Events       uint64      `json:"events"`
	HistoryHead  string      `json:"history_head"` // SHA-256 of the newest event, in hexadecimal digits
	Accounts     uint64      `json:"accounts"`
	Sessions     uint64      `json:"sessions"`
	Rounds       uint64      `json:"rounds"` // settled
	OpenRounds   uint64      `json:"open_rounds"`
	Staked       games.Coins `json:"staked"` // in settled rounds
	Paid         games.Coins `json:"paid"`
	Players      games.Coins `json:"players"` // the sum of their balances
	Escrow       games.Coins `json:"escrow"`  // staked in open rounds
	Issued       games.Coins `json:"issued"`  // ever granted, less what was taken back
	LedgerSum    games.Coins `json:"ledger_sum"`
}

// PositionOf puts a machine's record into figures. schema is the version of the state's tables.
func PositionOf(r *machine.Record, schema int) Position {
	p := Position{
		Time: r.At(), FeatureLevel: r.Level, Schema: schema, Events: r.Events, HistoryHead: hex.EncodeToString(r.Head[:]),
		Accounts: uint64(r.NextAccount - command.FirstAccountID), Sessions: r.Sessions, OpenRounds: r.OpenRounds,
		Players: r.Books.Players, Escrow: r.Books.Of(ledger.Escrow), Issued: -r.Books.Of(ledger.Issue), LedgerSum: r.Books.Sum(),
	}
	for _, g := range r.Games {
		p.Rounds += g.Rounds
		p.Staked += g.Staked
		p.Paid += g.Paid
	}
	return p
}

// Differs tells in which figure two positions differ; "" if in none. If one of them is partial, only their times are compared.
func (p Position) Differs(q Position) string {
	if p.Partial || q.Partial {
		p, q = Position{Time: p.Time}, Position{Time: q.Time}
	}
	for _, f := range []struct {
		name string
		a, b any
	}{
		{"casino's time", p.Time.UnixMilli(), q.Time.UnixMilli()}, {"feature level", p.FeatureLevel, q.FeatureLevel}, {"number of events", p.Events, q.Events},
		{"head of the history", p.HistoryHead, q.HistoryHead}, {"number of accounts", p.Accounts, q.Accounts},
		{"number of sessions", p.Sessions, q.Sessions}, {"number of settled rounds", p.Rounds, q.Rounds},
		{"number of open rounds", p.OpenRounds, q.OpenRounds}, {"coins staked", p.Staked, q.Staked}, {"coins paid", p.Paid, q.Paid},
		{"coins of players", p.Players, q.Players}, {"coins in escrow", p.Escrow, q.Escrow}, {"coins issued", p.Issued, q.Issued},
		{"sum of the ledger", p.LedgerSum, q.LedgerSum},
	} {
		if f.a != f.b {
			return fmt.Sprintf("the %s is %v instead of %v", f.name, f.a, f.b)
		}
	}
	return ""
}

// Part is a stream in a backup: plain bytes, compressed, then encrypted.
type Part struct {
	Name         string `json:"name"`
	Size         int64  `json:"size"` // of the plain bytes
	SHA256       string `json:"sha256"`
	StoredSize   int64  `json:"stored_size"` // in the backup
	StoredSHA256 string `json:"stored_sha256"`
}

// The names of parts.
const (
	PartState   = "state"   // state.db
	PartKey     = "key"     // the casino's key
	PartEntries = "entries" // entries of the log
)

// part finds a part, and where it begins in the backup.
func (m *Manifest) part(name string) (p Part, offset int64, ok bool) {
	offset = int64(len(opening))
	for _, p := range m.Parts {
		if p.Name == name {
			return p, offset, true
		}
		offset += p.StoredSize
	}
	return p, 0, false
}

// check refuses a manifest that this program can't use. what names the backup.
func (m *Manifest) check(what string) error {
	if m.Format > FormatVersion {
		return fmt.Errorf("%s has format %d, and this imperio reads up to %d: imperio %s wrote it. Use that version, or a newer one", what, m.Format, FormatVersion, m.Program)
	}
	if m.Format < 1 || m.Kind != KindArchive && m.Kind != KindSegment || m.Casino == "" || m.Lineage == "" {
		return damaged(what, "its manifest is not complete")
	}
	if _, ok := decompressors[m.Compression]; !ok {
		return fmt.Errorf("%s is compressed by %q, which this imperio does not know: imperio %s wrote it. Use that version, or a newer one", what, m.Compression, m.Program)
	}
	for _, p := range m.Parts {
		if p.Size < 0 || p.StoredSize < 0 {
			return damaged(what, "its manifest gives a size below 0")
		}
	}
	return nil
}

// DamageError is about a backup that is not what was written.
type DamageError struct {
	What string // which backup
	Why  string
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("%s is damaged: %s. Use another backup", e.What, e.Why)
}

func damaged(what, format string, args ...any) error {
	return &DamageError{What: what, Why: fmt.Sprintf(format, args...)}
}
