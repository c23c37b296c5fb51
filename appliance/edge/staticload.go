package edge

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// versionLength is how many hex digits of a hash go into addresses and ETags: 64 bits.
const versionLength = 16

// NewStatic takes assets and files by their names. Either set may be nil. A page that names a missing asset
// is an error, since players would get a broken page.
func NewStatic(assets, files map[string][]byte) (*Static, error) {
	s := &Static{files: make(map[string]*file)}
	hash := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(assets)) { // so that the version depends only on the content
		if hidden(name) {
			continue
		}
		fmt.Fprintf(hash, "%s\x00%d\x00", name, len(assets[name]))
		hash.Write(assets[name])
		s.files["/assets/"+name] = newFile(name, assets[name])
	}
	s.version = hex.EncodeToString(hash.Sum(nil))[:versionLength]
	for name, content := range files {
		path := "/" + name
		if strings.HasSuffix(name, ".html") {
			path = pagePath(path)
		}
		if strings.HasSuffix(name, ".html") || strings.HasSuffix(name, ".js") {
			var err error
			if content, err = s.rewrite(name, content); err != nil {
				return nil, err
			}
		}
		if s.files[path] != nil {
			return nil, fmt.Errorf("two files are at %s", path)
		}
		s.files[path] = newFile(name, content)
	}
	s.missing = s.files["/404"]
	delete(s.files, "/404")
	return s, nil
}

// hidden says whether a segment of a name begins with a dot.
func hidden(name string) bool { return strings.HasPrefix(name, ".") || strings.Contains(name, "/.") }

func newFile(name string, content []byte) *file {
	sum := sha256.Sum256(content)
	return &file{
		contentType: contentType(name), plain: content, page: strings.HasSuffix(name, ".html"),
		hash: hex.EncodeToString(sum[:])[:versionLength],
	}
}

// pagePath is a page's address: "/help/index.html" is "/help", "/rules.html" is "/rules".
func pagePath(name string) string {
	clean := strings.TrimSuffix(name, ".html")
	if clean == "/index" {
		return "/"
	}
	return strings.TrimSuffix(clean, "/index")
}

// assetReference matches an attribute value or a string that begins with /assets/: the opening quote and the path.
var assetReference = regexp.MustCompile(`["']/assets/([^"'?#]*)`)

// rewrite puts the version into the references to assets of a page, or of a script at an address of its own.
func (s *Static) rewrite(page string, content []byte) ([]byte, error) {
	var missing error
	out := assetReference.ReplaceAllFunc(content, func(reference []byte) []byte {
		quote, name := reference[:1], string(reference[1:])
		if !strings.HasSuffix(name, "/") && s.files[name] == nil {
			missing = fmt.Errorf("%s names %s, which does not exist", page, name)
		}
		return append(append([]byte{}, quote...), s.Base()+"/"+strings.TrimPrefix(name, "/assets/")...)
	})
	return out, missing
}
