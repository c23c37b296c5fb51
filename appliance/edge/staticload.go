package edge

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
)

// versionLength is how many hex digits of a hash go into addresses and ETags: 64 bits.
const versionLength = 16

// NewStatic reads all assets, and takes the files by their names. Either set may be nil. A page that names a missing asset
// is an error, since players would get a broken page.
func NewStatic(assets fs.FS, files map[string][]byte) (*Static, error) {
	s := &Static{files: make(map[string]*file)}
	hash := sha256.New()
	err := eachAsset(assets, func(name string, content []byte) error {
		fmt.Fprintf(hash, "%s\x00%d\x00", name, len(content))
		hash.Write(content)
		s.files["/assets/"+name] = newFile(name, content)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the assets: %w", err)
	}
	s.version = hex.EncodeToString(hash.Sum(nil))[:versionLength]
	for name, content := range files {
		path := "/" + name
		if strings.HasSuffix(name, ".html") {
			path = pagePath(path)
		}
		if strings.HasSuffix(name, ".html") || strings.HasSuffix(name, ".js") {
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

// eachAsset calls f for each file that may be served, in lexical order, so that the version depends only on the content.
func eachAsset(files fs.FS, f func(name string, content []byte) error) error {
	if files == nil {
		return nil
	}
	return fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != "." && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !d.Type().IsRegular():
			return nil
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		return f(name, content)
	})
}

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
