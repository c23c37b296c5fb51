package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"imperio/games/catalogue"
)

// version and commit are set by the Makefile (-ldflags -X). A plain go build leaves them empty.
var version, commit string

type versionCommand struct{}

// Run prints what this program is.
func (c *versionCommand) Run(env *environment) error {
	build := thisBuild()
	rules := catalogue.Released().Rules()
	_, err := fmt.Fprintf(env.Stdout, "imperio %s\ncommit  %s\ngo      %s %s/%s\nrules   %s\n",
		build.version, build.commit, runtime.Version(), runtime.GOOS, runtime.GOARCH, strings.Join(rules, " "))
	return err
}

// buildIdentity is the version and commit of a binary.
type buildIdentity struct {
	version string // e.g. "v1.2.0", or "devel"
	commit  string // full hash, or "unknown"
}

// thisBuild is what the Makefile set, else what the Go tool recorded.
func thisBuild() buildIdentity {
	build := buildIdentity{version, commit}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	if build.version == "" {
		build.version = "devel"
		if v := info.Main.Version; v != "" && v != "(devel)" {
			build.version = v
		}
	}
	if build.commit == "" {
		build.commit = "unknown"
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				build.commit = setting.Value
			}
		}
	}
	return build
}
