package backup

import (
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxObjectName is how long a name may be, in bytes. S3 allows 1,024 with the prefix.
const maxObjectName = 700

// checkObjectName says what is wrong with an object's name. Names must mean the same in a directory and in S3: they are
// relative, and have no empty, dotted or invisible parts.
func checkObjectName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("an object needs a name")
	case len(name) > maxObjectName:
		return fmt.Errorf("object name of %d bytes: at most %d are allowed", len(name), maxObjectName)
	case !utf8.ValidString(name):
		return fmt.Errorf("object name %q is not UTF-8", name)
	case strings.ContainsFunc(name, func(r rune) bool { return r == '\\' || !unicode.IsPrint(r) }):
		return fmt.Errorf("object name %q has a backslash or an invisible character", name)
	case strings.HasSuffix(name, unfinished):
		return fmt.Errorf("object name %q ends like a file that is being written", name)
	case path.IsAbs(name) || path.Clean(name) != name || name == "." || name == ".." || strings.HasPrefix(name, "../"):
		return fmt.Errorf("object name %q is not a clean relative path", name)
	}
	return nil
}
