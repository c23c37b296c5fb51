package upgrade

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"imperio/appliance/control"
)

var errKilled = errors.New("killed")

// service is a machine with a supervisor and a casino on it, without processes. Programs are shell scripts that print their
// version and their conduct.
type service struct {
	t         *testing.T
	installed string
	dataDir   string
	running   string // version; "": down
	conduct   string // of the running program: good, crash (at start), hang (never ready), late (crashes once it was ready for a while)
	started   time.Time
	looks     int  // since the start
	copied    bool // the state's copy is there
	restarts  int
}

func newService(t *testing.T, conduct string) (*service, string) {
	t.Helper()
	dir := t.TempDir()
	s := &service{t: t, installed: filepath.Join(dir, "bin", "imperio"), dataDir: filepath.Join(dir, "data")}
	for _, d := range []string{filepath.Dir(s.installed), s.dataDir} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	program(t, s.installed, "v1.0.0", "good")
	fresh := filepath.Join(dir, "imperio-new")
	program(t, fresh, "v1.1.0", conduct)
	s.start()
	return s, fresh
}

// program writes a program.
func program(t *testing.T, path, version, conduct string) {
	t.Helper()
	script := fmt.Sprintf(`#!/bin/sh
case "$1" in
version) echo '{"version":"%s"}' ;;
upgrade) echo '{"format":1,"records":7,"facts":{"index":5}}' ;;
conduct) echo '%s' ;;
esac
`, version, conduct)
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
}

func says(t *testing.T, path, what string) string {
	t.Helper()
	out, err := exec.Command(path, what).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out[:len(out)-1])
}

func (s *service) start() {
	version, err := versionOf(context.Background(), runner{}, s.installed)
	if err != nil {
		s.t.Fatal(err)
	}
	s.running, s.conduct, s.looks = version, says(s.t, s.installed, "conduct"), 0
	s.started = s.started.Add(time.Second)
	s.restarts++
	if s.conduct == "crash" {
		s.running = ""
	}
}

// supervise starts the casino as the unit does: after the program before has decided.
func (s *service) supervise() {
	if _, err := os.Stat(s.installed + journalSuffix); err == nil {
		if _, err := BeforeStart(s.installed); err != nil {
			s.t.Fatal(err)
		}
	}
	s.start()
}

func (s *service) Name() string { return "the test" }
func (s *service) Restart(_ context.Context, program string) error {
	if program != s.installed {
		s.t.Errorf("restarts %s", program)
	}
	s.supervise()
	return nil
}
func (s *service) Ended(context.Context) (string, bool) { return "it ended", s.running == "" }
func (s *service) Down(context.Context) (string, bool)  { return "", false }
func (s *service) Log(context.Context) string           { return "a line" }

func (s *service) Running(context.Context) (Running, error) {
	s.looks++
	if s.conduct == "late" && s.looks > 1 {
		s.running = ""
	}
	if s.running == "" {
		return Running{}, errors.New("connection refused")
	}
	if s.conduct == "good" && s.looks > 1 { // the server notes its proof
		if j, err := ReadJournal(s.installed); err == nil && j.To == s.running {
			note := fmt.Sprintf(`{"id":%q,"proven":true}`, j.ID)
			if err := os.WriteFile(filepath.Join(s.dataDir, NoteFile), []byte(note), 0o600); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	return Running{Version: s.running, Ready: s.conduct != "hang", Started: s.started}, nil
}

func (s *service) CopyState(context.Context) (control.StateCopy, error) {
	s.copied = true
	return control.StateCopy{Dir: s.dataDir, Format: 1, Facts: control.StateFacts{Index: 5}}, nil
}
func (s *service) RemoveStateCopy(context.Context) error    { s.copied = false; return nil }
func (s *service) Backup(context.Context) ([]string, error) { return []string{"made"}, nil }

func (s *service) options() Options {
	return Options{
		Installed: s.installed, DataDir: s.dataDir, Casino: s, Manager: s, Patience: 30 * time.Millisecond, Watch: 20 * time.Millisecond, every: time.Millisecond, starting: time.Millisecond,
		check: func(string, string) error { return nil },
	}
}

// ends checks that the casino runs the right version well, and that nothing is left half done.
func (s *service) ends(want string) {
	s.t.Helper()
	if version, err := versionOf(context.Background(), runner{}, s.installed); err != nil || version != want {
		s.t.Errorf("%s is installed instead of %s (%v)", version, want, err)
	}
	if s.running != want {
		s.t.Errorf("%q runs instead of %s", s.running, want)
	}
	if st, err := GetStatus(s.installed); err != nil || st.State == string(OnTrial) {
		s.t.Errorf("it is not over: %+v %v", st, err)
	}
	if left, _ := filepath.Glob(s.installed + "*.part"); len(left) > 0 {
		s.t.Errorf("left: %v", left)
	}
	if s.copied {
		s.t.Error("the copy of the state is left")
	}
}

// Whatever a new program does, the casino runs the right version in the end.
func TestRun_KeepsWhatIsProvenAndGoesBackFromTheRest(t *testing.T) {
	for conduct, want := range map[string]string{"good": "v1.1.0", "crash": "v1.0.0", "hang": "v1.0.0", "late": "v1.0.0"} {
		t.Run(conduct, func(t *testing.T) {
			s, fresh := newService(t, conduct)
			o := s.options()
			o.Binary = fresh
			r, err := Run(t.Context(), o)
			if err != nil || r.Upgraded != (conduct == "good") || r.WentBack == r.Upgraded {
				t.Errorf("%+v %v", r, err)
			}
			s.ends(want)
			if _, err := ReadJournal(s.installed); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the journal is left: %v", err)
			}
		})
	}
}

// A kill of the verb after any step, or of the whole machine, ends well: by the next starts alone, or by an operator's resume.
func TestRun_EndsWellAfterAKillAtAnyStep(t *testing.T) {
	forward := []Step{Checked, Tried, Backed, Kept, Journaled, Swapped, Restarted, Proven, Finished}
	back := []Step{Decided, Returned, Again, Well}
	for conduct, steps := range map[string][]Step{
		"good": forward, "crash": append(forward[:7:7], back...), "hang": append(forward[:7:7], back...),
	} {
		for _, at := range steps {
			for _, then := range []string{"boot", "resume", "boot and resume", "back"} {
				t.Run(fmt.Sprintf("%s/%s/%s", conduct, at, then), func(t *testing.T) {
					s, fresh := newService(t, conduct)
					o := s.options()
					o.Binary = fresh
					o.after = func(done Step) error {
						if done == at {
							return errKilled
						}
						return nil
					}
					if _, err := Run(t.Context(), o); !errors.Is(err, errKilled) {
						t.Fatalf("not killed: %v", err)
					}
					s.copied = false // the server removes it when it starts
					s.finish(then)
					began := at != Checked && at != Tried && at != Backed && at != Kept && at != Journaled
					switch {
					case conduct == "good" && began && (then != "back" || at == Finished):
						s.ends("v1.1.0")
					default:
						s.ends("v1.0.0")
					}
					again := s.options() // the next upgrade is not in its way
					again.Binary = filepath.Join(t.TempDir(), "newest")
					program(t, again.Binary, "v1.2.0", "good")
					if r, err := Run(t.Context(), again); err != nil || !r.Upgraded {
						t.Errorf("the next upgrade: %+v %v", r, err)
					}
					s.ends("v1.2.0")
				})
			}
		}
	}
}

// finish lets a machine come to rest after a kill.
func (s *service) finish(how string) {
	s.t.Helper()
	boots := func() {
		for range mostStarts + 2 { // as a supervisor does while it crashes, hangs, or loses power
			s.supervise()
			for range 3 {
				s.Running(s.t.Context())
			}
		}
	}
	switch how {
	case "boot":
		boots()
	case "boot and resume":
		s.supervise()
		fallthrough
	case "resume":
		if _, err := Resume(s.t.Context(), s.options()); err != nil && !errors.Is(err, ErrNone) {
			s.t.Errorf("resume: %v", err)
		}
	case "back":
		if _, err := Back(s.t.Context(), s.options()); err != nil && !errors.Is(err, ErrNone) {
			s.t.Errorf("back: %v", err)
		}
	}
}

// A program that somebody installs after a failed upgrade is left alone, whatever the journal of that upgrade says.
func TestBack_LeavesAThirdProgramAlone(t *testing.T) {
	for _, state := range []State{OnTrial, GoingBack} {
		s, fresh := newService(t, "crash")
		o := s.options()
		o.Binary = fresh
		o.after = func(done Step) error {
			if state == OnTrial && done == Swapped || done == Again {
				return errKilled
			}
			return nil
		}
		if _, err := Run(t.Context(), o); !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		if err := os.Remove(s.installed); err != nil {
			t.Fatal(err)
		}
		program(t, s.installed, "v3.0.0", "good")
		s.supervise()
		if _, err := Resume(t.Context(), s.options()); err != nil && !errors.Is(err, ErrNone) {
			t.Error(err)
		}
		s.ends("v3.0.0")
	}
}

// A package manager's new program is on trial as one of the verb is; one that is refused makes way for the one before.
func TestRun_InPlace(t *testing.T) {
	for conduct, want := range map[string]string{"good": "v1.1.0", "crash": "v1.0.0", "refused": "v1.0.0"} {
		s, fresh := newService(t, "good")
		if conduct == "crash" {
			program(t, fresh, "v1.1.0", conduct)
		}
		if err := errors.Join(os.Rename(s.installed, s.installed+previousSuffix), os.Rename(fresh, s.installed)); err != nil {
			t.Fatal(err)
		}
		o := s.options()
		o.InPlace = true
		if conduct == "refused" {
			o.check = func(string, string) error { return errors.New("no good") }
		}
		r, err := Run(t.Context(), o)
		if (err != nil) != (conduct == "refused") || r.Upgraded != (conduct == "good") {
			t.Errorf("%s: %+v %v", conduct, r, err)
		}
		s.ends(want)
	}
}

func TestCompareVersions_FollowsTags(t *testing.T) {
	for _, c := range []struct {
		a, b  string
		order int
		known bool
	}{
		{"v1.2.0", "v1.10.0", -1, true},
		{"v1.2.0", "1.2.0", 0, true},
		{"v1.2.0-rc.1", "v1.2.0", -1, true},
		{"v1.2.0-5-g0abc123", "v1.2.0", 1, true}, // five commits after
		{"v1.2.0-5-g0abc123-dirty", "v1.2.0-12-g0abc124", -1, true},
		{"v1.2.0-rc.1-3-g0abc123", "v1.2.0-rc.1", 1, true},
		{"devel", "v1.2.0", 0, false},
		{"0abc123", "v1.2.0", 0, false},
	} {
		if order, known := compareVersions(c.a, c.b); order != c.order || known != c.known {
			t.Errorf("%s and %s: %d %t", c.a, c.b, order, known)
		}
		if order, known := compareVersions(c.b, c.a); order != -c.order || known != c.known {
			t.Errorf("%s and %s: %d %t", c.b, c.a, order, known)
		}
	}
}

// Root runs and writes nothing that somebody else can change.
func TestCheckTrusted_RefusesWhatOthersCanChange(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "bin", "imperio")
	if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	program(t, path, "v1.0.0", "good")
	if err := checkTrusted(path); err != nil {
		t.Errorf("a program of this user's: %v", err)
	}
	for i, spoil := range []func() error{
		func() error { return os.Chmod(filepath.Dir(path), 0o777) },
		func() error { return os.Chmod(path, 0o775) },
		func() error { return errors.Join(os.Rename(path, path+".real"), os.Symlink(path+".real", path)) },
	} {
		if err := errors.Join(os.Chmod(filepath.Dir(path), 0o755), os.Chmod(path, 0o755), spoil()); err != nil {
			t.Fatal(err)
		}
		if err := checkTrusted(path); err == nil {
			t.Errorf("case %d is trusted", i)
		}
	}
}

// The casino's user writes the note. Root follows no link in it, and waits for nothing.
func TestReadNote_FollowsNoLinkAndWaitsForNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, NoteFile)
	good := []byte(`{"id":"one","proven":true}`)
	if err := os.WriteFile(filepath.Join(dir, "elsewhere"), good, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, make := range map[string]func() error{
		"nothing":     func() error { return nil },
		"a link":      func() error { return os.Symlink("elsewhere", path) },
		"a pipe":      func() error { return syscall.Mkfifo(path, 0o600) },
		"a directory": func() error { return os.Mkdir(path, 0o700) },
		"of another":  func() error { return os.WriteFile(path, []byte(`{"id":"two","proven":true}`), 0o600) },
		"endless":     func() error { return os.WriteFile(path, append(bytes.Repeat([]byte(" "), 1<<20), good...), 0o600) },
	} {
		if err := errors.Join(os.RemoveAll(path), make()); err != nil {
			t.Fatal(err)
		}
		if ReadNote(dir, "one").Proven {
			t.Errorf("%s is believed", name)
		}
	}
	if err := errors.Join(os.RemoveAll(path), os.WriteFile(path, good, 0o600)); err != nil {
		t.Fatal(err)
	}
	if !ReadNote(dir, "one").Proven {
		t.Error("a note is not read")
	}
}

// A process whose first thread is gone, as while it becomes another program, has not ended.
func TestEnded_OnlyWithTheLastThread(t *testing.T) {
	const rest = " 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 "
	for stat, want := range map[string]bool{
		"12 (imperio) S" + rest + "9 0": false,
		"12 (imperio) Z" + rest + "2 0": false,
		"12 (imperio) Z" + rest + "1 0": true,
		"12 (a) Z (b) S" + rest + "1 0": false,
		"12 (imperio) X" + rest + "0 0": true,
		"12 (imperio":                   false,
	} {
		if got := ended(stat); got != want {
			t.Errorf("%q: %t", stat, got)
		}
	}
	own, err := os.ReadFile("/proc/self/stat")
	if err == nil && ended(string(own)) {
		t.Errorf("this process: %q", own)
	}
	done := exec.Command("true")
	if err := done.Start(); err != nil {
		t.Fatal(err)
	}
	defer done.Wait()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		return
	}
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", done.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		if ended(string(stat)) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("a process that nobody has waited for: %q", stat)
		}
	}
}

// The journal is read by the next start of the service, which has another working directory than the verb.
func TestBegin_NamesTheDataDirectoryFromAnywhere(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, name := range []string{"bin", "data"} {
		if err := os.Mkdir(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	installed := filepath.Join(dir, "bin", "imperio")
	if err := os.WriteFile(installed, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	o := Options{Installed: installed, DataDir: "data"}
	_, release, err := begin(&o)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if want := filepath.Join(dir, "data"); o.DataDir != want {
		t.Errorf("the data directory is %s instead of %s", o.DataDir, want)
	}
}
