//go:build ignore

// gencommon writes common.bin: hashes of the commonest passwords that are long enough to be chosen here. The list is that of
// zxcvbn, sorted by frequency. 'go generate' fetches the module in this version, and the module's checksum vouches for it.
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	module = "github.com/trustelem/zxcvbn@v1.0.1"
	sum    = "h1:mp4JFtzdDYGj9WYSD3KQSkwwUumWNFzXaAjckaTYpsc="
	most   = 5000 // passwords that are kept
	short  = 8    // characters; see MinPasswordLength
	size   = 4    // bytes of each hash; see commonSize
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gencommon:", err)
		os.Exit(1)
	}
}

func run() error {
	out, err := exec.Command("go", "mod", "download", "-json", module).Output()
	if err != nil {
		return fmt.Errorf("download %s: %w", module, err)
	}
	var got struct{ Dir, Sum string }
	if err := json.Unmarshal(out, &got); err != nil {
		return fmt.Errorf("download %s: %w", module, err)
	}
	if got.Sum != sum {
		return fmt.Errorf("%s has the checksum %s, not %s", module, got.Sum, sum)
	}
	list, err := os.ReadFile(filepath.Join(got.Dir, "data", "passwords.txt"))
	if err != nil {
		return err
	}
	seen := make(map[[size]byte]bool)
	for lines := bufio.NewScanner(bytes.NewReader(list)); len(seen) < most && lines.Scan(); {
		password, _, _ := strings.Cut(lines.Text(), " ")
		if password = strings.ToLower(password); utf8.RuneCountInString(password) >= short {
			hash := sha256.Sum256([]byte(password))
			seen[[size]byte(hash[:size])] = true
		}
	}
	if len(seen) < most {
		return fmt.Errorf("the list has only %d passwords of %d characters", len(seen), short)
	}
	hashes := make([][]byte, 0, most)
	for hash := range seen {
		hashes = append(hashes, hash[:])
	}
	slices.SortFunc(hashes, bytes.Compare)
	return os.WriteFile("common.bin", bytes.Join(hashes, nil), 0o644)
}
