package endtoend

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// vanish is what somebody does to the files of a casino that runs.
type vanish struct {
	do      func(dir string) error
	says    string                 // the running casino
	next    string                 // the next start, which is refused; "": it is refused or goes on with all answers
	putBack func(dir string) error // nil: the files are lost
}

func moved(name string) (there, back func(dir string) error) {
	away := func(dir string) string { return filepath.Join(filepath.Dir(dir), "elsewhere") }
	there = func(dir string) error { return os.Rename(filepath.Join(dir, name), away(dir)) }
	back = func(dir string) error { return os.Rename(away(dir), filepath.Join(dir, name)) }
	return there, back
}

// swapped puts a copy of a file, as it is at this moment, in its place.
func swapped(name string) func(dir string) error {
	return func(dir string) error {
		path := filepath.Join(dir, name)
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path+".copy", data, 0o600); err != nil {
			return err
		}
		return os.Rename(path+".copy", path)
	}
}

func removed(name string) func(dir string) error {
	return func(dir string) (err error) {
		for range 100 { // the casino may make a file in the meantime
			if err = os.RemoveAll(filepath.Join(dir, name)); err == nil {
				break
			}
		}
		return err
	}
}

func TestVanished_FilesUnderARunningCasinoEndIt(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts some 20 processes")
	}
	const segment = "log/000001.segment"
	logAway, logBack := moved("log")
	segmentAway, segmentBack := moved(segment)
	stateAway, stateBack := moved("state.db")
	allAway, _ := moved("")
	for name, v := range map[string]vanish{
		"the log is moved":               {logAway, "was removed or moved while it was in use", "the log is missing", logBack},
		"the log is removed":             {removed("log"), "was removed or moved while it was in use", "the log is missing", nil},
		"a segment is moved":             {segmentAway, "was removed or moved while it was in use", "is damaged", segmentBack},
		"a segment is replaced":          {swapped(segment), "was replaced by another file while it was in use", "", nil},
		"the log's state is removed":     {removed("log/state"), "was removed or moved while it was in use", "the log is missing", nil},
		"the state is moved":             {stateAway, "was removed or moved while it was in use", "state.db is missing", stateBack},
		"the state is replaced":          {swapped("state.db"), "was replaced by another file while it was in use", "", nil},
		"the whole directory is moved":   {allAway, "was removed or moved while it was in use", "state.db is missing", nil},
		"the whole directory is removed": {removed(""), "was removed or moved while it was in use", "state.db is missing", nil},
	} {
		t.Run(name, func(t *testing.T) { tryVanish(t, v) })
	}
}

func tryVanish(t *testing.T, v vanish) {
	c := newProcess(t)
	c.start(t)
	p := &player{name: "ana", casino: c, random: rand.New(rand.NewPCG(3, 4))}
	p.signUp(t)
	for range 5 {
		p.pending = p.next()
		if !p.try(t.Context()) {
			t.Fatal("a bet was not answered")
		}
	}
	playing := make(chan struct{})
	go func() {
		defer close(playing)
		p.playUntilLost(context.Background())
	}()
	if err := v.do(c.dir); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := c.wait(t); !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(c.log.String(), v.says) {
		t.Errorf("the casino ended with %v, and does not say that a file %s", err, v.says)
	}
	<-playing

	if v.next == "" {
		c.spawn(t)
		if c.serves(t) {
			p.settleUp(t)
			c.stop(t)
			c.audit(t)
		}
		return
	}
	out, err := c.run("serve", "--data-dir", c.dir, "--http-addr", c.address, "--ops-addr", "none")
	if err == nil || !strings.Contains(out, v.next) {
		t.Fatalf("the next start: %v\n%s", err, out)
	}
	if v.putBack == nil {
		return
	}
	if err := v.putBack(c.dir); err != nil {
		t.Fatal(err)
	}
	c.start(t)
	p.settleUp(t)
	c.stop(t)
	c.audit(t)
}
