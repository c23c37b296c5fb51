package check

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience bounds every wait. No test waits until it is over.
const patience = 3 * time.Minute

// program is the path of the program that the environment names.
func program(t *testing.T) string {
	t.Helper()
	path := os.Getenv("IMPERIO")
	if path == "" {
		t.Fatal("IMPERIO must name the program: run `make recipes`")
	}
	return path
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// replaced is a text with a fault, which must be found.
func replaced(t *testing.T, text []byte, old, by string) []byte {
	t.Helper()
	if !bytes.Contains(text, []byte(old)) {
		t.Fatalf("the text lacks %q: the test changes nothing", old)
	}
	return bytes.Replace(text, []byte(old), []byte(by), 1)
}

// configured asks the program whether it would start with an environment.
func configured(t *testing.T, environ map[string]string) (string, error) {
	t.Helper()
	command := exec.Command(program(t), "config")
	command.Env = []string{"IMPERIO_DATA_DIR=" + filepath.Join(t.TempDir(), "casino")}
	for name, value := range environ {
		// No authority gives certificates for names of examples, which Imperio knows.
		value = strings.ReplaceAll(value, "casino.example", "casino.name")
		command.Env = append(command.Env, name+"="+value)
	}
	out, err := command.CombinedOutput()
	return string(out), err
}
