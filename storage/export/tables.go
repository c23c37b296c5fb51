// Package export writes what a casino holds in forms that other programs read: tables as CSV or JSON lines, and the database of the
// older system. It reads a snapshot, so all that it writes is of one moment. Memory stays bounded, whatever the size of the casino.
//
// Nothing that it writes into tables is secret: no password hashes, no tokens, no seeds, and nothing of an open round that its player
// can't see.
package export

import (
	"context"
	"errors"
	"time"

	"imperio/storage"
)

// Table is one of the tables that can be exported.
type Table struct {
	Name    string
	Help    string // what a row is, and their order
	Columns []Column
	// visit calls row for each row, with a cell for each column, and seen now and then with how far it is.
	visit func(s *storage.Snapshot, row func(cells ...any) error, seen Progress) error
}

// Column is one column of a table.
type Column struct{ Name, Help string }

// Progress is told how far an export is.
type Progress func(done, total uint64)

// Tables are all tables.
var Tables = []*Table{accounts, transfers, rounds}

// Named finds a table.
func Named(name string) (*Table, bool) {
	for _, t := range Tables {
		if t.Name == name {
			return t, true
		}
	}
	return nil, false
}

// Cells are strings, bools, coins, numbers, nil, and these:
type (
	id       uint64 // a number that identifies something: text in JSON, since it may have more than 53 bits
	document []byte // JSON
)

// timeLayout is RFC 3339 with milliseconds, as in the API.
const timeLayout = "2006-01-02T15:04:05.000Z07:00"

// cellTime is a stored time in milliseconds; 0 is an empty cell.
func cellTime(ms int64) any {
	if ms == 0 {
		return nil
	}
	return time.UnixMilli(ms).UTC()
}

// idOrNone is an id; 0 is an empty cell.
func idOrNone(n uint64) any {
	if n == 0 {
		return nil
	}
	return id(n)
}

// textOrNone is a text; "" is an empty cell.
func textOrNone(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// Encoder writes rows in a format. Make one with NewCSV or NewJSONLines.
type Encoder interface {
	begin(columns []Column) error
	row(columns []Column, cells []any) error
	end() error
}

// Write writes a table, and returns the number of its rows. It ends early with ctx. progress may be nil.
func (t *Table) Write(ctx context.Context, s *storage.Snapshot, e Encoder, progress Progress) (rows uint64, err error) {
	if progress == nil {
		progress = func(uint64, uint64) {}
	}
	if err := e.begin(t.Columns); err != nil {
		return 0, err
	}
	err = t.visit(s, func(cells ...any) error {
		rows++
		return errors.Join(ctx.Err(), e.row(t.Columns, cells))
	}, progress)
	if err != nil {
		return rows, err
	}
	return rows, e.end()
}
