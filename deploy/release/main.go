// Command release makes what people install: archives, Debian packages, lists of what is in the programs, and checksums. `make
// release` and `make deb` run it in the repository. The same commit and the same Go give the same bytes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

// release is what is made, and from what.
type release struct {
	version  string    // of the programs, as git describe says it
	commit   string    // full hash
	time     time.Time // of the commit: all files have it
	archives []platform
	debs     []platform
	out      string // the directory for the files
	nfpm     string // the program that makes packages
	key      string // minisign's secret key; "" for no signature
	work     string // a directory for the time of making, removed then
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	r := &release{}
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	platforms := flags.String("platforms", "", "platforms to make archives for, such as \"linux/amd64 linux/arm64\"")
	debs := flags.String("debs", "", "Debian architectures to make packages for, such as \"amd64 armhf\"; host: this machine's")
	epoch := flags.Int64("epoch", 0, "the commit's time, in seconds since 1970")
	flags.StringVar(&r.version, "version", "", "the programs' version, as git describe says it")
	flags.StringVar(&r.commit, "commit", "unknown", "the commit")
	flags.StringVar(&r.out, "out", "build/release", "directory for the files")
	flags.StringVar(&r.nfpm, "nfpm", "build/bin/nfpm", "nfpm, which makes packages")
	flags.StringVar(&r.key, "minisign-key", "", "file with minisign's secret key, to sign SHA256SUMS with")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if r.version == "" || *epoch == 0 {
		return errors.New("-version and -epoch are needed: `make release` gives them")
	}
	r.time = time.Unix(*epoch, 0).UTC()
	for name := range strings.FieldsSeq(*platforms) {
		p, err := parsePlatform(name)
		if err != nil {
			return err
		}
		r.archives = append(r.archives, p)
	}
	for arch := range strings.FieldsSeq(*debs) {
		p, err := debPlatform(arch)
		if err != nil {
			return err
		}
		r.debs = append(r.debs, p)
	}
	if len(r.archives)+len(r.debs) == 0 {
		return errors.New("nothing to make: give -platforms or -debs")
	}
	return r.make(ctx)
}

// make makes all files. Files that an earlier run left under the same names are replaced.
func (r *release) make(ctx context.Context) error {
	if strings.HasSuffix(r.version, "-dirty") {
		if r.key != "" {
			return fmt.Errorf("%s is signed only when everything is committed: nobody could make these files again", r.version)
		}
		fmt.Println("There are changes that are not committed. These files are for trying out: nobody could make them again.")
	}
	if err := r.checkKey(); err != nil {
		return err
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "imperio-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	r.work = work

	before, err := source(ctx)
	if err != nil {
		return err
	}
	documents, err := r.documents(ctx)
	if err != nil {
		return err
	}
	var made []string
	for _, p := range r.archives {
		names, err := r.makeArchive(ctx, p, documents)
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		made = append(made, names...)
	}
	for _, p := range r.debs {
		name, err := r.makeDeb(ctx, p, documents)
		if err != nil {
			return fmt.Errorf("package for %s: %w", p.debArch(), err)
		}
		made = append(made, name)
	}
	if after, err := source(ctx); err != nil || after != before {
		return errors.Join(errors.New("the repository changed while this was built, so the files don't belong together: make them again"), err)
	}
	if len(r.archives) > 0 { // a package alone is no release
		if err := r.sum(ctx, made); err != nil {
			return err
		}
	}
	for _, name := range made {
		fmt.Println(filepath.Join(r.out, name))
	}
	return nil
}

// source is the state of the repository: the commit, and what differs from it.
func source(ctx context.Context) (string, error) {
	commit, err := output(ctx, "git", "rev-parse", "HEAD")
	if err != nil {
		return "", err
	}
	changes, err := output(ctx, "git", "diff", "HEAD")
	return string(commit) + string(changes), err
}
