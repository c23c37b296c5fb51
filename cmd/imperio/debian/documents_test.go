package debian

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"imperio/cmd/imperio/documents"
)

// The commands of the documents that need a whole server are run on one, as root, in the directory of an unpacked release. cmd/imperio/endtoend runs the
// others. Each document has a server of its own.
func TestDocuments_TheirCommandsWorkOnAServer(t *testing.T) {
	ran := 0
	for _, pattern := range []string{"../../../*.md", "../../../docs/*.md"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			blocks, err := documents.Blocks(string(text))
			if err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			blocks = slices.DeleteFunc(blocks, func(b documents.Block) bool { return !b.RunsOnServer() })
			if len(blocks) > 0 {
				ran++
				t.Run(filepath.Base(path), func(t *testing.T) { follow(t, blocks) })
			}
		}
	}
	if ran < 1 {
		t.Errorf("no document has commands for a server: the test looks in the wrong place")
	}
}

// follow runs the blocks in order, in one shell, and compares what they print with what the document shows.
func follow(t *testing.T, blocks []documents.Block) {
	m := boot(t)
	m.put(t, build(t, "v1.0.0", nil), "/root/bin/imperio", 0o755)
	script := "set -euo pipefail\nexec </dev/null 2>&1\ncd /root\n"
	var commands []documents.Command
	for _, b := range blocks {
		for _, c := range b.Commands {
			// No authority issues certificates for .example, so that name is refused.
			script += fmt.Sprintf("printf '\\001'\n%s\n", strings.ReplaceAll(c.Text, "casino.example", "casino.example.org"))
			commands = append(commands, c)
		}
	}
	shell := m.command("bash", "-c", script)
	var out bytes.Buffer
	shell.Stdout = &out
	failed := shell.Run()
	outputs := strings.Split(out.String(), "\x01")[1:]
	for i, output := range outputs {
		c := commands[i]
		if failed != nil && i == len(outputs)-1 {
			t.Fatalf("line %d: %v\n%s\n%s", c.Line, failed, c.Text, output)
		}
		if !c.Shown {
			continue
		}
		if err := documents.SameShape(c.Output, output); err != nil {
			t.Errorf("line %d: %v\n$ %s\nThe document shows:\n%s\nThe command prints:\n%s", c.Line, err, c.Text, c.Output, output)
		}
	}
	if failed != nil && len(outputs) == 0 {
		t.Fatalf("the shell: %v\n%s", failed, out.String())
	}
}
