package main

import (
	"context"
	"fmt"
	"os"
	"path"
	"runtime"
	"strings"
)

// entry is a file of an archive or a package.
type entry struct {
	name string // below the top, with slashes
	mode os.FileMode
	data []byte
}

// documents is what goes with every program, by its name in an archive: the files of the repository that people need who have
// only the program, and what the program writes itself.
func (r *release) documents(ctx context.Context) ([]entry, error) {
	var all []entry
	for _, renamed := range [][2]string{{"LICENSE", "LICENSE"}, {"cmd/imperio/notices.txt", "NOTICES"}, {"README.md", "README.md"},
		{"CHANGELOG.md", "CHANGELOG.md"}, {"SECURITY.md", "SECURITY.md"}} {
		data, err := os.ReadFile(renamed[0])
		if err != nil {
			return nil, fmt.Errorf("%w: run it in the root of the repository", err)
		}
		all = append(all, entry{renamed[1], 0o644, data})
	}
	tracked, err := output(ctx, "git", "ls-files", "-z", "--", "docs", "deploy")
	if err != nil {
		return nil, err
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(tracked), "\x00"), "\x00") {
		if forDevelopers(name) {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		mode := os.FileMode(0o644)
		if info.Mode()&0o100 != 0 { // whatever the umask was
			mode = 0o755
		}
		if name == "deploy/install.sh" {
			name = "install.sh" // it looks for the program beside it
		}
		all = append(all, entry{name, mode, data})
	}
	host, err := r.build(ctx, platform{runtime.GOOS, runtime.GOARCH})
	if err != nil {
		return nil, err
	}
	for _, written := range []struct {
		name string
		verb []string
	}{
		{"man/imperio.1", []string{"man"}},
		{"completions/imperio.bash", []string{"completion", "bash"}},
		{"completions/_imperio", []string{"completion", "zsh"}},
		{"completions/imperio.fish", []string{"completion", "fish"}},
	} {
		data, err := output(ctx, host, written.verb...)
		if err != nil {
			return nil, err
		}
		all = append(all, entry{written.name, 0o644, data})
	}
	return all, nil
}

// forDevelopers says whether a file of docs or deploy is of use only in the repository.
func forDevelopers(name string) bool {
	return path.Ext(name) == ".go" || strings.HasPrefix(name, "deploy/release/") || strings.HasPrefix(name, "deploy/deb/") ||
		strings.Contains(name, "/check/") || name == "deploy/edge-check.sh"
}
