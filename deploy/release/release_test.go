package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// made makes a release of this machine's platform in a new directory, and returns the directory.
func made(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("it builds the program")
	}
	if _, err := os.Stat("build/bin/nfpm"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("nfpm is missing: `make build/bin/nfpm` builds it")
		}
		t.Skip("nfpm is missing: `make build/bin/nfpm` builds it")
	}
	out := t.TempDir()
	// Not in this process: the race detector makes compressing slow.
	command := exec.Command("go", "run", "./deploy/release", "-version", "v1.2.3-4-gabcdef0", "-commit", "abcdef0", "-epoch", "1700000000", "-out", out, "-platforms", "linux/"+runtime.GOARCH, "-debs", "host")
	if said, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return out
}

// files reads a directory.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string][]byte)
	for _, e := range entries {
		if all[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestRelease_TheSameCommitGivesTheSameBytes(t *testing.T) {
	t.Chdir("../..")
	first, second := files(t, made(t)), files(t, made(t))
	if len(first) != 4 || len(second) != len(first) {
		t.Fatalf("%d and %d files, want an archive, its components, a package and the checksums", len(first), len(second))
	}
	for name, data := range first {
		if !bytes.Equal(data, second[name]) {
			t.Errorf("%s differs when it is made again", name)
		}
	}

	arch := platform{"linux", runtime.GOARCH}
	top := "imperio_1.2.3-4-gabcdef0_linux_" + arch.fileArch()
	deb := "imperio_1.2.3+4.gabcdef0_" + arch.debArch() + ".deb"
	content := unpack(t, first[top+".tar.gz"])
	for _, name := range []string{"imperio", "imperio.cdx.json", "install.sh", "LICENSE", "NOTICES", "README.md", "docs/OPERATIONS.md", "deploy/imperio.env.example",
		"deploy/systemd/imperio.service", "man/imperio.1", "completions/imperio.bash", "completions/_imperio", "completions/imperio.fish"} {
		if len(content[top+"/"+name]) == 0 {
			t.Errorf("the archive lacks %s", name)
		}
	}
	for name := range content {
		if strings.HasSuffix(name, ".go") {
			t.Errorf("the archive holds %s, which is of no use without the repository", name)
		}
	}
	binary := filepath.Join(t.TempDir(), "imperio")
	if err := os.WriteFile(binary, content[top+"/imperio"], 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(binary, "version").Output(); err != nil || !strings.HasPrefix(string(out), "imperio v1.2.3-4-gabcdef0\n") {
		t.Errorf("the program of the archive says %q, %v", out, err)
	}
	checkInstaller(t, content, top)
	checkSums(t, first)
	checkComponents(t, first[top+".cdx.json"], content[top+"/NOTICES"])
	checkPackage(t, first[deb])
}

// unpack reads all files of an archive.
func unpack(t *testing.T, archive []byte) map[string][]byte {
	t.Helper()
	zipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	content := make(map[string][]byte)
	for r := tar.NewReader(zipped); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return content
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Uid != 0 || header.Gid != 0 || header.Uname != "" || header.ModTime.Unix() != 1700000000 {
			t.Errorf("%s belongs to %d %q and is of %s", header.Name, header.Uid, header.Uname, header.ModTime)
		}
		if content[header.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

// checkInstaller unpacks an archive and starts its script, which must find the program right, and must find a change of it.
func checkInstaller(t *testing.T, content map[string][]byte, top string) {
	t.Helper()
	dir := t.TempDir()
	for name, data := range content {
		name, below := strings.CutPrefix(name, top+"/")
		if !below || name == "" || strings.HasSuffix(name, "/") {
			continue
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	sums := exec.Command("sha256sum", "--check", "--strict", "--quiet", sumsFile)
	sums.Dir = dir
	if out, err := sums.CombinedOutput(); err != nil {
		t.Errorf("the sums in the archive: %v\n%s", err, out)
	}
	if out, err := exec.Command("sh", filepath.Join(dir, "install.sh"), "--help").CombinedOutput(); err != nil || !strings.Contains(string(out), "Usage: imperio install") {
		t.Errorf("install.sh --help: %v\n%s", err, out)
	}
	program, err := os.OpenFile(filepath.Join(dir, "imperio"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	program.WriteString("more")
	program.Close()
	if out, err := exec.Command("sh", filepath.Join(dir, "install.sh"), "--help").CombinedOutput(); err == nil || !strings.Contains(string(out), "is not the program that SHA256SUMS names") {
		t.Errorf("a changed program is installed: %v\n%s", err, out)
	}
}

// checkSums lets the tool that operators use check the sums.
func checkSums(t *testing.T, release map[string][]byte) {
	t.Helper()
	if _, err := exec.LookPath("sha256sum"); err != nil {
		t.Skip("sha256sum is not installed")
	}
	dir := t.TempDir()
	for name, data := range release {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	check := func() error {
		command := exec.Command("sha256sum", "--check", "--strict", sumsFile)
		command.Dir = dir
		out, err := command.CombinedOutput()
		if got := strings.Count(string(out), ": OK"); err == nil && got != len(release)-1 {
			t.Errorf("%d of %d files have a sum", got, len(release)-1)
		}
		return err
	}
	if err := check(); err != nil {
		t.Error(err)
	}
	for name := range release {
		if strings.HasSuffix(name, ".tar.gz") {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("another"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if check() == nil {
		t.Error("a changed archive has the right sum")
	}
}

// checkComponents compares the list with the notices, which are made from the source, not from the program.
func checkComponents(t *testing.T, list, notices []byte) {
	t.Helper()
	var got bom
	if err := json.Unmarshal(list, &got); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range got.Components {
		if len(c.Licenses) != 1 || c.Licenses[0].Expression == "" || c.Version == "" {
			t.Errorf("%s has licences %v and version %q", c.Name, c.Licenses, c.Version)
		}
		names = append(names, c.Name+" "+c.Version)
	}
	for line := range strings.Lines(string(notices)) {
		line, listed := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "  ")
		if strings.HasPrefix(line, "====") {
			break
		}
		module := strings.Contains(line, "/") || strings.Contains(line, ".")
		if listed && module && !slices.Contains(names, line) {
			t.Errorf("the notices name %q, the list of components doesn't", line)
		}
	}
}

// checkPackage lets dpkg read the package.
func checkPackage(t *testing.T, deb []byte) {
	t.Helper()
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Log("dpkg-deb is not installed: the package is not read")
		return
	}
	path := filepath.Join(t.TempDir(), "imperio.deb")
	if err := os.WriteFile(path, deb, 0o644); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "unpacked")
	if out, err := exec.Command("dpkg-deb", "--raw-extract", path, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, want := range map[string]string{
		"DEBIAN/control":                             "Version: 1.2.3+4.gabcdef0\n",
		"DEBIAN/postinst":                            `"imperio v1.2.3-4-gabcdef0"`,
		"usr/lib/systemd/system/imperio.service":     "ExecStart=/usr/bin/imperio serve",
		"usr/share/doc/imperio/docs/BACKUP.md":       "# Backups",
		"usr/share/doc/imperio/examples/imperio.env": "#IMPERIO_DOMAIN=",
		"usr/share/doc/imperio/copyright":            "License: Apache-2.0",
		"usr/share/zsh/vendor-completions/_imperio":  "#compdef imperio",
	} {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s lacks %q (%v)", name, want, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "etc")); err == nil {
		t.Error("the package has files in /etc: dpkg would ask about them at upgrades")
	}
}

func TestRelease_OnlyWhatIsCommittedIsSigned(t *testing.T) {
	err := run(t.Context(), []string{"-version", "v1.0.0-dirty", "-epoch", "1", "-platforms", "linux/amd64", "-minisign-key", "key", "-out", t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "committed") {
		t.Errorf("changes that are not committed are signed: %v", err)
	}
}

func TestRelease_TheChecksumsAreSigned(t *testing.T) {
	if _, err := exec.LookPath("minisign"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("minisign is not installed")
		}
		t.Skip("minisign is not installed")
	}
	dir := t.TempDir()
	minisign := func(args ...string) error {
		command := exec.Command("minisign", args...)
		command.Dir = dir
		out, err := command.CombinedOutput()
		t.Logf("%s", out)
		return err
	}
	if err := minisign("-G", "-W", "-p", "imperio.pub", "-s", "imperio.key"); err != nil {
		t.Fatal(err)
	}
	r := &release{version: "v1.0.0", out: dir, key: filepath.Join(dir, "imperio.key")}
	if err := os.WriteFile(filepath.Join(dir, "imperio.deb"), []byte("a package"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.checkKey(), r.sum(t.Context(), []string{"imperio.deb"})); err != nil {
		t.Fatal(err)
	}
	if err := minisign("-V", "-p", "imperio.pub", "-m", sumsFile); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "imperio.deb"), []byte("another"), 0o644); err != nil {
		t.Fatal(err)
	}
	r.key = ""
	if err := r.sum(t.Context(), []string{"imperio.deb"}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, sumsFile+".minisig")); err == nil {
		t.Error("the signature of other sums is left beside these")
	}
	r.key = filepath.Join(dir, "missing")
	if err := r.checkKey(); err == nil {
		t.Error("a missing key is found only after building")
	}
}

func TestArchive_DependsOnlyOnTheFiles(t *testing.T) {
	entries := []entry{{"b/c", 0o644, []byte("c")}, {"a", 0o755, []byte("a")}, {"b/a", 0o644, nil}}
	var first, second bytes.Buffer
	if err := writeArchive(&first, "top", entries, time.Unix(1700000000, 0)); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(entries)
	if err := writeArchive(&second, "top", entries, time.Unix(1700000000, 0)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the order of the files changes the archive")
	}
	if got := unpack(t, first.Bytes()); string(got["top/b/c"]) != "c" || len(got) != 5 {
		t.Errorf("the archive holds %q", got)
	}
}

func TestVersion_IsInDebiansOrder(t *testing.T) {
	at := time.Date(2026, 11, 29, 22, 0, 0, 0, time.UTC)
	versions := []struct{ described, deb string }{ // from old to new
		{"ac305df", "0.0.0+20261129220000.ac305df"},
		{"ac305df-dirty", "0.0.0+20261129220000.ac305df.dirty"},
		{"v1.2.0-rc.1", "1.2.0~rc.1"},
		{"v1.2.0-rc.1-3-gabcdef0", "1.2.0~rc.1+3.gabcdef0"},
		{"v1.2.0", "1.2.0"},
		{"v1.2.0-3-gabcdef0", "1.2.0+3.gabcdef0"},
		{"v1.2.0-3-gabcdef0-dirty", "1.2.0+3.gabcdef0.dirty"},
		{"v1.2.0-10-g0bcdef0", "1.2.0+10.g0bcdef0"},
		{"v1.2.0-dirty", "1.2.0+dirty"},
		{"v1.10.0", "1.10.0"},
	}
	for _, v := range versions {
		if got := debVersion(v.described, at); got != v.deb {
			t.Errorf("%s becomes %s, want %s", v.described, got, v.deb)
		}
	}
	if _, err := exec.LookPath("dpkg"); err != nil {
		t.Skip("dpkg is not installed: the order is not checked")
	}
	for i := range versions[1:] {
		older, newer := versions[i].deb, versions[i+1].deb
		if strings.Contains(newer, "+dirty") {
			continue // of a tag with changes, only that it is newer than the tag matters
		}
		if err := exec.Command("dpkg", "--compare-versions", older, "lt", newer).Run(); err != nil {
			t.Errorf("dpkg does not find %s older than %s", older, newer)
		}
	}
}

func TestComponents_AnUnknownLicenceIsAnError(t *testing.T) {
	dir := t.TempDir()
	if _, err := licence(dir); err == nil {
		t.Error("a module without a licence file has a licence")
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("LICENSE", "You may look at it, but not use it.")
	if got, err := licence(dir); err == nil {
		t.Errorf("an unknown licence is %q", got)
	}
	write("LICENSE", "Permission is hereby granted, free of charge,\n to any person obtaining a copy of this software")
	write("LICENSE-bsd", "Redistribution and use in source and binary forms, with or without modification")
	if got, err := licence(dir); err != nil || got != "BSD-2-Clause AND MIT" {
		t.Errorf("two licences are %q, %v", got, err)
	}
}
