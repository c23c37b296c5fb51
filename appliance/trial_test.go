package appliance

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"imperio/appliance/config"
	"imperio/appliance/control"
	"imperio/appliance/upgrade"
	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/engine"
	"imperio/storage/machine"
)

// setFormat makes a state one of another format, as far as its version goes.
func setFormat(t *testing.T, path string, version uint32) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	key := []byte("format")
	err = db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("meta")).Put(key, engine.Seal("meta", key, binary.BigEndian.AppendUint32(nil, version)))
	})
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// newerState makes a casino whose state was brought to the next format after three commands, and has taken three more since.
func newerState(t *testing.T) (dir string, events uint64, head [32]byte) {
	t.Helper()
	dir = privateDir(t)
	makeCasino(t, dir, noted("one"), noted("two"), noted("three"))
	state := filepath.Join(dir, storage.StateFile)
	err := putAside(dir, "v2", slog.New(slog.DiscardHandler))(engine.Migrating{Path: state, From: storage.FormatVersion, To: storage.FormatVersion + 1, Applied: 3})
	if err != nil {
		t.Fatal(err)
	}
	d, err := openDataDir(dataDirOptions{path: dir, create: true, trial: true, stallLimit: patientConfig().Data.DiskStallLimit, log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for i, body := range []command.Body{noted("four"), noted("five"), noted("six")} {
		if _, err := d.node.Propose(t.Context(), command.Command{ID: command.ID{100 + byte(i)}, Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	events, head = d.store.Head()
	if err := d.close(context.Background()); err != nil {
		t.Fatal(err)
	}
	setFormat(t, state, storage.FormatVersion+1)
	return dir, events, head
}

func TestGoBack_TheCopyTakesThePlaceOfTheNewerStateWithAllThatCameAfter(t *testing.T) {
	dir, events, head := newerState(t)
	for range 2 { // the second start finds a casino as any other
		d, err := openDir(dir, true)
		if err != nil {
			t.Fatal(err)
		}
		if e, h := d.store.Head(); e != events || h != head {
			t.Errorf("%d events instead of %d, or another history", e, events)
		}
		if err := d.close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, asideDir)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the copy is left: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, asideNewerDir, storage.StateFile)); err != nil {
		t.Errorf("the newer state is not kept: %v", err)
	}
}

// A kill while the copy takes the place leaves a casino that goes on with it.
func TestGoBack_GoesOnAfterAKill(t *testing.T) {
	for name, kill := range map[string]func(dir string) error{
		"the newer state has a second name": func(dir string) error {
			kept := filepath.Join(dir, asideNewerDir)
			return errors.Join(os.MkdirAll(kept, 0o700), os.Link(filepath.Join(dir, storage.StateFile), filepath.Join(kept, storage.StateFile)))
		},
		"half a state is kept": func(dir string) error {
			kept := filepath.Join(dir, asideNewerDir)
			return errors.Join(os.MkdirAll(kept, 0o700), os.WriteFile(filepath.Join(kept, storage.StateFile), []byte("half"), 0o600))
		},
		"the copy was replayed": func(dir string) error {
			d, err := openDir(dir, true) // all of it, and then the newer state is back
			if err != nil {
				return err
			}
			if err := d.close(context.Background()); err != nil {
				return err
			}
			aside := filepath.Join(dir, asideDir)
			what, _ := json.Marshal(aside0)
			return errors.Join(os.Mkdir(aside, 0o700), os.Rename(filepath.Join(dir, storage.StateFile), filepath.Join(aside, storage.StateFile)),
				os.WriteFile(filepath.Join(aside, asideFile), what, 0o600),
				os.Rename(filepath.Join(dir, asideNewerDir, storage.StateFile), filepath.Join(dir, storage.StateFile)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, events, head := newerState(t)
			if err := kill(dir); err != nil {
				t.Fatal(err)
			}
			d, err := openDir(dir, true)
			if err != nil {
				t.Fatal(err)
			}
			if e, h := d.store.Head(); e != events || h != head {
				t.Errorf("%d events instead of %d, or another history", e, events)
			}
			if err := d.close(context.Background()); err != nil {
				t.Fatal(err)
			}
		})
	}
}

var aside0 = aside{Index: 3, From: storage.FormatVersion, To: storage.FormatVersion + 1, Version: "v2"}

// Without a whole copy, or with one of another history, a newer state is refused as ever, and nothing is changed.
func TestGoBack_RefusesWithoutACopyOfThisHistory(t *testing.T) {
	for name, spoil := range map[string]func(dir string) error{
		"no copy":    func(dir string) error { return os.RemoveAll(filepath.Join(dir, asideDir)) },
		"half a one": func(dir string) error { return os.Remove(filepath.Join(dir, asideDir, asideFile)) },
		"another casino's": func(dir string) error {
			other := privateDir(t)
			makeCasino(t, other, noted("un"), noted("deux"))
			return os.Rename(filepath.Join(other, storage.StateFile), filepath.Join(dir, asideDir, storage.StateFile))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, _, _ := newerState(t)
			if err := spoil(dir); err != nil {
				t.Fatal(err)
			}
			before := contentOf(t, dir)
			_, err := openDir(dir, true)
			if err == nil || !strings.Contains(err.Error(), "it was written by a newer one") {
				t.Errorf("%v", err)
			}
			if contentOf(t, dir) != before {
				t.Error("something was changed")
			}
		})
	}
}

// A program on trial keeps the way back open until the journal is gone, and tells operators then. One that came back tells them
// once.
func TestTrial_EndsWithTheJournalAndIsTold(t *testing.T) {
	o := newOperator(t)
	c := notifyingConfig(t, o)
	program := filepath.Join(t.TempDir(), "imperio")
	if err := os.WriteFile(program, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(j upgrade.Journal) {
		t.Helper()
		data, err := json.Marshal(j)
		if err == nil {
			err = os.WriteFile(program+".upgrade", data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	run := func(while func(a *App)) {
		t.Helper()
		a, err := New(t.Context(), Options{Config: c, Version: "test", Logs: new(lockedBuffer), Program: program})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- a.Run(ctx) }()
		while(a)
		stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	j := upgrade.Journal{ID: "first", State: upgrade.OnTrial, From: "before", To: "test", DataDir: c.Data.Dir, Deadline: time.Now().Add(time.Hour)}
	write(j)
	run(func(a *App) {
		putIn := filepath.Join(c.Data.Dir, asideDir)
		if err := os.Mkdir(putIn, 0o700); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(time.Minute); !upgrade.ReadNote(c.Data.Dir, "first").Proven; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("it does not note that it is ready")
			}
		}
		if err := os.Remove(program + ".upgrade"); err != nil {
			t.Fatal(err)
		}
		o.await(t, "upgraded ok", func() {})
		if _, err := os.Stat(putIn); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the copy is left: %v", err)
		}
		if a.dir.store.Level() != machine.NewestLevel {
			t.Errorf("the level is %d", a.dir.store.Level())
		}
	})
	j.ID, j.State, j.From, j.To, j.Reason = "second", upgrade.GoingBack, "test", "after", "it crashed"
	write(j)
	for range 2 {
		run(func(*App) { o.await(t, "upgrade_failed alarm", func() {}) })
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	told := 0
	for _, m := range o.got {
		if m == "upgrade_failed alarm" {
			told++
		}
	}
	if told != 1 {
		t.Errorf("a failure was told %d times: %q", told, o.got)
	}
}

// A copy for a new version needs room for what that may write, and is private.
func TestCopyState_NeedsRoomAndIsPrivate(t *testing.T) {
	disk := new(smallDisk)
	disk.free.Store(1 << 40)
	c := patientConfig()
	dir := privateDir(t)
	t.Chdir(filepath.Dir(dir))
	c.Data.Dir = filepath.Base(dir)
	c.Listen.HTTPAddr, c.Listen.OpsAddr, c.TLS.Mode = "127.0.0.1:0", "", config.TLSOff
	a, err := New(t.Context(), Options{Config: c, Version: "test", Logs: new(lockedBuffer), Space: disk.space})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	copied, err := house{a}.CopyState(ctx, control.CopyRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if !filepath.IsAbs(copied.Dir) {
		t.Errorf("the copy is in %s, which means something else elsewhere", copied.Dir)
	}
	if fi, err := os.Stat(copied.Dir); err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", fi, err)
	}
	if tried, err := TryState(ctx, copied.Dir, "test"); err != nil || tried.Facts != copied.Facts || tried.Records == 0 {
		t.Errorf("%+v %v, want %+v", tried, err, copied.Facts)
	}
	// An export has a copy of its own, which takes nothing from the upgrade, and nothing else is removed.
	exported, err := house{a}.CopyState(ctx, control.CopyRequest{Export: true})
	if err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(exported.Dir); err != nil || fi.Mode().Perm() != 0o700 || exported.Dir == copied.Dir || exported.Facts != copied.Facts {
		t.Errorf("%v %v, %+v", fi, err, exported)
	}
	for _, name := range []string{c.Data.Dir, dir, filepath.Dir(exported.Dir), exported.Dir, exported.Dir} {
		if err := (house{a}).RemoveStateCopy(control.CopyName{Dir: name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(exported.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the export's copy is left: %v", err)
	}
	if _, err := os.Stat(filepath.Join(copied.Dir, storage.StateFile)); err != nil {
		t.Errorf("the upgrade's copy: %v", err)
	}
	disk.free.Store(uint64(c.Data.DiskReserve) + uint64(copied.Bytes))
	if _, err := (house{a}).CopyState(ctx, control.CopyRequest{}); err == nil || !strings.Contains(err.Error(), "no room for a copy") {
		t.Errorf("without room: %v", err)
	}
	if _, err := os.Stat(copied.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the old copy is left: %v", err)
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
