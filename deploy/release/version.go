package main

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// described is what git describe --tags --always --dirty prints: a tag, how many commits came after it, and the commit.
var described = regexp.MustCompile(`^v?(\d+\.\d+\.\d+)(?:-([0-9A-Za-z.]+?))??(?:-(\d+)-g([0-9a-f]+))?(-dirty)?$`)

// debVersion is a program's version in Debian's order: a pre-release is older than its release, and commits after it are newer.
// Before the first tag, the commit's time orders them.
func debVersion(version string, at time.Time) string {
	if found := described.FindStringSubmatch(version); found != nil {
		deb := found[1]
		if found[2] != "" {
			deb += "~" + found[2]
		}
		var after []string
		if found[3] != "" {
			after = append(after, found[3]+".g"+found[4])
		}
		if found[5] != "" {
			after = append(after, "dirty")
		}
		if len(after) > 0 {
			deb += "+" + strings.Join(after, ".")
		}
		return deb
	}
	rest := regexp.MustCompile(`[^0-9A-Za-z.+~]+`).ReplaceAllString(version, ".")
	return fmt.Sprintf("0.0.0+%s.%s", at.UTC().Format("20060102150405"), rest)
}
