package upgrade

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"debug/buildinfo"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"aead.dev/minisign"
	"golang.org/x/mod/semver"
)

// programPath is how a build of this program calls itself.
const programPath = "imperio/cmd/imperio"

// versionPatience is how long a program may take to print its version.
const versionPatience = 30 * time.Second

// checkProgram refuses a file that is not a whole build of this program for this machine. It runs nothing.
func checkProgram(path, name string) error {
	f, err := elf.Open(path)
	if err == nil {
		err = checkELF(f, path, name)
		err = errors.Join(err, f.Close())
		if err != nil {
			return err
		}
	} else if runtime.GOOS != "darwin" {
		return fmt.Errorf("%s is not a whole program for %s: %w. Download it again, and unpack it", name, runtime.GOOS, err)
	}
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%s is not an imperio, or not a whole one: download it again, and unpack it", name)
	}
	if info.Path != programPath {
		return fmt.Errorf("%s is not an imperio: it is a build of %s", name, info.Path)
	}
	if system, arch := setting(info, "GOOS"), setting(info, "GOARCH"); system != runtime.GOOS || arch != runtime.GOARCH {
		return wrongMachine(name, system+"/"+arch)
	}
	return nil
}

func wrongMachine(name, is string) error {
	return fmt.Errorf("%s is for %s, and this machine is %s/%s: take the build for this one", name, is, runtime.GOOS, runtime.GOARCH)
}

func setting(info *debug.BuildInfo, name string) string {
	for _, s := range info.Settings {
		if s.Key == name {
			return s.Value
		}
	}
	return "unknown"
}

// checkELF compares the file's machine with this program's own, and refuses a file that ends too early.
func checkELF(f *elf.File, path, name string) error {
	if own, err := os.Executable(); err == nil {
		if self, err := elf.Open(own); err == nil {
			same := self.Machine == f.Machine && self.Class == f.Class && self.Data == f.Data
			self.Close()
			if !same {
				return wrongMachine(name, strings.ToLower(strings.TrimPrefix(f.Machine.String(), "EM_")))
			}
		}
	}
	fi, err := os.Stat(path)
	if err != nil {
		return err
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Off+p.Filesz > uint64(fi.Size()) {
			return fmt.Errorf("%s is cut off: it has %d bytes, and needs at least %d. Download it again", name, fi.Size(), p.Off+p.Filesz)
		}
	}
	return nil
}

// checkOrigin checks that a program is what its checksum and its signature say. The signature is of the list of checksums if
// there is one, else of the program. The list may belong to anybody, so it is read once.
func checkOrigin(o *Options, program, sum string) error {
	want, from, signed, name := o.SHA256, "--sha256", []byte(nil), o.Binary
	var err error
	if o.Checksums != "" {
		from, name = o.Checksums, o.Checksums
		if signed, err = os.ReadFile(o.Checksums); err != nil {
			return fmt.Errorf("read the checksums: %w", err)
		}
		if want = listedSum(signed, filepath.Base(o.Binary)); want == "" {
			return fmt.Errorf("%s lists no file %s. Keep the name that the file had, or give its checksum with --sha256", o.Checksums, filepath.Base(o.Binary))
		}
	}
	if err := checkSum(o.Binary, from, strings.ToLower(strings.TrimSpace(want)), sum); err != nil {
		return err
	}
	switch {
	case o.Signature == "" && o.PublicKey == "":
		return nil
	case o.Signature == "":
		return errors.New("--public-key goes with --signature: name the signature, a file that ends in .minisig")
	case o.PublicKey == "":
		return errors.New("--signature needs --public-key: the key of whoever made this version, or a file with it")
	}
	key, err := publicKey(o.PublicKey)
	if err != nil {
		return err
	}
	signature, err := os.ReadFile(o.Signature)
	if err != nil {
		return fmt.Errorf("read the signature: %w", err)
	}
	if o.Checksums == "" {
		if signed, err = os.ReadFile(program); err != nil {
			return err
		}
	}
	if !minisign.Verify(key, signed, signature) {
		return fmt.Errorf("the signature %s is not of %s by this key. Don't use this file, unless you know why", o.Signature, name)
	}
	return nil
}

// checkSum compares a program's SHA-256 with what it should be; "": anything.
func checkSum(name, from, want, sum string) error {
	switch {
	case want == "":
		return nil
	case len(want) != hex.EncodedLen(32):
		return fmt.Errorf("%s: %q is not a SHA-256: it has 64 hexadecimal digits", from, want)
	case want != sum:
		return fmt.Errorf("%s is not what %s says: its SHA-256 is %s instead of %s. Download it again, and trust neither until they agree", name, from, sum, want)
	}
	return nil
}

// listedSum is the checksum of a file in a list as sha256sum writes it; "" if it is not there.
func listedSum(list []byte, name string) string {
	for lines := bufio.NewScanner(bytes.NewReader(list)); lines.Scan(); {
		sum, file, found := strings.Cut(lines.Text(), " ")
		if found && filepath.Base(strings.TrimLeft(file, " *")) == name {
			return sum
		}
	}
	return ""
}

// publicKey reads a key, or a file that holds one.
func publicKey(text string) (key minisign.PublicKey, err error) {
	if err = key.UnmarshalText([]byte(text)); err == nil {
		return key, nil
	}
	if key, err = minisign.PublicKeyFromFile(text); err != nil {
		return key, fmt.Errorf("--public-key: %q is neither a minisign key (RW…) nor a file with one", text)
	}
	return key, nil
}

// versionOf runs a program to ask for its version.
func versionOf(ctx context.Context, run runner, program string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, versionPatience)
	defer cancel()
	var v struct {
		Version string `json:"version"`
	}
	out, err := run.output(ctx, program, "version", "--json")
	if err == nil {
		err = json.Unmarshal(out, &v)
	}
	if err == nil && v.Version == "" {
		err = errors.New("it prints no version")
	}
	if err != nil {
		return "", fmt.Errorf("ask %s for its version: %w", program, err)
	}
	return v.Version, nil
}

// runner runs programs with no more rights than the casino has.
type runner struct {
	owner fs.FileInfo // the data directory: programs run as its owner if this process is root
}

// output runs a program and returns what it prints. Its error has what the program said.
func (r runner) output(ctx context.Context, program string, args ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, program, args...)
	c.Dir, c.Env, c.WaitDelay = "/", []string{"PATH=/usr/bin:/bin", "GOMAXPROCS=1"}, time.Second // the other processors are the players'
	c.SysProcAttr = credentialOf(r.owner)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("it did not end in time: %w", ctx.Err())
		}
		if said := lastLines(stderr.String(), 5); said != "" {
			err = fmt.Errorf("%w: %s", err, said)
		}
	}
	return stdout.Bytes(), err
}

// lastLines are the last lines of a text.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// described is a version that git describes by the tag before it: v1.2.0-5-g0abc123, the fifth commit after v1.2.0.
var described = regexp.MustCompile(`^(.*)-(\d+)-g[0-9a-f]+$`)

// compareVersions compares two versions; known is false if they have no order.
func compareVersions(a, b string) (order int, known bool) {
	a, after := afterTag(a)
	b, afterB := afterTag(b)
	if !semver.IsValid(a) || !semver.IsValid(b) {
		return 0, false
	}
	return cmp.Or(semver.Compare(a, b), cmp.Compare(after, afterB)), true
}

// afterTag splits a version into that of the tag, and the number of commits after it.
func afterTag(v string) (tag string, after int) {
	v = strings.TrimSuffix(v, "-dirty")
	if m := described.FindStringSubmatch(v); m != nil {
		v = m[1]
		after, _ = strconv.Atoi(m[2]) // it is digits
	}
	if !strings.HasPrefix(v, "v") {
		v = "v" + v
	}
	return v, after
}
