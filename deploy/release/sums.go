package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const sumsFile = "SHA256SUMS"

// sum writes the checksums of all files, and signs them if there is a key.
func (r *release) sum(ctx context.Context, names []string) error {
	var made []entry
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(r.out, name))
		if err != nil {
			return err
		}
		made = append(made, entry{name: name, data: data})
	}
	path := filepath.Join(r.out, sumsFile)
	if err := os.WriteFile(path, sumsOf(made), 0o644); err != nil {
		return err
	}
	// A signature of other sums must not stay beside these.
	if err := os.Remove(path + ".minisig"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if r.key == "" {
		return nil
	}
	command := exec.CommandContext(ctx, "minisign", "-S", "-s", r.key, "-m", path, "-t", "imperio "+r.version)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr // it may ask for the key's password
	if err := command.Run(); err != nil {
		return fmt.Errorf("sign %s: minisign: %w", path, err)
	}
	return nil
}

// sumsOf are the checksums of files in the form that sha256sum -c reads.
func sumsOf(entries []entry) []byte {
	lines := make(map[string]string)
	for _, e := range entries {
		lines[e.name] = fmt.Sprintf("%x  %s\n", sha256.Sum256(e.data), e.name)
	}
	var sums strings.Builder
	for _, name := range slices.Sorted(maps.Keys(lines)) {
		sums.WriteString(lines[name])
	}
	return []byte(sums.String())
}

// checkKey finds out before minutes of building whether signing can work.
func (r *release) checkKey() error {
	if r.key == "" {
		return nil
	}
	if _, err := exec.LookPath("minisign"); err != nil {
		return errors.New("minisign signs the checksums, and is not installed: apt-get install minisign, or give no key")
	}
	if _, err := os.Stat(r.key); err != nil {
		return fmt.Errorf("the key to sign with: %w; `minisign -G -s FILE` makes one", err)
	}
	return nil
}
