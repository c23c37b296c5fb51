package mirror

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

var (
	// errOtherHistory says that the mirror holds another history than the casino's.
	errOtherHistory = errors.New("the mirror holds another history than this casino's: a backup was restored, or another casino was mirrored there. Nothing is written to it. " +
		"'imperio mirror rebuild' empties the tables, and writes this casino's history")
	// errMoved says that the position is not where this process has left it.
	errMoved = errors.New("another process has written to the mirror. Its position is read again")
	// errNotLeading says that another node is to mirror.
	errNotLeading = errors.New("another node leads")
	// errRebuild says that an operator wants the tables to be written again.
	errRebuild = errors.New("an operator has asked for a rebuild")
)

// wordsError is an error that is told in words that say what to do.
type wordsError struct {
	words string
	cause error
}

func (e *wordsError) Error() string { return e.words }
func (e *wordsError) Unwrap() error { return e.cause }

// advice says for an error of PostgreSQL what to do. A key is an SQLSTATE, or its class: the first two characters.
var advice = map[string]string{
	"28":    "PostgreSQL refuses the user or the password. Check --mirror, and mirror-password or mirror-password-file",
	"28000": "PostgreSQL refuses the connection. Check the user in --mirror, and what pg_hba.conf there allows",
	"3D000": "there is no such database. Make it with CREATE DATABASE, or name another one in --mirror",
	"42501": "the user of the mirror may not do that. It must own the schema, or be allowed to make one: GRANT CREATE ON DATABASE",
	"53100": "the disk of PostgreSQL is full. The mirror goes on once it has room",
	"53200": "PostgreSQL is out of memory. The mirror tries again",
	"53300": "PostgreSQL has no connection left. Raise its max_connections, or free some",
	"57P01": "PostgreSQL was stopped. The mirror goes on once it runs",
	"57P03": "PostgreSQL starts or stops. The mirror goes on once it runs",
	"57014": "PostgreSQL took too long for a batch. It is tried again in smaller ones",
	"55P03": "somebody else locks the tables of the mirror: another casino that writes there, or a session that holds a lock",
	"25006": "PostgreSQL takes no writes: it is a standby, or its administrator has made it read-only",
	"42P01": "a table of the mirror is missing: somebody has changed the schema",
	"42703": "a column of the mirror is missing: somebody has changed the schema",
	"42P07": "the schema holds tables of somebody else. Name another one with --mirror-schema",
	"23505": "the tables hold rows that the mirror has not written: somebody else has. Run 'imperio mirror rebuild'",
}

// inWords says what an error means and what to do. It names no password: pgx's errors of connections hold none, but they name
// addresses, which the operator has configured.
func (m *Mirror) inWords(err error) error {
	if words, ok := errors.AsType[*wordsError](err); ok {
		return words
	}
	if said, ok := errors.AsType[*pgconn.PgError](err); ok {
		words, ok := advice[said.Code]
		if !ok {
			words, ok = advice[said.Code[:min(2, len(said.Code))]]
		}
		switch {
		case !ok:
			words = "PostgreSQL refuses what the mirror writes"
		case said.Code == "42P01" || said.Code == "42703":
			words += ". " + dropAdvice(m.o.Schema)
		}
		return &wordsError{fmt.Sprintf("%s (%s: %s)", words, said.Code, said.Message), err}
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return &wordsError{fmt.Sprintf("PostgreSQL at %s does not answer", m.database), err}
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		if strings.Contains(err.Error(), "tls error") || strings.Contains(err.Error(), "certificate") || strings.Contains(err.Error(), "refused TLS") {
			return &wordsError{fmt.Sprintf("PostgreSQL at %s: TLS does not work. Check sslmode and sslrootcert in --mirror (%v)", m.database, rootOf(err)), err}
		}
		return &wordsError{fmt.Sprintf("PostgreSQL can't be reached at %s (%v)", m.database, rootOf(err)), err}
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return &wordsError{fmt.Sprintf("PostgreSQL at %s does not answer", m.database), err}
	}
	return err
}

// rootOf is the innermost error, which says why in a few words.
func rootOf(err error) error {
	for {
		switch wrapped := err.(type) {
		case interface{ Unwrap() error }:
			inner := wrapped.Unwrap()
			if inner == nil {
				return err
			}
			err = inner
		case interface{ Unwrap() []error }:
			list := wrapped.Unwrap()
			if len(list) == 0 {
				return err
			}
			err = list[0]
		default:
			return err
		}
	}
}

// tooSlow says whether a smaller batch may work.
func tooSlow(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	said, ok := errors.AsType[*pgconn.PgError](err)
	return ok && said.Code == "57014"
}
