package appliance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"imperio/appliance/config"
	"imperio/appliance/control"
	"imperio/storage"
	"imperio/storage/backup"
)

// backedUpHouse is a casino whose log is shipped once a second into a directory.
func backedUpHouse(t *testing.T, change ...func(*config.Config)) (h *realHouse, target string) {
	t.Helper()
	target = "file://" + t.TempDir()
	return openRealHouse(t, append([]func(*config.Config){func(c *config.Config) {
		c.Backups.To, c.Backups.Interval = []config.BackupURL{config.BackupURL(target)}, time.Second
	}}, change...)...), target
}

func (h *realHouse) restoreOptions() RestoreOptions {
	return RestoreOptions{Config: h.config, Reason: "a test", Version: "test", Log: slog.New(slog.DiscardHandler)}
}

// restore restores the stopped casino's data directory.
func (h *realHouse) restore(change func(*RestoreOptions)) *RestoreReport {
	h.t.Helper()
	o := h.restoreOptions()
	if change != nil {
		change(&o)
	}
	r, err := Restore(h.t.Context(), o)
	if err != nil {
		h.t.Fatal(err)
	}
	if !r.Done || r.NewLineage == "" || len(r.Proved) == 0 && !o.NoAudit {
		h.t.Fatalf("%+v", r)
	}
	return r
}

// rounds are the ids of a player's settled rounds.
func (c *realClient) rounds() (ids []string) {
	for _, r := range c.all("/api/v1/me/rounds", "rounds") {
		ids = append(ids, r["id"].(string))
	}
	slices.Sort(ids)
	return ids
}

func (c *realClient) spin() string {
	v := c.object(201, "POST", "/api/v1/games/slots/spins", `{"stake":1}`)
	return v["round"].(map[string]any)["id"].(string)
}

// spinLater spins when some milliseconds have passed.
func (c *realClient) spinLater() string {
	time.Sleep(10 * time.Millisecond)
	return c.spin()
}

func (h *realHouse) signInAgain(name string) *realClient {
	h.t.Helper()
	c := &realClient{h: h}
	v := c.object(201, "POST", "/api/v1/sessions", `{"login":"`+name+`","password":"correct horse"}`)
	c.token = v["token"].(string)
	return c
}

func TestRestore_ToTheSecondBetweenTwoBets(t *testing.T) {
	h, _ := backedUpHouse(t)
	cherry := h.player("cherry")
	for range 5 {
		cherry.spinLater()
	}
	open, _ := cherry.dealUntil("stand") // an open round at the moment
	before := cherry.rounds()
	moment := h.app.dir.store.Time()
	commitment := cherry.object(200, "GET", "/api/v1/me/fairness", "")["commitment"]
	for range 3 {
		cherry.spinLater()
	}
	h.player("bob").spin()
	cherry.object(201, "POST", "/api/v1/me/exclusions", `{"days":30}`)
	h.shipped()
	h.stop()

	r := h.restore(func(o *RestoreOptions) { o.Request.At = moment })
	if a := r.TakesBack; a.Rounds < 4 || a.Accounts != 1 || !slices.Contains(a.Asked, backup.Asked{What: "self-exclusions", Count: 1}) ||
		!slices.Contains(a.Asked, backup.Asked{What: "new accounts", Count: 1}) || a.AtMost {
		t.Errorf("it takes back %+v", a)
	}
	if r.Renewed.Accounts != 1 || r.Renewed.Rounds != 1 || r.Renewed.Sessions != 1 || !r.Time.Equal(moment) && r.Time.After(moment) {
		t.Errorf("%+v, %+v", r, r.Renewed)
	}
	if _, err := os.Stat(filepath.Join(r.Aside, storage.StateFile)); err != nil {
		t.Errorf("the old files are not kept: %v", err)
	}

	h.start()
	if status, _ := cherry.send("GET", "/api/v1/me", ""); status != 401 {
		t.Errorf("an old session gives %d", status)
	}
	cherry = h.signInAgain("cherry")
	if after := cherry.rounds(); !slices.Equal(after, before) {
		t.Errorf("the rounds are %v instead of %v", after, before)
	}
	id := open["round"].(map[string]any)["id"].(string)
	if v := cherry.object(200, "GET", "/api/v1/me/rounds/"+id, ""); v["settled"] != true || v["server_seed"] == nil {
		t.Errorf("the open round is %v", v)
	}
	if f := cherry.object(200, "GET", "/api/v1/me/fairness", ""); f["commitment"] == commitment || len(f["revealed"].([]any)) != 2 {
		t.Errorf("the seeds are the old ones: %v", f)
	}
	if status, _ := (&realClient{h: h}).send("POST", "/api/v1/sessions", `{"login":"bob","password":"correct horse"}`); status != 401 {
		t.Errorf("an account of later can sign in: %d", status)
	}
	cherry.spin()
	if got := h.app.dir.store.Lineage(); got != r.NewLineage {
		t.Errorf("the lineage is %q", got)
	}
	list, err := control.ListEvents.Call(t.Context(), h.operator(), control.EventQuery{Limit: 10, Kinds: []string{"lineage_begun"}})
	if err != nil || len(list.Events) != 1 || list.Events[0].Act != "casino_restored" || list.Events[0].Reason != "a test" || !strings.Contains(list.Events[0].Before, backup.Origin) {
		t.Errorf("the history tells of the restore as %+v, %v", list.Events, err)
	}

	// A restored casino is backed up, and restored, like any other.
	h.shipped()
	want := cherry.rounds()
	h.stop()
	second := h.restore(nil)
	if second.Lineage != r.NewLineage || second.TakesBack.Events != 0 || second.Aside == r.Aside {
		t.Errorf("%+v", second)
	}
	h.start()
	if got := h.signInAgain("cherry").rounds(); !slices.Equal(got, want) {
		t.Errorf("the rounds are %v instead of %v", got, want)
	}
	h.shipped()
	h.stop()
	// And the first lineage is still there, with what happened after the moment.
	third := h.restore(func(o *RestoreOptions) { o.Request.Lineage = backup.Origin })
	if third.Lineage != backup.Origin || len(third.Notes) == 0 || third.Position.Accounts != 2 {
		t.Errorf("%+v, %+v", third, third.Position)
	}
	h.start()
}

// The old log knows some seconds that are in no backup.
func TestRestore_CountsWhatOnlyTheOldDirectoryKnows(t *testing.T) {
	h, target := backedUpHouse(t)
	cherry := h.player("cherry")
	cherry.spin()
	h.shipped()
	h.restart(func(c *config.Config) { c.Backups.To = nil })
	cherry.spin()
	cherry.object(201, "POST", "/api/v1/me/exclusions", `{"days":30}`)
	h.stop()
	h.config.Backups.To = nil
	o := h.restoreOptions()
	o.DryRun = true
	if _, err := Restore(t.Context(), o); !errors.Is(err, errNoTarget) {
		t.Errorf("without a target: %v", err)
	}
	o.From = target
	before := contentOf(t, h.config.Data.Dir)
	r, err := Restore(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if a := r.TakesBack; a.Rounds != 1 || a.AtMost || !slices.Contains(a.Asked, backup.Asked{What: "self-exclusions", Count: 1}) {
		t.Errorf("%+v, notes %v", a, r.Notes)
	}
	if r.Done || contentOf(t, h.config.Data.Dir) != before {
		t.Error("a dry run has changed something")
	}
}

// Names of lineages sort by time: a clock that is behind must not make a restore's lineage an old one.
func TestRestore_ItsLineageIsTheNewestWhateverTheClockSays(t *testing.T) {
	ahead := time.Now().Add(48 * time.Hour)
	r := &restoring{}
	for _, restored := range []*backup.Restored{
		{Plan: &backup.Plan{Begun: ahead}},
		{Plan: &backup.Plan{}, Position: backup.Position{Time: ahead}},
	} {
		if got := r.begins(restored, time.Now()); got.Before(ahead) {
			t.Errorf("the lineage begins at %s, before %s", got, ahead)
		}
	}
	if got := newLineage(ahead); !strings.HasPrefix(got, ahead.UTC().Format("20060102T150405Z-")) {
		t.Error(got)
	}
}

// The first target answers, but has not been written to for a while.
func TestRestore_TellsOfATargetWithNewerBackups(t *testing.T) {
	h, target := backedUpHouse(t)
	cherry := h.player("cherry")
	cherry.spin()
	h.shipped()
	stale := t.TempDir()
	if err := os.CopyFS(stale, os.DirFS(strings.TrimPrefix(target, "file://"))); err != nil {
		t.Fatal(err)
	}
	cherry.spin()
	h.shipped()
	h.stop()
	h.config.Backups.To = []config.BackupURL{config.BackupURL("file://" + stale), config.BackupURL(target)}
	o := h.restoreOptions()
	o.DryRun = true
	r, err := Restore(t.Context(), o)
	if err != nil || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "--from '"+target+"'") {
		t.Errorf("%+v, %v", r, err)
	}
	h.config.Backups.To = h.config.Backups.To[1:]
}

// A kill at any point of the swap leaves the old casino or leads to the new one; nothing in between.
func TestRestore_SurvivesAKillAtEachStepOfTheSwap(t *testing.T) {
	h, _ := backedUpHouse(t)
	cherry := h.player("cherry")
	cherry.spin()
	h.shipped()
	cherry.spin()
	h.stop()
	killed := errors.New("killed")
	original := copyOf(t, h.config.Data.Dir)
	putKey(t, h.config.Data.Dir, original)
	for step := 0; ; step++ {
		dir := copyOf(t, original)
		putKey(t, original, dir)
		o := h.restoreOptions()
		o.Config.Data.Dir = dir
		steps := 0
		o.step = func(string) error {
			if steps++; steps > step {
				return killed
			}
			return nil
		}
		r, err := Restore(t.Context(), o)
		if err != nil && !errors.Is(err, killed) {
			t.Fatal(err)
		}
		finished := err == nil
		if finished && (r.Aside == "" || steps != step) {
			t.Fatalf("%d steps of %d, %+v", steps, step, r)
		}
		if !finished {
			if _, err := Audit(context.Background(), o.Config.Data, nil); !errors.Is(err, errRestoring) {
				t.Errorf("step %d: an audit does not see that a restore was interrupted: %v", step, err)
			}
			// The next start is killed at the same place, and the one after that.
			again := swap{dir: dir, log: o.Log, step: func(string) error { return killed }}
			for range 2 {
				if _, err := again.finish(); err != nil && !errors.Is(err, killed) {
					t.Fatal(err)
				}
			}
		}
		d, err := openDir(dir, false)
		if err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
		if d.store.Lineage() == "" {
			t.Errorf("step %d: it is the old casino", step)
		}
		if err := d.close(context.Background()); err != nil {
			t.Error(err)
		}
		if _, err := Audit(context.Background(), o.Config.Data, nil); err != nil {
			t.Errorf("step %d: %v", step, err)
		}
		aside, err := filepath.Glob(filepath.Join(dir, restoredAside+"*"))
		if err != nil || len(aside) != 1 {
			t.Fatalf("step %d: old files are in %v, %v", step, aside, err)
		}
		if !sameCasino(t, aside[0], original) {
			t.Errorf("step %d: the old files are not what they were", step)
		}
		for _, name := range []string{restoreNew, restoreReady} {
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				t.Errorf("step %d: %s is left", step, name)
			}
		}
		if finished {
			if step < 8 {
				t.Errorf("only %d steps", step)
			}
			return
		}
	}
}

// sameCasino compares the files of two stopped casinos.
func sameCasino(t *testing.T, a, b string) bool {
	t.Helper()
	same := func(dir string) string { return strings.ReplaceAll(contentOf(t, dir), dir, "") }
	return same(a) == same(b)
}

// A restore that was killed before it decided changes nothing, and the next one clears up.
func TestRestore_WhatWasNotDecidedIsIgnored(t *testing.T) {
	h, _ := backedUpHouse(t)
	h.player("cherry").spin()
	h.shipped()
	h.stop()
	left := filepath.Join(h.config.Data.Dir, restoreNew)
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(left, storage.NodeFile), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.start()
	if h.app.dir.store.Lineage() != "" {
		t.Error("it counts")
	}
	h.stop()
	h.restore(nil)
	if _, err := os.Stat(left); err == nil {
		t.Error("it is still there")
	}
	h.start()
}

func TestRestore_OfAnEndedContextChangesNothing(t *testing.T) {
	h, _ := backedUpHouse(t)
	h.player("cherry").spin()
	h.shipped()
	h.stop()
	before := contentOf(t, h.config.Data.Dir)
	for _, at := range []string{"state", "accounts", "audit"} {
		ctx, end := context.WithCancel(t.Context())
		o := h.restoreOptions()
		o.Progress = func(phase string, _, _ int64) {
			if phase == at {
				end()
			}
		}
		if _, err := Restore(ctx, o); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", at, err)
		}
		if contentOf(t, h.config.Data.Dir) != before {
			t.Errorf("%s: something has changed", at)
		}
		end()
	}
	h.start()
}

// No server runs during a restore, so the restore itself tells the operators.
func TestRestore_IsToldByMessage(t *testing.T) {
	h, _ := backedUpHouse(t)
	h.player("cherry").spin()
	h.shipped()
	h.stop()
	o := newOperator(t)
	h.restore(func(r *RestoreOptions) {
		r.Config.Listen.Domains = []string{"casino.example"}
		r.Config.Notifications.To = config.NotifyURLs{config.NotifyURL(o.URL + "/hooks")}
		r.Config.Notifications.Secret = notifySecret
	})
	o.await(t, "restored warning", func() {})
	h.start()
}

func TestRestore_RefusesWhileTheCasinoRuns(t *testing.T) {
	h, _ := backedUpHouse(t)
	h.player("cherry").spin()
	h.shipped()
	_, err := Restore(t.Context(), h.restoreOptions())
	if !errors.Is(err, errInUse) || !strings.Contains(err.Error(), "systemctl stop imperio") || !strings.Contains(err.Error(), "--data-dir") {
		t.Error(err)
	}
	o := h.restoreOptions()
	o.DryRun = true
	if _, err := Restore(t.Context(), o); err != nil {
		t.Errorf("a dry run: %v", err)
	}
	o.DryRun, o.Reason = false, ""
	if _, err := Restore(t.Context(), o); err == nil || !strings.Contains(err.Error(), "--reason") {
		t.Errorf("without a reason: %v", err)
	}
}

// Files that root restores could not be read by the casino's own user.
func TestRestore_RefusesToWorkAsRootForAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root could")
	}
	dir := privateDir(t)
	if err := checkOwnUser(dir, "backup restore"); err != nil {
		t.Errorf("its own directory: %v", err)
	}
	if err := os.Chown(dir, 12345, 12345); err != nil {
		t.Skip(err)
	}
	if err := checkOwnUser(dir, "backup restore"); err == nil || !strings.Contains(err.Error(), "runuser -u 12345 --") {
		t.Errorf("another user's: %v", err)
	}
}

func TestRestore_OnANewMachineNeedsTheKeyOrTheIdentity(t *testing.T) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	identities := write("identity", "# a comment\n"+identity.String()+"\n")
	wrong := write("wrong.key", strings.Repeat("ab", 32))
	for _, encrypted := range []bool{false, true} {
		t.Run(fmt.Sprintf("encrypted %t", encrypted), func(t *testing.T) {
			h, target := backedUpHouse(t, func(c *config.Config) {
				if encrypted {
					c.Backups.Recipients = []config.AgeRecipient{config.AgeRecipient(identity.Recipient().String())}
				}
			})
			cherry := h.player("cherry")
			cherry.spin()
			want := cherry.rounds()
			h.shipped()
			h.stop()
			key := filepath.Join(h.config.Data.Dir, KeyFile)
			elsewhere := filepath.Join(privateDir(t), "new", "machine")
			try := func(identityFile, keyFile string) error {
				o := h.restoreOptions()
				o.Config.Data.Dir, o.IdentityFile, o.KeyFile, o.From = elsewhere, identityFile, keyFile, target
				_, err := Restore(t.Context(), o)
				return err
			}
			if err := try("", ""); err == nil {
				t.Fatal("it was restored without any key")
			}
			if err := try("", wrong); err == nil || !strings.Contains(err.Error(), wrong) {
				t.Errorf("with another key: %v", err)
			}
			if _, err := os.Stat(elsewhere); err == nil {
				t.Error("a refused restore has made the directory")
			}
			good, bad := []string{"", key}, []string{identities, ""}
			if encrypted {
				good, bad = []string{identities, ""}, []string{write("other", "AGE-SECRET-KEY-1"), ""}
			}
			if err := try(bad[0], bad[1]); err == nil {
				t.Error("it was restored with the wrong kind of key")
			}
			if err := try(good[0], good[1]); err != nil {
				t.Fatal(err)
			}
			h.config.Data.Dir = elsewhere
			h.start()
			if got := h.signInAgain("cherry").rounds(); !slices.Equal(got, want) {
				t.Errorf("the rounds are %v instead of %v", got, want)
			}
		})
	}
}

func TestRestore_PutsNoCasinoInThePlaceOfAnother(t *testing.T) {
	h, target := backedUpHouse(t)
	h.player("cherry").spin()
	h.shipped()
	h.stop()
	key := filepath.Join(h.config.Data.Dir, KeyFile)
	other := privateDir(t)
	makeCasino(t, other, something)
	o := h.restoreOptions()
	o.Config.Data.Dir, o.From, o.KeyFile = other, target, key
	before := contentOf(t, other)
	if _, err := Restore(t.Context(), o); err == nil || !strings.Contains(err.Error(), "another directory") || contentOf(t, other) != before {
		t.Error(err)
	}
}

func TestIdentities_AreReadOrRefusedWithAdvice(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct{ text, want string }{
		"protected": {"age-encryption.org/v1\n-> scrypt x\n", "passphrase"},
		"armored":   {"-----BEGIN AGE ENCRYPTED FILE-----\n", "passphrase"},
		"recipient": {"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\n", "AGE-SECRET-KEY-1"},
		"secret":    {"AGE-SECRET-KEY-1PASSWORD\n", "AGE-SECRET-KEY-1"},
		"empty":     {"", "AGE-SECRET-KEY-1"},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := readIdentities(path)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "1PASSWORD") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestVerify_ProvesArchivesAndFindsDamage(t *testing.T) {
	h, target := backedUpHouse(t)
	h.player("cherry").spin()
	h.shipped()
	h.stop()
	log := slog.New(slog.DiscardHandler)
	o := VerifyOptions{Config: h.config, From: target, Log: log}
	v, err := Verify(t.Context(), o)
	if err != nil || len(v.Proved) < 5 {
		t.Fatalf("%+v, %v", v, err)
	}
	list, err := ListBackups(t.Context(), target, false, &h.config, log)
	if err != nil || len(list.Casinos) != 1 || len(list.Casinos[0].Lineages) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	l := list.Casinos[0].Lineages[0]
	if len(l.Spans) != 1 || len(l.Gaps) != 0 || len(l.Archives) == 0 || l.Archives[0].Encrypted == nil || *l.Archives[0].Encrypted || l.Segments == 0 {
		t.Errorf("%+v", l)
	}
	path := filepath.Join(strings.TrimPrefix(target, "file://"), filepath.FromSlash(v.Name))
	m, _, _, err := InspectBackup(t.Context(), filepath.Base(v.Name), target, &h.config, log)
	if err != nil || m.Index != v.Manifest.Index {
		t.Errorf("%+v, %v", m, err)
	}
	o.From, o.Name = "", path // a file on this machine
	if _, err := Verify(t.Context(), o); err != nil {
		t.Error(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(t.Context(), o); !errors.As(err, new(*backup.DamageError)) {
		t.Errorf("a damaged one: %v", err)
	}
}
