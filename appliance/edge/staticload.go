package edge

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
)

// versionLength is how many hex digits of a hash stand in addresses and ETags: 64 bits.
const versionLength = 16

// NewStatic reads all files. A page that names an asset which is not there is an error: it would be broken for players.
func NewStatic(files fs.FS) (*Static, error) {
	s := &Static{files: make(map[string]*file)}
	assets := sha256.New()
	// WalkDir goes in lexical order, so the hash follows from the files alone.
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != "." && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir() || !d.Type().IsRegular():
			return nil
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if strings.HasPrefix(name, "assets/") {
			fmt.Fprintf(assets, "%s\x00%d\x00", name, len(content))
			assets.Write(content)
		}
		s.files["/"+name] = &file{contentType: contentType(name), plain: content, page: strings.HasSuffix(name, ".html")}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the pages: %w", err)
	}
	s.version = hex.EncodeToString(assets.Sum(nil))[:versionLength]
	pages := make(map[string]*file)
	for name, f := range s.files {
		if f.page {
			if f.plain, err = s.rewrite(name, f.plain); err != nil {
				return nil, err
			}
			pages[pagePath(name)] = f
		}
		sum := sha256.Sum256(f.plain)
		f.hash = hex.EncodeToString(sum[:])[:versionLength]
	}
	for name, f := range pages {
		if _, taken := s.files[name]; taken {
			return nil, fmt.Errorf("two pages are at %s", name)
		}
		s.files[name] = f
	}
	return s, nil
}

// pagePath is the address of a page without its file's name: "/help/index.html" is "/help", "/rules.html" is "/rules".
func pagePath(name string) string {
	clean := strings.TrimSuffix(name, ".html")
	if clean == "/index" {
		return "/"
	}
	return strings.TrimSuffix(clean, "/index")
}

// assetReference is an attribute's value that begins with /assets/, in its quotes: the quote and the path, and what
// may follow that, up to the other quote.
var assetReference = regexp.MustCompile(`["']/assets/([^"'?#]*)`)

// rewrite puts the version into a page's references to assets.
func (s *Static) rewrite(page string, content []byte) ([]byte, error) {
	var missing error
	out := assetReference.ReplaceAllFunc(content, func(reference []byte) []byte {
		quote, name := reference[:1], string(reference[1:])
		if !strings.HasSuffix(name, "/") && s.files[name] == nil {
			missing = fmt.Errorf("%s names %s, which is not there", page, name)
		}
		return append(append([]byte{}, quote...), "/assets/"+s.version+"/"+strings.TrimPrefix(name, "/assets/")...)
	})
	return out, missing
}
