package endtoend

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// A casino without a supervisor is upgraded to versions that are broken in every way, and the verb is killed after each step. Each
// time it ends with the right version, healthy, and with every bet that was answered.
func TestUpgradeTorture_EndsWell(t *testing.T) {
	if os.Getenv("UPGRADE_TORTURE") == "" {
		t.Skip("it takes minutes: run 'make upgrade-torture'")
	}
	next, newest := buildVersion(t, "v1.1.0", false), buildVersion(t, "v2.0.0", true)
	for _, c := range []struct {
		name, conduct, binary string
		args                  []string
		says                  string
	}{
		{"crash", "crash", next, nil, "its process has ended"},
		{"never ready", "hang", next, []string{"--patience", "3s"}, "it was not ready within"},
		{"crash with the next format", "crash", newest, nil, "its process has ended"},
		{"a step that fails", "bad-step", newest, nil, "Nothing was changed"},
		{"a step that fails in earnest", "bad-step-later", newest, nil, "its process has ended"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, "v1.0.0")
			s.conduct(c.conduct)
			out, ok := s.upgrade(c.binary, c.args...)
			has(t, out, c.says)
			if ok {
				t.Error("it succeeds")
			}
			s.ends("v1.0.0")
			if state := s.state(); state != "none" {
				t.Errorf("the state is %s", state)
			}
			s.halt()
		})
	}
	for _, binary := range []string{next, newest} {
		for _, conduct := range []string{"", "crash", "bad-step-later"} {
			for _, at := range []string{"checked", "tried", "kept", "journaled", "swapped", "restarted", "proven", "decided", "returned", "restarted-before"} {
				for _, then := range []string{"resume", "back"} {
					fails := conduct == "crash" || conduct == "bad-step-later" && binary == newest
					late := at == "decided" || at == "returned" || at == "restarted-before"
					if conduct == "bad-step-later" && binary == next || late && !fails || at == "proven" && fails {
						continue // it does not come so far, or does nothing else
					}
					version := "v1.1.0"
					if binary == newest {
						version = "v2.0.0"
					}
					t.Run(fmt.Sprintf("killed/%s %q/%s/%s", version, conduct, at, then), func(t *testing.T) {
						s := newSite(t, "v1.0.0")
						s.conduct(conduct)
						s.killAfter(at, binary)
						// The verb may have come further before the kill, even to the end.
						over := s.state() == "none"
						out, err := exec.Command(s.path, "version").Output()
						if err != nil {
							t.Fatal(err)
						}
						want := "v1.0.0"
						if swapped := strings.Contains(string(out), version); swapped && !fails && (then == "resume" || over && binary == newest) {
							want = version
						}
						s.recovers(then)
						s.ends(want)
						if state := s.state(); state != "none" {
							t.Errorf("the state is %s", state)
						}
						s.halt()
					})
				}
			}
		}
	}
}

// recovers is what an operator does after the verb was killed: go on, or back. A casino that is down is started as usual.
func (s *site) recovers(verb string) {
	s.t.Helper()
	for range 3 {
		args := []string{verb, "--watch", "1s"}
		if verb == "back" {
			args = append(args, "--no-backup")
		}
		out, err := s.verb(args...).CombinedOutput()
		s.t.Logf("imperio upgrade %s: %v\n%s", verb, err, out)
		if !strings.Contains(string(out), "Start it as usual") && s.version() != "" {
			return
		}
		if s.pid() == 0 {
			s.spawn(s.t)
			s.until("the casino to start again", func() bool { return s.version() != "" })
		}
		verb = "resume"
	}
}
