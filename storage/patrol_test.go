package storage_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/storagetest"
)

// always makes a store patrol its file all the time, without a rest.
var always = storage.Options{CheckpointInterval: time.Hour, PatrolInterval: time.Millisecond, PatrolShare: 1}

// crowded is a casino whose tables have more than one page.
func crowded(t *testing.T, options storage.Options) *storagetest.Casino {
	t.Helper()
	c := storagetest.NewIn(t, memoryDir(t), 3, options)
	for i := range 300 {
		name := fmt.Sprintf("player-%03d", i)
		c.One(command.Command{Body: command.OpenAccount{Username: name, UsernameKey: name, Email: name + "@example.org",
			EmailKey: name + "@example.org", PasswordHash: strings.Repeat("hash", 15), Role: command.RolePlayer, WelcomeCoins: 100}})
	}
	c.Checkpoint()
	return c
}

// damagedBy waits until a patrol has failed the store, and returns the error.
func damagedBy(t *testing.T, s *storage.Store) error {
	t.Helper()
	select {
	case <-s.Failed():
	case <-time.After(5 * time.Minute):
		t.Fatal("no patrol found the damage")
	}
	if !storage.IsDamage(s.Err()) {
		t.Errorf("the store failed with %v", s.Err())
	}
	return s.Err()
}

func TestPatrol_FindsADamagedRecordThatNobodyReads(t *testing.T) {
	c := crowded(t, always)
	path := c.Store.Path()
	file := read(t, path)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	word := []byte("player-123@example.org")
	for at := 0; ; { // every copy, since unused pages hold old ones
		next := bytes.Index(file[at:], word)
		if next < 0 {
			break
		}
		if _, err := f.WriteAt([]byte{'q'}, int64(at+next)); err != nil {
			t.Fatal(err)
		}
		at += next + len(word)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := damagedBy(t, c.Store); !strings.Contains(err.Error(), path) {
		t.Errorf("the error does not name the file: %v", err)
	}
	c.Abandon()
}

// A page can lose elements without a wrong checksum in any of those that are left.
func TestPatrol_FindsAPageWithLostElements(t *testing.T) {
	c := crowded(t, always)
	page := os.Getpagesize()
	file := read(t, c.Store.Path())
	f, err := os.OpenFile(c.Store.Path(), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at+page <= len(file); at += page {
		// A leaf of the addresses: its count of elements is in bytes 10 and 11.
		if file[at+8] == 2 && file[at+10] > 2 && bytes.Contains(file[at:at+page], []byte("@example.org\x00")) {
			if _, err := f.WriteAt([]byte{file[at+10] - 1}, int64(at+10)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	damagedBy(t, c.Store)
	c.Abandon()
}

func TestPatrol_FindsARecordThatIsMissing(t *testing.T) {
	key := func(id byte) string { return string([]byte{0, 0, 0, 0, 0, 0, 4, id}) } // of accounts from 1024 on
	for table, record := range map[string]string{
		"accounts": key(7), "wallets": key(0), "seeds": key(9), "history": string([]byte{0, 0, 0, 0, 0, 0, 0, 77}),
		"usernames": "player-200", "emails": "player-299@example.org",
	} {
		t.Run(table, func(t *testing.T) {
			c := crowded(t, byHand)
			dir := c.Dir()
			c.Abandon()
			db, err := bbolt.Open(filepath.Join(dir, storage.StateFile), 0o600, nil)
			if err != nil {
				t.Fatal(err)
			}
			err = db.Update(func(tx *bbolt.Tx) error {
				b := tx.Bucket([]byte(table))
				if b.Get([]byte(record)) == nil {
					return fmt.Errorf("there is no record %q", record)
				}
				return b.Delete([]byte(record))
			})
			if err = errors.Join(err, db.Close()); err != nil {
				t.Fatal(err)
			}
			s, err := storage.Open(dir, storagetest.Keys, always)
			if table == "history" && storage.IsDamage(err) && strings.Contains(err.Error(), table) {
				return // opening a store reads the newest events
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := damagedBy(t, s); !strings.Contains(err.Error(), table) {
				t.Errorf("the error does not name the table: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// counter counts log lines about completed patrols.
type counter struct{ n atomic.Int64 }

func (c *counter) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("and is not damaged")) {
		c.n.Add(1)
	}
	return len(line), nil
}

// Patrols run during commands and checkpoints, and find nothing wrong.
func TestPatrol_FindsNothingInAWholeFileThatChanges(t *testing.T) {
	count := new(counter)
	options := always
	options.CheckpointInterval, options.Logger = 2*time.Millisecond, slog.New(slog.NewTextHandler(count, nil))
	c := crowded(t, options)
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 500 {
		p := command.FirstAccountID + command.AccountID(random.IntN(300))
		c.Do(command.Command{Account: p, Body: command.PlaceWager{Rules: "slots/2", Stake: 1}}, signIn(p, n),
			command.Command{Account: p, Body: command.EndSessions{All: true}})
		if n%10 == 0 {
			c.Player(fmt.Sprint("new ", n), 10)
		}
		c.Checkpoint()
	}
	enough := count.n.Load() + 2
	waitFor(t, "patrols", func() bool { return count.n.Load() >= enough || c.Store.Err() != nil })
	if err := c.Store.Err(); err != nil {
		t.Fatal(err)
	}
}

// A file that is too large to be read at opening is patrolled at once.
func TestPatrol_LargeFileAtOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("writes and reads a file of 72 MiB")
	}
	c := storagetest.NewIn(t, memoryDir(t), 1, byHand)
	c.Player("ann", 1000)
	for n := range 9 {
		c.One(command.Command{Body: command.PutValue{Name: fmt.Sprint("large ", n), Value: bytes.Repeat([]byte{'0' + byte(n)}, 8<<20)}})
	}
	c.Checkpoint()
	path, dir := c.Store.Path(), c.Dir()
	c.Abandon()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("7"), int64(bytes.Index(read(t, path), []byte("55555555")))+4<<20); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	options := byHand // its first patrol would be due after a day
	options.PatrolShare = 1
	s, err := storage.Open(dir, storagetest.Keys, options)
	if err != nil {
		t.Fatal(err)
	}
	damagedBy(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRead_MissingRecordOfAnAccountIsDamage(t *testing.T) {
	for _, table := range []string{"wallets", "accounts", "seeds"} {
		c := storagetest.NewIn(t, memoryDir(t), 1, byHand)
		p := c.Player("ann", 100)
		c.Checkpoint()
		dir := c.Dir()
		c.Abandon()
		db, err := bbolt.Open(filepath.Join(dir, storage.StateFile), 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte(table)).Delete(storagetest.AccountKey(p)) })
		if err = errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		reads := map[string]func(*storage.Store) error{
			"a bet": func(s *storage.Store) error {
				data, err := command.Encode(command.Command{Account: p, Body: command.PlaceWager{Rules: "slots/2", Stake: 1}})
				if err != nil {
					return err
				}
				_, err = s.Apply([]storage.Command{{Index: 1000, Term: 1, Time: storagetest.Birth, Data: data}})
				return err
			},
			"the account":     func(s *storage.Store) error { _, _, err := s.Account(p); return err },
			"the credentials": func(s *storage.Store) error { _, _, err := s.Credentials("ann"); return err },
			"the seeds":       func(s *storage.Store) error { _, _, err := s.Fairness(p); return err },
		}
		for _, not := range map[string][]string{"wallets": {}, "accounts": {"a bet", "the seeds"}, "seeds": {"the account", "the credentials"}}[table] {
			delete(reads, not)
		}
		for what, ask := range reads {
			s, err := storage.Open(dir, storagetest.Keys, byHand)
			if err != nil {
				t.Fatal(err)
			}
			if err := ask(s); !storage.IsDamage(err) || !storage.IsDamage(s.Err()) {
				t.Errorf("without a record in %s, %s: %v, and the store %v", table, what, err, s.Err())
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
