package appliance

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"imperio/appliance/config"
	"imperio/games"
	"imperio/games/catalogue"
	"imperio/games/fair"
	"imperio/replication"
	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/machine"
	"imperio/storage/seal"
)

// privateDir is an empty directory that nobody else can use, as a data directory must be.
func privateDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// copyOf copies a data directory as it is at this moment, without the key's file.
func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := privateDir(t)
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		switch {
		case e.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o700)
		case !e.Type().IsRegular() || name == KeyFile:
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), data, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// putKey puts a casino's own key beside a copy of it.
func putKey(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(from, KeyFile))
	if err == nil {
		err = os.WriteFile(filepath.Join(to, KeyFile), data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// checkpoint writes all that a casino did into state.db; it is in the log, too.
func (h *realHouse) checkpoint() {
	h.t.Helper()
	if _, err := h.app.dir.store.Checkpoint(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// seedsIn are an account's seeds as a copy of a casino holds them.
func seedsIn(t *testing.T, dir string, keys *seal.Keys, id command.AccountID) machine.SeedsRecord {
	t.Helper()
	s, err := storage.Open(dir, keys, storage.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	snapshot, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snapshot.Close()
	seeds, ok, err := snapshot.Seeds(id)
	if err != nil || !ok {
		t.Fatalf("seeds of account %d: %v, %v", id, ok, err)
	}
	return seeds
}

// A copy of a running directory once predicted the next spins of an account. With the key beside it, it still does: that is
// what the key is kept apart for. Without it, it holds nothing to predict with, and nothing that people typed.
func TestCopy_WithoutItsKeyPredictsNoSpin(t *testing.T) {
	h := openRealHouse(t)
	cherry := h.player("cherry")
	cherry.object(201, "POST", "/api/v1/me/fairness/rotations", `{"client_seed":"clover"}`)
	cherry.object(201, "POST", "/api/v1/games/slots/spins", `{"stake":1}`)
	const typed = "hunter2-typed-into-the-wrong-field"
	(&realClient{h: h}).object(401, "POST", "/api/v1/sessions", `{"login":"`+typed+`","password":"correct horse"}`)
	(&realClient{h: h}).object(401, "POST", "/api/v1/sessions", `{"login":"cherry","password":"`+typed+`"}`)
	var hole []byte   // of an open round of blackjack, as it would be stored
	for hole == nil { // until a round stays open
		cherry.object(201, "POST", "/api/v1/games/blackjack/rounds", `{"stake":2}`)
		open, ok, err := h.app.casino.OpenRound(command.FirstAccountID)
		if err != nil {
			t.Fatal(err)
		}
		if ok && len(open.Draws) >= 4 {
			if hole, err = cbor.Marshal(open.Draws); err != nil {
				t.Fatal(err)
			}
		}
	}
	h.checkpoint()
	dir := copyOf(t, h.config.Data.Dir)

	keys := h.app.dir.keys
	seeds := seedsIn(t, dir, nil, command.FirstAccountID)
	active, ok := keys.OpenSeed(seeds.Server)
	next, alsoOK := keys.OpenSeed(seeds.Next)
	if !ok || !alsoOK {
		t.Fatal("the casino can't open its own seeds")
	}
	credentials, ok, err := h.app.casino.Credentials("cherry")
	if err != nil || !ok {
		t.Fatal(err)
	}
	hash, err := keys.OpenPassword(credentials.PasswordHash)
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(h.config.Data.Dir, KeyFile))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := hex.DecodeString(strings.TrimSpace(string(key)))
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[string][]byte{
		"the active server seed": active[:], "the next server seed": next[:], "a password's hash": []byte(hash), "a bcrypt hash": []byte("$2a$"),
		"what was typed as a login": []byte(typed), "the cards of an open round": hole, "the casino's key": raw,
		"the key for certificates": keys.Certificates(),
	}
	clear := map[string][]byte{"a name": []byte("cherry"), "a commitment": seeds.Server.Commitment[:], "a seal": seeds.Server.Box[:]}
	for _, files := range []string{replication.LogDir, storage.StateFile} {
		content := bytesOf(t, filepath.Join(dir, files))
		for what, secret := range secrets {
			if bytes.Contains(content, secret) {
				t.Errorf("%s holds %s", files, what)
			}
		}
		for what, told := range clear { // else the search would find nothing at all
			if !bytes.Contains(content, told) {
				t.Errorf("%s does not hold %s: the search is blind", files, what)
			}
		}
	}

	if _, ok := seal.New([seal.KeySize]byte{1}).OpenSeed(seeds.Server); ok {
		t.Error("any key opens the seed")
	}
	if _, err := storage.Open(dir, seal.New([seal.KeySize]byte{1}), storage.Options{ReadOnly: true}); !errors.Is(err, storage.ErrWrongKey) {
		t.Errorf("the copy opens with another key: %v", err)
	}
	account, _, err := h.app.casino.Fairness(command.FirstAccountID)
	if err != nil {
		t.Fatal(err)
	}
	slots, _ := catalogue.Released().Version("slots/2")
	for n := range uint64(3) {
		predicted, err := slots.Play(fair.NewStream(active, "slots/2", seeds.Client, account.Nonce+n), games.Wager{Stake: 1})
		if err != nil {
			t.Fatal(err)
		}
		spun := cherry.object(201, "POST", "/api/v1/games/slots/spins", `{"stake":1}`)
		if fmt.Sprint(spun["stops"]) != fmt.Sprint(predicted.Draws) {
			t.Errorf("spin %d: %v, with the key the copy predicts %v", n, spun["stops"], predicted.Draws)
		}
	}
}

// bytesOf is the content of a file, or of all files of a directory.
func bytesOf(t *testing.T, path string) (all []byte) {
	t.Helper()
	err := filepath.WalkDir(path, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		all = append(all, data...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Private keys are made by the casino itself here. They, too, enter the log sealed.
func TestCopy_HoldsNoPrivateKey(t *testing.T) {
	c := patientConfig()
	c.Data.Dir, c.TLS.Mode = privateDir(t), config.TLSInternal
	c.Listen.HTTPAddr, c.Listen.HTTPSAddr, c.Listen.OpsAddr = "", "127.0.0.1:0", ""
	app, err := New(t.Context(), Options{Config: c, Version: "test", Logs: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	names, err := app.dir.store.ValueNames(certPrefix)
	if err != nil || len(names) == 0 {
		t.Errorf("certificates: %v, %v", names, err)
	}
	if err := app.close(); err != nil {
		t.Fatal(err)
	}
	content := bytesOf(t, copyOf(t, c.Data.Dir))
	if bytes.Contains(content, []byte("PRIVATE KEY")) || !bytes.Contains(content, []byte(names[0])) {
		t.Error("the copy holds a private key, or no certificate at all")
	}
}

func TestAudit_SaysWhatItProvesWithTheKeyAndWithout(t *testing.T) {
	h := openRealHouse(t)
	cherry := h.player("cherry")
	cherry.object(201, "POST", "/api/v1/games/slots/spins", `{"stake":1}`)
	cherry.object(201, "POST", "/api/v1/me/fairness/rotations", `{"client_seed":"clover"}`)
	cherry.object(201, "POST", "/api/v1/games/slots/spins", `{"stake":1}`)
	cherry.object(201, "POST", "/api/v1/games/slots/spins", `{"stake":1}`)
	h.checkpoint()
	audited := func(data config.Data) string {
		t.Helper()
		proved, err := Audit(t.Context(), data, nil)
		if err != nil {
			t.Fatalf("audit: %v", err)
		}
		return strings.Join(proved.Proved, "\n")
	}
	data := config.Data{Dir: copyOf(t, h.config.Data.Dir)}
	without := audited(data)
	for _, want := range []string{"1 positions replayed", "unproven  2 positions of rounds, and whether 2 sealed seeds", "every balance and commitment"} {
		if !strings.Contains(without, want) {
			t.Errorf("without the key, it does not say %q:\n%s", want, without)
		}
	}
	file := filepath.Join(privateDir(t), "key")
	key, err := os.ReadFile(filepath.Join(h.config.Data.Dir, KeyFile))
	if err == nil {
		err = os.WriteFile(file, key, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	given := data
	given.EncryptionKey, given.EncryptionKeyFile = config.Secret(strings.TrimSpace(string(key))), file
	with := audited(given)
	if !strings.Contains(with, "3 positions replayed") || strings.Contains(with, "unproven") {
		t.Errorf("with the key given:\n%s", with)
	}
	given.EncryptionKey = config.Secret(strings.Repeat("ab", seal.KeySize))
	if _, err := Audit(t.Context(), given, nil); !errors.Is(err, storage.ErrWrongKey) {
		t.Errorf("with a wrong key: %v", err)
	}

	// What is above the last checkpoint can't be applied without the key.
	h.restart(func(c *config.Config) { c.Data.CheckpointInterval = time.Minute })
	cherry.object(201, "POST", "/api/v1/games/slots/spins", `{"stake":1}`)
	data.Dir = copyOf(t, h.config.Data.Dir)
	if without = audited(data); !strings.Contains(without, "left out  1 commands of the log") || !strings.Contains(without, "unproven  2 ") {
		t.Errorf("without the key, above a checkpoint:\n%s", without)
	}
	putKey(t, h.config.Data.Dir, data.Dir)
	if with = audited(data); !strings.Contains(with, "4 positions replayed") || strings.Contains(with, "left out") {
		t.Errorf("with the key beside it, above a checkpoint:\n%s", with)
	}
}

func TestDataDir_TheKeyOfACasinoIsNeverMadeAnew(t *testing.T) {
	dir := privateDir(t)
	makeCasino(t, dir, something)
	path := filepath.Join(dir, KeyFile)
	key, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name   string
		change func() error
		want   []string
	}{
		{"missing", func() error { return os.Remove(path) }, []string{"key is missing", path, "--encryption-key-file", "Nothing was changed"}},
		{"another one", func() error { return os.WriteFile(path, []byte(strings.Repeat("ab", seal.KeySize)), 0o600) },
			[]string{"is not the key", path, "Nothing was changed"}},
		{"damaged", func() error { return os.WriteFile(path, key[:20], 0o600) }, []string{"is damaged", path}},
		{"readable by the group", func() error { return errors.Join(os.WriteFile(path, key, 0o600), os.Chmod(path, 0o640)) },
			[]string{"chmod 600 " + path, "mode 0640"}},
	}
	for _, c := range cases {
		if err := c.change(); err != nil {
			t.Fatal(err)
		}
		before := contentOf(t, dir)
		for _, create := range []bool{true, false} {
			d, err := openDir(dir, create)
			if err == nil {
				t.Fatal(c.name, d.close(context.Background()))
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s: it does not say %q: %v", c.name, want, err)
				}
			}
		}
		if contentOf(t, dir) != before {
			t.Errorf("%s: it touched the files", c.name)
		}
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	makeCasino(t, dir, something) // with its key, it goes on
}

func TestDataDir_TheConfiguredKeyNeedsNoFileInTheDirectory(t *testing.T) {
	dir, file := privateDir(t), filepath.Join(privateDir(t), "key")
	given := keySource{given: config.Secret(strings.Repeat("cd", seal.KeySize)), file: file}
	if err := os.WriteFile(file, []byte(given.given), 0o644); err != nil {
		t.Fatal(err)
	}
	open := func(dir string, key keySource) error {
		d, err := openDataDir(dataDirOptions{path: dir, create: true, key: key, stallLimit: patientConfig().Data.DiskStallLimit, log: slog.New(slog.DiscardHandler)})
		if err != nil {
			return err
		}
		return d.close(context.Background())
	}
	unmade := filepath.Join(dir, "unmade")
	if err := open(unmade, given); err == nil || !strings.Contains(err.Error(), "chmod 600 "+file) {
		t.Errorf("a key's file that all may read: %v", err)
	}
	if _, err := os.Stat(unmade); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory was made before the key was looked at: %v", err)
	}
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open(dir, given); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, KeyFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a key was made beside the given one: %v", err)
	}
	if err := open(dir, given); err != nil {
		t.Fatal(err)
	}
	other := given
	other.given = config.Secret(strings.Repeat("ce", seal.KeySize))
	if err := open(dir, other); !errors.Is(err, storage.ErrWrongKey) || !strings.Contains(err.Error(), file) {
		t.Errorf("another key: %v", err)
	}
	if err := open(dir, keySource{}); err == nil || !strings.Contains(err.Error(), "key is missing") {
		t.Errorf("no key: %v", err)
	}
}

func TestDataDir_OthersMayNotUseIt(t *testing.T) {
	for _, mode := range []fs.FileMode{0o755, 0o750, 0o701, 0o770} {
		dir := privateDir(t)
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		d, err := openDir(dir, true)
		if err == nil {
			t.Fatal(mode, d.close(context.Background()))
		}
		if !strings.Contains(err.Error(), "chmod 700 "+dir) {
			t.Errorf("mode %o: %v", mode, err)
		}
		if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
			t.Errorf("mode %o: %d files were made (%v)", mode, len(files), err)
		}
	}
}

// Whatever the umask, what the casino makes is for its owner alone.
func TestDataDir_ItsFilesAreForTheOwnerAlone(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	h := openRealHouse(t, func(c *config.Config) { c.Data.Dir = filepath.Join(c.Data.Dir, "made") })
	h.player("cherry")
	h.checkpoint()
	files := 0
	err := filepath.WalkDir(h.config.Data.Dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := e.Info()
		if err != nil {
			return err
		}
		files++
		if fi.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %04o", path, fi.Mode().Perm())
		}
		return nil
	})
	if err != nil || files < 6 {
		t.Errorf("%d files, %v", files, err)
	}
}
