package storage_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/storagetest"
)

// played is the state.db of a small casino that has used every feature. Its tables have more than one page.
func played(t *testing.T) (file []byte, content [32]byte) {
	t.Helper()
	c := storagetest.New(t, 11, byHand)
	for i := range 12 {
		p := c.Player(fmt.Sprintf("player-%02d", i), 10_000)
		c.One(signIn(p, i))
		for n := range 8 {
			c.One(command.Command{Account: p, Key: command.KeyOf(fmt.Sprint(i, n)), Body: command.PlaceWager{Rules: "slots/2", Stake: 3}})
		}
		c.Do(command.Command{Account: p, Body: command.PlaceWager{Rules: "blackjack/1", Stake: 10}})
		c.Do(command.Command{Account: p, Body: command.RotateSeed{ClientSeed: "clover"}})
		c.One(command.Command{Account: p, Body: command.SetLimits{Limits: command.LimitSet{StakePerDay: 9}}})
		c.Do(command.Command{Body: command.AttemptSignIn{Subject: storagetest.Keys.Login(fmt.Sprint(i)), Tries: 5, Refill: 12_000}})
		c.Checkpoint()
	}
	c.One(command.Command{Body: command.PutValue{Name: "certificate", Value: bytes.Repeat([]byte("certificate "), 1000)}})
	content, _ = c.Identity()
	dir := c.Dir()
	c.Audit()
	c.Abandon()
	file, err := os.ReadFile(filepath.Join(dir, storage.StateFile))
	if err != nil {
		t.Fatal(err)
	}
	return file[:usedPages(t, file)*os.Getpagesize()], content // bbolt makes files longer than it needs
}

func signIn(p command.AccountID, n int) command.Command {
	return command.Command{Account: p, Body: command.OpenSession{Subject: storagetest.Keys.Account(p), Session: command.NewSession{
		Token: command.TokenHash{1, byte(n), byte(n >> 8)}, Lifetime: 31_536_000_000, Address: "192.0.2.1"}}}
}

// openDamaged opens a file that may be damaged. Either the file is refused and stays unchanged, or its content is intact.
func openDamaged(t *testing.T, dir string, file []byte, content [32]byte, what string) (refused bool) {
	t.Helper()
	path := filepath.Join(dir, storage.StateFile)
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := storage.Open(dir, storagetest.Keys, byHand)
	if err == nil {
		got, _, err := identity(s)
		if err = errors.Join(err, s.Close()); err != nil && !storage.IsDamage(err) {
			t.Fatalf("%s: opened, then: %v", what, err)
		} else if err == nil && got != content {
			t.Fatalf("%s: opened with other content", what)
		}
		return false
	}
	if !storage.IsDamage(err) {
		t.Fatalf("%s: refused, but not as damage: %v", what, err)
	}
	clear := strings.Contains(err.Error(), path) && strings.Contains(err.Error(), "Nothing was changed") && strings.Contains(err.Error(), "restore")
	if !clear {
		t.Fatalf("%s: the message does not say which file, that it is unchanged, and what to do: %v", what, err)
	}
	left, readErr := os.ReadFile(path)
	if readErr != nil || !bytes.Equal(left, file) {
		t.Fatalf("%s: the refused file was changed (%v)", what, readErr)
	}
	return true
}

func TestOpen_FlippedBitsAreFoundOrOutsideOfTheContent(t *testing.T) {
	t.Parallel()
	file, content := played(t)
	dir := memoryDir(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	page := os.Getpagesize()
	refused, tried := 0, 0
	flip := func(at, bit int) {
		damaged := bytes.Clone(file)
		damaged[at] ^= 1 << bit
		tried++
		if openDamaged(t, dir, damaged, content, fmt.Sprintf("bit %d of byte %d of page %d flipped", bit, at%page, at/page)) {
			refused++
		}
	}
	for start := 0; start < len(file); start += page {
		for at := range 16 { // the page's header
			flip(start+at, random.IntN(8))
		}
		for range 4 { // its elements: flags, offsets, sizes, numbers of other pages
			flip(start+16+random.IntN(64), random.IntN(8))
		}
		for range 8 {
			flip(start+random.IntN(page), random.IntN(8))
		}
	}
	t.Logf("%d of %d flips in %d pages refused", refused, tried, len(file)/page)
	if refused < tried/10 {
		t.Fatal("hardly any flip was found: the test looks in the wrong places")
	}
}

func TestOpen_TruncatedAndEmptiedFilesAreRefused(t *testing.T) {
	t.Parallel()
	file, content := played(t)
	dir := memoryDir(t)
	page := os.Getpagesize()
	for size := 0; size < len(file); size += 1 + size/7 {
		refused := openDamaged(t, dir, file[:size], content, fmt.Sprintf("cut to %d of %d bytes", size, len(file)))
		if !refused {
			t.Errorf("cut to %d of %d bytes and opened", size, len(file))
		}
	}
	for start := 0; start < len(file); start += page {
		damaged := bytes.Clone(file)
		clear(damaged[start : start+page])
		openDamaged(t, dir, damaged, content, fmt.Sprintf("page %d zeroed", start/page))
		copy(damaged[start:start+page], file[(start+5*page)%len(file):])
		openDamaged(t, dir, damaged, content, fmt.Sprintf("page %d overwritten by another", start/page))
	}
	if !openDamaged(t, dir, []byte("no database at all\n"), content, "text") {
		t.Error("a text file was opened")
	}
}

// usedPages is how many pages of the file belong to the database.
func usedPages(t *testing.T, file []byte) int {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	n := 0
	if err := db.View(func(tx *bbolt.Tx) error { n = int(tx.Size()) / os.Getpagesize(); return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOpen_MissingFileSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	_, err := storage.Open(dir, storagetest.Keys, storage.Options{})
	if err == nil || !strings.Contains(err.Error(), "is missing") || !strings.Contains(err.Error(), "Put the file back") {
		t.Fatalf("error %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Fatalf("the directory holds %v", entries)
	}
}

func TestOpen_DirectoryInPlaceOfTheFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, storage.StateFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := storage.Open(dir, storagetest.Keys, storage.Options{}); err == nil || !strings.Contains(err.Error(), "is not a file") {
		t.Fatalf("error %v", err)
	}
}

func TestOpen_AnotherProgramsDatabaseIsRefused(t *testing.T) {
	dir := t.TempDir()
	db, err := bbolt.Open(filepath.Join(dir, storage.StateFile), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("widgets")); return err })
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := storage.Open(dir, storagetest.Keys, storage.Options{}); !storage.IsDamage(err) {
		t.Fatalf("error %v", err)
	}
}

func TestOpen_SecondOpenerIsRefused(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	c.Player("ann", 100)
	for _, readOnly := range []bool{false, true} {
		_, err := storage.Open(c.Dir(), storagetest.Keys, storage.Options{ReadOnly: readOnly})
		if err == nil || storage.IsDamage(err) || !strings.Contains(err.Error(), "in use by another process") {
			t.Fatalf("read only %v: error %v", readOnly, err)
		}
	}
	c.Player("ben", 100) // the first goes on
}

func TestOpen_ReadOnlyChangesNothing(t *testing.T) {
	c := storagetest.New(t, 1, byHand)
	c.Player("ann", 100)
	want, _ := c.Identity()
	dir := c.Dir()
	c.Player("ben", 100)
	all, _ := c.Identity()
	c.Abandon()
	path := filepath.Join(dir, storage.StateFile)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := storage.Open(dir, storagetest.Keys, storage.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := identity(s); err != nil || got != all || got == want {
		t.Fatalf("hash %x, %v", got, err)
	}
	data, err := command.Encode(c.Complete(command.Command{Account: 1000, Body: command.GrantCoins{Amount: 7, Actor: "cashier"}}))
	if err != nil {
		t.Fatal(err)
	}
	index, _ := s.Applied()
	if _, err := s.Apply([]storage.Command{{Index: index + 1, Term: 1, Time: c.Now, Data: data}}); err != nil {
		t.Fatal(err)
	}
	if a, ok, err := s.Account(1000); err != nil || !ok || a.Coins != 107 {
		t.Fatalf("account %+v, %v", a, err)
	}
	if got, _, err := identity(s); err != nil || got == all {
		t.Fatalf("the hash does not see what was applied (%v)", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Fatalf("the file was changed (%v)", err)
	}
}

func TestCreate_RefusesAnExistingFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, storage.StateFile)
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := storage.Create(dir, storage.Identity{ClusterID: "c"}, storagetest.Keys.ID()); err == nil {
		t.Fatal("created over another file")
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "mine" {
		t.Fatalf("file %q, %v", data, err)
	}
}

func TestIdentity_IsWrittenReadAndRefused(t *testing.T) {
	dir := t.TempDir()
	if _, err := storage.ReadIdentity(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("error %v", err)
	}
	want := storage.Identity{NodeID: "n1", ClusterID: "c1", Format: storage.FormatVersion, CreatedAt: storagetest.Birth, Ready: true}
	if err := storage.WriteIdentity(dir, want); err != nil {
		t.Fatal(err)
	}
	if got, err := storage.ReadIdentity(dir); err != nil || got != want {
		t.Fatalf("%+v, %v", got, err)
	}
	path := filepath.Join(dir, storage.NodeFile)
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", fi.Mode(), err)
	}
	for name, c := range map[string]struct {
		content any
		says    string
		damage  bool
	}{
		"text":         {"hello", "is damaged", true},
		"empty object": {struct{}{}, "is damaged", true},
		"newer": {storage.Identity{NodeID: "n", ClusterID: "c", Format: storage.FormatVersion + 1},
			"written by a newer one", false},
	} {
		data, err := json.Marshal(c.content)
		if err != nil {
			t.Fatal(err)
		}
		if name == "text" {
			data = []byte("hello")
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = storage.ReadIdentity(dir)
		if err == nil || storage.IsDamage(err) != c.damage || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v", name, err)
		}
		if left, err := os.ReadFile(path); err != nil || !bytes.Equal(left, data) {
			t.Errorf("%s: the file was changed (%v)", name, err)
		}
	}
}

// A flipped bit must not make a casino look like another one, or like one that was never set up.
func TestIdentity_AnyOtherByteIsRefused(t *testing.T) {
	if testing.Short() {
		t.Skip("writes a file for each byte that may be wrong")
	}
	dir := t.TempDir()
	id := storage.Identity{NodeID: "n1", ClusterID: "c1", Format: storage.FormatVersion, CreatedAt: storagetest.Birth, Ready: true}
	if err := storage.WriteIdentity(dir, id); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, storage.NodeFile)
	whole := read(t, path)
	refused := func(what string, data []byte) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := storage.ReadIdentity(dir); err == nil {
			t.Errorf("%s: read as %+v:\n%s", what, got, data)
		}
	}
	for at := range whole {
		for bit := range 8 {
			damaged := bytes.Clone(whole)
			damaged[at] ^= 1 << bit
			refused(fmt.Sprintf("bit %d of byte %d flipped", bit, at), damaged)
		}
		refused(fmt.Sprintf("cut at byte %d", at), whole[:at])
	}
	for _, line := range strings.SplitAfter(strings.TrimSuffix(string(whole), "\n"), "\n") {
		refused("without a line", []byte(strings.Replace(string(whole), line, "", 1)))
		refused("with a line twice", []byte(strings.Replace(string(whole), line, line+line, 1)))
	}
	refused("with an unknown field", bytes.Replace(whole, []byte("{"), []byte(`{"more": 1,`), 1))
}
