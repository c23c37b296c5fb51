package postgrestest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"imperio/storage/storagetest/postgrestest"
)

func TestServer_FailsInEachWay(t *testing.T) {
	s := postgrestest.Start(t, postgrestest.WithoutSync(), postgrestest.WithTLS())
	s.CreateDatabase(t, "books")
	s.Exec(t, "books", "CREATE TABLE notes (note text)")
	count := 0
	add := func(t *testing.T) {
		t.Helper()
		s.Exec(t, "books", "INSERT INTO notes VALUES ('kept')")
		count++
		var got int
		if err := s.Connect(t, "books").QueryRow(t.Context(), "SELECT count(*) FROM notes").Scan(&got); err != nil || got != count {
			t.Fatalf("%d notes, %v; want %d", got, err, count)
		}
	}
	add(t)
	s.Stop(t)
	if _, err := pgx.Connect(t.Context(), s.URL("books")); err == nil {
		t.Fatal("a stopped server answers")
	}
	s.Start(t)
	add(t)
	s.Kill(t)
	if _, err := pgx.Connect(t.Context(), s.URL("books")); err == nil {
		t.Fatal("a killed server answers")
	}
	s.Start(t)
	add(t)

	t.Run("frozen", func(t *testing.T) {
		open := s.Connect(t, "books")
		s.Pause(t)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if err := open.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("a frozen server answers: %v", err)
		}
		s.Resume(t)
		add(t)
	})
	t.Run("over TLS", func(t *testing.T) {
		if _, err := pgx.Connect(t.Context(), s.URL("books", "sslmode", "verify-full")); err == nil {
			t.Fatal("its certificate is trusted without its authority")
		}
		conn, err := pgx.Connect(t.Context(), s.URL("books", "sslmode", "verify-full", "sslrootcert", s.CAFile))
		if err != nil {
			t.Fatal(err)
		}
		conn.Close(t.Context())
	})
	t.Run("by the socket", func(t *testing.T) {
		conn, err := pgx.Connect(t.Context(), fmt.Sprintf("host=%s port=%d user=%s password=%s dbname=books", s.SocketDir, s.Port, postgrestest.User, postgrestest.Password))
		if err != nil {
			t.Fatal(err)
		}
		conn.Close(t.Context())
	})
	t.Run("another password", func(t *testing.T) {
		_, err := pgx.Connect(t.Context(), strings.Replace(s.URL("books"), postgrestest.Password, "wrong", 1))
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || refused.Code != "28P01" {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("full disk", func(t *testing.T) {
		s.CreateDatabase(t, "full", "TABLESPACE "+s.SmallTablespace(t, 12<<20))
		conn := s.Connect(t, "full")
		_, err := conn.Exec(t.Context(), "CREATE TABLE big AS SELECT repeat('x', 1000) FROM generate_series(1, 20000)")
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || refused.Code != "53100" {
			t.Fatalf("got %v", err)
		}
		s.GrowTablespace(t, "small1", 100<<20)
		if _, err := conn.Exec(t.Context(), "CREATE TABLE big AS SELECT repeat('x', 1000) FROM generate_series(1, 20000)"); err != nil {
			t.Fatal(err)
		}
	})
}
