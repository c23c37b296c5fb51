package endtoend

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"imperio/cmd/imperio/documents"
)

const moduleRoot = "../../.."

// The commands of the documents are run as their readers run them: block by block, in one shell. Each document has a directory
// of its own that stands for the clone and for the server's root, with a casino on free ports.
func TestDocuments_TheirCommandsWork(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the program and runs the commands of all documents")
	}
	for _, tool := range []string{"bash", "curl", "jq", "openssl", "promtool", "python3"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skipf("%v: documents use it", err)
		}
	}
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, path := range paths(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		blocks, err := documents.Blocks(string(text))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if !slices.ContainsFunc(blocks, func(b documents.Block) bool { return b.Runs() }) {
			continue
		}
		ran++
		t.Run(strings.TrimPrefix(path, moduleRoot+"/"), func(t *testing.T) {
			t.Parallel()
			newReader(t, program).follow(t, blocks)
		})
	}
	if ran < 4 {
		t.Errorf("only %d documents have commands: the test looks in the wrong place", ran)
	}
}

// paths are those of the documents for users and operators.
func paths(t *testing.T) []string {
	t.Helper()
	var paths []string
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		found, err := filepath.Glob(filepath.Join(moduleRoot, pattern))
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, found...)
	}
	return paths
}

// reader follows a document.
type reader struct {
	dir       string   // stands for the clone and for the root directory
	http, ops string   // addresses of its casino
	others    []string // addresses of other nodes of a cluster, each after the one in the documents
}

// otherAddresses are those of a cluster's nodes in the documents, beside the first node's for players and operators.
var otherAddresses = []string{"127.0.0.1:8081", "127.0.0.1:8082", "127.0.0.1:7001", "127.0.0.1:7002", "127.0.0.1:7003"}

// standIns are programs that would change the machine. The others that documents use are real.
var standIns = map[string]string{
	// The program is built already.
	"make": `case "$1" in
build) ;;
run) exec bin/imperio serve ;;
*) echo "no such target here: $1" >&2; exit 2 ;;
esac`,
	"sleep":   `exec /bin/sleep 0.05`, // documents wait for people's machines, in whole seconds
	"useradd": `:`,
	"chown":   `:`,
	"runuser": `[ "$1 $2 $3" = "-u imperio --" ] || exit 2
shift 3
exec "$@"`,
	// install without the owners, who don't exist here.
	"install": `args=()
while [ $# -gt 0 ]; do
  case "$1" in -o|-g) shift ;; *) args+=("$1") ;; esac
  shift
done
exec /usr/bin/install "${args[@]}"`,
	// The service, as deploy/systemd/imperio.service starts it.
	"systemctl": `pid() { cat "$PIDS/service" 2>/dev/null || true; }
running() { [ -n "$(pid)" ] && [ -e "/proc/$(pid)" ] && ! grep -q '^State:.Z' "/proc/$(pid)/status"; }
variables() { while read -r variable; do export "${variable?}"; done; }
start() {
  running && return
  export IMPERIO_DATA_DIR="$ROOT/var/lib/imperio"
  for drop_in in "$ROOT"/etc/systemd/system/imperio.service.d/*.conf; do
    [ ! -e "$drop_in" ] || variables < <(sed -n 's/^Environment=//p' "$drop_in")
  done
  [ -e "$ROOT/etc/imperio/imperio.env" ] || { mkdir -p "$ROOT/etc/imperio" && touch "$ROOT/etc/imperio/imperio.env"; }
  "$ROOT/usr/local/bin/imperio" serve --env-file "$ROOT/etc/imperio/imperio.env" </dev/null >>"$ROOT/journal" 2>&1 &
  echo $! >"$PIDS/service"
}
stop() {
  running || return 0
  kill -TERM "$(pid)"
  while running; do sleep 0.02; done
}
case "$1" in
start|enable) start ;;
stop) stop ;;
restart) stop; start ;;
reload) IMPERIO_DATA_DIR="$ROOT/var/lib/imperio" "$ROOT/usr/local/bin/imperio" reload --env-file "$ROOT/etc/imperio/imperio.env" ;;
daemon-reload|reset-failed|status) ;;
*) echo "unknown: $*" >&2; exit 1 ;;
esac`,
}

func newReader(t *testing.T, program string) *reader {
	t.Helper()
	root, err := filepath.Abs(moduleRoot)
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{dir: t.TempDir(), http: freeAddress(t), ops: freeAddress(t)}
	for _, address := range otherAddresses {
		r.others = append(r.others, address, freeAddress(t))
	}
	for _, dir := range []string{".tools", ".pids", "bin", "backup", "srv", "etc/systemd/system", "usr/local/bin", "var/lib",
		"usr/share/bash-completion/completions", "usr/local/share/zsh/site-functions", "usr/share/fish/vendor_completions.d", "usr/local/share/man/man1"} {
		if err := os.MkdirAll(filepath.Join(r.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, script := range standIns {
		if err := os.WriteFile(filepath.Join(r.dir, ".tools", name), []byte("#!/usr/bin/env bash\nset -euo pipefail\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{"bin/imperio": program, ".tools/imperio": program, "deploy": filepath.Join(root, "deploy"), "docs": filepath.Join(root, "docs"), "storage": filepath.Join(root, "storage"), "README.md": filepath.Join(root, "README.md")} {
		if err := os.Symlink(target, filepath.Join(r.dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(r.end)
	return r
}

// end kills the casinos that the document has left running.
func (r *reader) end() {
	pids, _ := filepath.Glob(filepath.Join(r.dir, ".pids", "*"))
	for _, file := range pids {
		var pid int
		if text, err := os.ReadFile(file); err == nil {
			if _, err := fmt.Sscan(string(text), &pid); err == nil && pid > 1 {
				if p, err := os.FindProcess(pid); err == nil {
					p.Kill()
				}
			}
		}
	}
}

// serverPath is a path that belongs to the server, and here to the reader's directory.
var serverPath = regexp.MustCompile(`(^|[\s="'>]|file://|sqlite:)(/(?:var/lib|etc|usr/local|usr/share|srv|backup)(?:/|\b))`)

// here is a text of the document with the reader's addresses and paths.
func (r *reader) here(text string) string {
	text = strings.NewReplacer(append([]string{"127.0.0.1:8080", r.http, "127.0.0.1:9190", r.ops}, r.others...)...).Replace(text)
	return serverPath.ReplaceAllString(text, "${1}"+r.dir+"${2}")
}

// prelude is what each document's shell begins with.
const prelude = `set -euo pipefail
exec </dev/null 2>&1
await_casino() { until curl -sf "http://$IMPERIO_OPS_ADDR/health/ready" >/dev/null; do kill -0 "$(cat "$PIDS/$1")"; sleep 0.05; done; }
stop_casino() { kill -TERM "$(cat "$PIDS/$1")"; wait "$(cat "$PIDS/$1")"; }
`

// follow runs the blocks in order, and compares what they print with what the document shows.
func (r *reader) follow(t *testing.T, blocks []documents.Block) {
	t.Helper()
	var script strings.Builder
	script.WriteString(prelude)
	var commands []documents.Command
	running := 0 // casinos, each in a terminal of its own
	for _, b := range blocks {
		switch {
		case b.File != "":
			if err := os.WriteFile(filepath.Join(r.dir, filepath.Base(b.File)), []byte(r.here(b.Text)), 0o644); err != nil {
				t.Fatal(err)
			}
		case b.Runs():
			if b.Casino == "stopped" {
				fmt.Fprintf(&script, "stop_casino casino%d\n", running) // the one that was started last
				running--
			}
			for _, c := range b.Commands {
				fmt.Fprintf(&script, "printf '\\001%d\\002'\n", len(commands))
				commands = append(commands, c)
				if b.Casino == "starts" {
					running++
					fmt.Fprintf(&script, "( echo $BASHPID >\"$PIDS/casino%[1]d\"; exec %[2]s ) >>\"$ROOT/casino%[1]d.log\" 2>&1 &\nawait_casino casino%[1]d\n", running, r.here(c.Text))
				} else {
					script.WriteString(r.here(c.Text) + "\n")
				}
			}
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	bash := exec.CommandContext(ctx, "bash", "-c", script.String())
	bash.Dir = r.dir
	bash.Env = append(os.Environ(), "ROOT="+r.dir, "PIDS="+filepath.Join(r.dir, ".pids"), "HOME="+r.dir,
		"PATH="+filepath.Join(r.dir, ".tools")+string(os.PathListSeparator)+os.Getenv("PATH"),
		"IMPERIO_HTTP_ADDR="+r.http, "IMPERIO_OPS_ADDR="+r.ops, "IMPERIO_BCRYPT_COST=10", "IMPERIO_PASSWORD_WAIT=5m",
		"IMPERIO_WRITE_TIMEOUT=10m", "IMPERIO_DISK_STALL_LIMIT=10m")
	var out bytes.Buffer
	bash.Stdout = &out
	err := bash.Run()
	outputs := strings.Split(out.String(), "\x01")[1:]
	for i, output := range outputs {
		_, output, _ = strings.Cut(output, "\x02")
		c := commands[i]
		if err != nil && i == len(outputs)-1 {
			logs, _ := filepath.Glob(filepath.Join(r.dir, "casino*.log"))
			for _, log := range append(logs, filepath.Join(r.dir, "journal")) {
				if text, readErr := os.ReadFile(log); readErr == nil {
					t.Logf("%s:\n%s", filepath.Base(log), text)
				}
			}
			t.Fatalf("line %d: %v\n%s\n%s", c.Line, err, c.Text, output)
		}
		if !c.Shown {
			continue
		}
		if err := documents.SameShape(c.Output, output); err != nil {
			t.Errorf("line %d: %v\n$ %s\nThe document shows:\n%s\nThe command prints:\n%s", c.Line, err, c.Text, c.Output, output)
		}
	}
	if err != nil {
		t.Fatalf("the shell: %v\n%s", err, out.String())
	}
}
