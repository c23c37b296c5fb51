package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// platform is a system and a processor, as Go names them.
type platform struct{ os, arch string }

func (p platform) String() string { return p.os + "/" + p.arch }

// parsePlatform reads a platform such as "linux/arm64".
func parsePlatform(name string) (platform, error) {
	system, arch, ok := strings.Cut(name, "/")
	if !ok || system == "" || arch == "" {
		return platform{}, fmt.Errorf("%q is no platform: give a system and a processor, such as linux/arm64", name)
	}
	return platform{system, arch}, nil
}

// fileArch is the processor in the names of files. Go's "arm" is many processors; these programs need version 7 of it.
func (p platform) fileArch() string {
	if p.arch == "arm" {
		return "armv7"
	}
	return p.arch
}

// debArchs are Debian's names of the processors that it shares with Imperio.
var debArchs = map[string]string{"amd64": "amd64", "arm64": "arm64", "armhf": "arm"}

// debPlatform is the platform of a Debian architecture; "host" is this machine's.
func debPlatform(arch string) (platform, error) {
	if arch == "host" {
		arch = platform{"linux", runtime.GOARCH}.debArch()
	}
	goarch, ok := debArchs[arch]
	if !ok {
		return platform{}, fmt.Errorf("no package for the architecture %q: give amd64, arm64 or armhf", arch)
	}
	return platform{"linux", goarch}, nil
}

func (p platform) debArch() string {
	for deb, arch := range debArchs {
		if arch == p.arch {
			return deb
		}
	}
	return p.arch
}

// build builds the program for a platform, and returns its path. The bytes depend only on the source, on Go, and on the version.
func (r *release) build(ctx context.Context, p platform) (string, error) {
	path := filepath.Join(r.work, "bin", p.os+"_"+p.arch, "imperio")
	if _, err := os.Stat(path); err == nil {
		return path, nil // the archive and the package hold the same program
	}
	fmt.Printf("go build for %s\n", p)
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -X main.version="+r.version+" -X main.commit="+r.commit, "-o", path, "./cmd/imperio")
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.os, "GOARCH="+p.arch, "GOARM=7", "GOAMD64=v1", "GOARM64=v8.0")
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
}

// output is what a program prints.
func output(ctx context.Context, name string, args ...string) ([]byte, error) {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		err = fmt.Errorf("%s %s: %w", filepath.Base(name), strings.Join(args, " "), err)
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			err = fmt.Errorf("%w\n%s", err, exit.Stderr)
		}
		return nil, err
	}
	return out, nil
}
