package storage_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"go.etcd.io/bbolt"

	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/engine"
	"imperio/storage/machine"
	"imperio/storage/storagetest"
)

// Logs and states that a newer program wrote. This program must stop at them and say which version is needed: its own
// answer would differ from the newer program's.

// needsNewer checks that err asks for a newer program, and does not report damage.
func needsNewer(t *testing.T, err error, says ...string) {
	t.Helper()
	var newer *command.NewerError
	if !errors.As(err, &newer) || storage.IsDamage(err) {
		t.Fatalf("%v, want: a newer program is needed", err)
	}
	for _, want := range append(says, "install it and start again", "nothing that was answered is lost") {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

// altered is a command of the log with changed or additional fields in its envelope or body.
func altered(t *testing.T, c command.Command, envelope, body map[int]any) []byte {
	t.Helper()
	data, err := command.Encode(c)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[int]cbor.RawMessage
	if err := cbor.Unmarshal(data, &fields); err != nil {
		t.Fatal(err)
	}
	merge := func(into map[int]cbor.RawMessage, from map[int]any) {
		for k, v := range from {
			if into[k], err = cbor.Marshal(v); err != nil {
				t.Fatal(err)
			}
		}
	}
	merge(fields, envelope)
	var inner map[int]cbor.RawMessage
	if err := cbor.Unmarshal(fields[8], &inner); err != nil {
		t.Fatal(err)
	}
	merge(inner, body)
	if fields[8], err = cbor.Marshal(inner); err != nil {
		t.Fatal(err)
	}
	if data, err = cbor.Marshal(fields); err != nil {
		t.Fatal(err)
	}
	return data
}

func TestApply_StopsAtWhatANewerProgramWrote(t *testing.T) {
	const unknown = 99
	bet := func(p command.AccountID, rules string) command.Command {
		return command.Command{Account: p, Key: command.KeyOf("bet"), Body: command.PlaceWager{Rules: rules, Stake: 5}}
	}
	for name, tc := range map[string]struct {
		entry func(t *testing.T, c *storagetest.Casino, p command.AccountID) []byte
		says  string
	}{
		"rules of a game": {func(t *testing.T, c *storagetest.Casino, p command.AccountID) []byte {
			return altered(t, c.Complete(bet(p, "slots/3")), nil, nil)
		}, `"slots/3"`},
		"another game": {func(t *testing.T, c *storagetest.Casino, p command.AccountID) []byte {
			return altered(t, c.Complete(bet(p, "dice/1")), nil, nil)
		}, `"dice/1"`},
		"a kind of command": {func(t *testing.T, c *storagetest.Casino, p command.AccountID) []byte {
			return altered(t, c.Complete(bet(p, "slots/2")), map[int]any{1: unknown}, nil)
		}, "kind 99"},
		"a field of all commands": {func(t *testing.T, c *storagetest.Casino, p command.AccountID) []byte {
			return altered(t, c.Complete(bet(p, "slots/2")), map[int]any{unknown: true}, nil)
		}, "a field"},
		"a field of a body": {func(t *testing.T, c *storagetest.Casino, p command.AccountID) []byte {
			return altered(t, c.Complete(bet(p, "slots/2")), nil, map[int]any{unknown: "more"})
		}, "a field"},
		"a feature level": {func(t *testing.T, c *storagetest.Casino, p command.AccountID) []byte {
			return altered(t, c.Complete(command.Command{Body: command.RaiseLevel{Level: machine.NewestLevel + 1, Program: "7.8.9"}}), nil, nil)
		}, "imperio 7.8.9 or a newer one"},
	} {
		t.Run(name, func(t *testing.T) {
			c := storagetest.New(t, 1, byHand)
			p := c.Player("ann", 100)
			c.Checkpoint()
			durable, _ := c.Store.Applied()
			entry := storage.Command{Index: durable + 1, Term: 1, Time: c.Now, Data: tc.entry(t, c, p)}
			for range 2 { // the log is the same at the next start
				_, err := c.Store.Apply([]storage.Command{entry})
				needsNewer(t, err, tc.says)
				needsNewer(t, c.Store.Err(), tc.says)
				select {
				case <-c.Store.Failed():
				default:
					t.Error("the store has not failed")
				}
				if _, err := c.Store.Checkpoint(context.Background()); err == nil {
					t.Error("a checkpoint was written after it")
				}
				c.Reopen()
				if a, _, err := c.Store.Account(p); err != nil || a.Coins != 100 {
					t.Fatalf("account %+v, %v", a, err)
				}
			}
		})
	}
}

// Raising to the level in force, or to a lower one, changes nothing.
func TestRaiseLevel_ToWhatIsInForceChangesNothing(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	c.Player("ann", 100)
	events, _ := c.Store.Head()
	for _, level := range []uint32{machine.NewestLevel, 0} {
		if r := c.One(command.Command{Body: command.RaiseLevel{Level: level, Program: "1.0"}}); r.Refusal != nil || r.Event != 0 {
			t.Errorf("level %d: %+v", level, r)
		}
	}
	if now, _ := c.Store.Head(); now != events || c.Store.Level() != machine.NewestLevel {
		t.Errorf("%d events after %d, level %d", now, events, c.Store.Level())
	}
}

// replaceRecord writes another record of the machine into a state's file.
func replaceRecord(t *testing.T, path string, record []byte) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		key := []byte("record")
		return tx.Bucket([]byte("meta")).Put(key, engine.Seal("meta", key, record))
	})
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// A newer program's checkpoint holds a level, and maybe fields, that this program does not know.
func TestOpen_RefusesTheStateOfANewerProgram(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	c.Player("ann", 100)
	c.Checkpoint()
	_, record := c.Identity()
	dir, path := c.Dir(), c.Store.Path()
	c.Abandon()
	record.Level, record.Program = machine.NewestLevel+1, "7.8.9"
	data, err := record.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var fields map[int]cbor.RawMessage
	if err := cbor.Unmarshal(data, &fields); err != nil {
		t.Fatal(err)
	}
	fields[1000] = cbor.RawMessage{0xf5}
	if data, err = cbor.Marshal(fields); err != nil {
		t.Fatal(err)
	}
	replaceRecord(t, path, data)
	before := read(t, path)
	for _, readOnly := range []bool{false, true} {
		_, err := storage.Open(dir, storagetest.Keys, storage.Options{ReadOnly: readOnly})
		needsNewer(t, err, path, "imperio 7.8.9 or a newer one")
	}
	if string(before) != string(read(t, path)) {
		t.Error("the file was changed")
	}
}
