package endtoend

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// The torture of backups: each step of backing up and of restoring is killed with SIGKILL at random moments while players bet.
// After each kill the data directory is a whole casino, the old or the restored one, with every answer that a player ever
// got; and every backup with a name is whole.
//
// BACKUP_KILLS is how often each step is killed (make backup-torture: 120). TORTURE_SEED repeats an earlier run's decisions.
func TestBackupTorture_NothingIsHalf(t *testing.T) {
	if testing.Short() {
		t.Skip("it kills and restores a casino a dozen times")
	}
	kills := number(t, "BACKUP_KILLS", 2)
	seed := uint64(number(t, "TORTURE_SEED", int(time.Now().UnixNano()%1e9)))
	t.Logf("seed %d (TORTURE_SEED), %d kills of each step", seed, kills)
	x := &backupTorture{T: t, backedUp: newBackedUp(t, seed, 4), random: rand.New(rand.NewPCG(seed, 1)), happened: make(map[string]int)}
	for _, p := range x.players {
		p.rest = 5 * time.Millisecond
	}
	answers := 0
	for range kills {
		for _, step := range backupSteps {
			x.hush = x.play()
			step.do(x)
			x.hush()
			if x.command == nil {
				x.start(t)
			}
			for _, p := range x.players {
				if x.restored {
					p.signIn(t)
				}
				answers += p.settleUp(t)
			}
			x.restored = false
			if t.Failed() {
				t.Fatalf("after %q, seed %d", step.name, seed)
			}
		}
	}
	x.bet(t, 1)
	x.must(t, "backup", "create", "--data-dir", x.dir)
	x.shipped(t)
	x.checkTarget()
	x.stop(t)
	x.audit(t)
	// What kills left in the present lineage was removed by the next archive; what they left in others is, after a day.
	lineages := x.lineages(t)
	filepath.WalkDir(lineages[len(lineages)-1], func(path string, _ os.DirEntry, err error) error {
		if err != nil || strings.HasSuffix(path, ".unfinished") {
			t.Errorf("%s is left in the target, %v", path, err)
		}
		return nil
	})
	for _, left := range []string{"restore.new", "restore.ready", "drill.tmp"} {
		if _, err := os.Stat(filepath.Join(x.dir, left)); err == nil {
			t.Errorf("%s is left in the data directory", left)
		}
	}
	t.Logf("%d answers compared with the books; %v", answers, x.happened)
	if answers == 0 || x.happened["restored"] == 0 {
		t.Error("nobody played, or nothing was ever restored: the test proves nothing")
	}
}

type backupTorture struct {
	*testing.T
	*backedUp
	random   *rand.Rand
	hush     func()        // ends the play that goes on
	restored bool          // the data directory may be another lineage
	begun    int           // restores
	lasts    time.Duration // how long a restore takes that is not killed
	happened map[string]int
}

var backupSteps = []struct {
	name string
	do   func(*backupTorture)
}{
	{"a kill while segments are shipped", func(x *backupTorture) { x.pause(1500); x.kill(x.T) }},
	{"a kill during an archive", func(x *backupTorture) { x.killServerDuring("backup", "create", "--data-dir", x.dir) }},
	{"a kill during a drill", func(x *backupTorture) { x.killServerDuring("backup", "drill", "--data-dir", x.dir) }},
	{"a kill of a verification", func(x *backupTorture) {
		x.killVerb(100, append([]string{"backup", "verify", "latest", "--from", x.target, "--data-dir", x.dir}, x.restore...)...)
	}},
	{"a kill of the retention", func(x *backupTorture) {
		x.killVerb(40, "backup", "prune", "--from", x.target, "--data-dir", x.dir)
	}},
	{"a kill of a restore", (*backupTorture).killRestore},
}

// pause waits up to so many milliseconds: the moment of the kill, not synchronisation.
func (x *backupTorture) pause(most int) {
	time.Sleep(time.Duration(x.random.IntN(most)) * time.Millisecond)
}

func (x *backupTorture) play() (stop func()) {
	ctx, cancel := context.WithCancel(x.Context())
	var playing sync.WaitGroup
	for _, p := range x.players {
		playing.Go(func() { p.playOn(ctx) })
	}
	return func() { cancel(); playing.Wait() }
}

// killServerDuring runs a verb that has the server do something, and kills the server meanwhile.
func (x *backupTorture) killServerDuring(args ...string) {
	x.Helper()
	verb := exec.Command(x.path, args...)
	if err := verb.Start(); err != nil {
		x.Fatal(err)
	}
	x.pause(250)
	x.kill(x.T)
	if verb.Wait() == nil {
		x.happened[args[1]+" was faster than the kill"]++
	}
}

// killVerb kills a verb that works beside the server. The server must not mind.
func (x *backupTorture) killVerb(most int, args ...string) {
	x.Helper()
	verb := exec.Command(x.path, args...)
	if err := verb.Start(); err != nil {
		x.Fatal(err)
	}
	x.pause(most)
	verb.Process.Kill()
	if verb.Wait() == nil {
		x.happened[args[1]+" was faster than the kill"]++
	}
	select {
	case err := <-x.ended:
		x.command = nil
		x.Errorf("the casino ended with a verb: %v\n%s", err, x.log.String())
	default:
	}
}

// killRestore restores everything that was shipped, and kills the restore. Then it kills the start that follows, which may
// have to complete what the restore began.
func (x *backupTorture) killRestore() {
	x.Helper()
	x.hush()
	for _, p := range x.players {
		p.settleUp(x.T)
		p.endRound(x.T)
	}
	// A lineage without an archive can't be restored, and the restore says so instead of taking an older one.
	x.await(x.T, "an archive of the lineage", x.hasArchive)
	x.stop(x.T)
	before := x.restores()
	verb := exec.Command(x.path, append([]string{"backup", "restore", "--data-dir", x.dir, "--from", x.target, "--reason", "torture", "--yes"}, x.backedUp.restore...)...)
	var said bytes.Buffer
	verb.Stdout, verb.Stderr = &said, &said
	if err := verb.Start(); err != nil {
		x.Fatal(err)
	}
	// Every fourth restore shows how long one takes by now. The others are killed within that time, or a little later.
	if began := time.Now(); x.begun%4 == 0 {
		if err := verb.Wait(); err != nil {
			x.Fatalf("restore: %v\n%s", err, said.String())
		}
		x.lasts = time.Since(began)
	} else {
		time.Sleep(time.Duration(x.random.Int64N(int64(x.lasts + x.lasts/4)))) // the moment of the kill, not synchronisation
		verb.Process.Kill()
		if verb.Wait() == nil {
			x.happened["the restore was faster than the kill"]++
		}
	}
	if x.random.IntN(2) == 0 {
		x.spawn(x.T)
		x.pause(60)
		x.kill(x.T)
	}
	x.start(x.T)
	x.restored = true
	x.begun++
	if x.restores() > before {
		x.happened["restored"]++
	} else {
		x.happened["the old one stayed"]++
	}
}

// hasArchive reports whether the target has an archive of the casino's lineage.
func (x *backupTorture) hasArchive() bool {
	out, err := exec.Command(x.path, "backup", "status", "--data-dir", x.dir, "--json").Output()
	var status struct {
		Targets []struct {
			Newest string `json:"newest"`
		} `json:"targets"`
	}
	return err == nil && json.Unmarshal(out, &status) == nil && len(status.Targets) == 1 && status.Targets[0].Newest != ""
}

// restores counts the restores, by what they have kept aside.
func (x *backupTorture) restores() int {
	x.Helper()
	kept, err := filepath.Glob(filepath.Join(x.dir, "before-restore-*"))
	if err != nil {
		x.Fatal(err)
	}
	return len(kept)
}

// checkTarget verifies every archive with a name.
func (x *backupTorture) checkTarget() {
	x.Helper()
	root := strings.TrimPrefix(x.target, "file://")
	archives, err := filepath.Glob(filepath.Join(root, "*", "*", "archives", "*.archive"))
	if err != nil || len(archives) == 0 {
		x.Fatalf("%d archives, %v", len(archives), err)
	}
	for _, path := range archives {
		x.must(x.T, append([]string{"backup", "verify", path, "--data-dir", x.dir}, x.backedUp.restore...)...)
	}
	x.happened[fmt.Sprintf("%d archives verified", len(archives))]++
}
