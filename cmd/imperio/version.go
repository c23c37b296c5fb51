package main

import (
	_ "embed" // for the notices
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"imperio/games/catalogue"
)

// version and commit are set by the Makefile (-ldflags -X). A plain go build leaves them empty.
var version, commit string

// notices are the licences of everything compiled in. 'make notices' writes the file.
//
//go:embed notices.txt
var notices string

type versionCommand struct {
	jsonFlag `embed:""`
	Notices  bool `help:"Print the licences of the libraries and fonts in the program instead."`
}

// Help explains the verb.
func (versionCommand) Help() string {
	return `The rules are those of all games that this program can play and prove.

Examples:

  imperio version
  imperio version --json
  imperio version --notices`
}

// Run prints the version, or the licences.
func (c *versionCommand) Run(env *environment) error {
	if c.Notices {
		_, err := io.WriteString(env.Stdout, notices)
		return err
	}
	build := thisBuild()
	rules := catalogue.Released().Rules()
	if c.JSON {
		return env.printJSON(struct {
			Version string   `json:"version"`
			Commit  string   `json:"commit"`
			Go      string   `json:"go"`
			OS      string   `json:"os"`
			Arch    string   `json:"arch"`
			Rules   []string `json:"rules"`
		}{build.version, build.commit, runtime.Version(), runtime.GOOS, runtime.GOARCH, rules})
	}
	_, err := fmt.Fprintf(env.Stdout, "imperio %s\ncommit  %s\ngo      %s %s/%s\nrules   %s\n",
		build.version, build.commit, runtime.Version(), runtime.GOOS, runtime.GOARCH, strings.Join(rules, " "))
	return err
}

// buildIdentity is the version and commit of a binary.
type buildIdentity struct {
	version string // e.g. "v1.2.0", or "devel"
	commit  string // full hash, or "unknown"
}

// thisBuild is what the Makefile set, or else what the Go tool recorded.
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
