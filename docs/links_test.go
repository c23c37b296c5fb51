package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// link is a link or a picture in Markdown; the part after # names a heading of the document.
var link = regexp.MustCompile(`\]\(([^)#\s]*)(#[^)\s]*)?\)`)

func TestDocuments_LinksLeadSomewhere(t *testing.T) {
	root, links := moduleRoot(t), 0
	eachFile(t, ".md", func(path string, content []byte) {
		for _, found := range link.FindAllStringSubmatch(string(content), -1) {
			target, heading := found[1], strings.TrimPrefix(found[2], "#")
			if strings.Contains(target, "://") {
				continue
			}
			links++
			to := filepath.Join(root, path)
			if target != "" {
				to = filepath.Join(filepath.Dir(to), target)
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s links to %s, which does not exist", path, target)
				continue
			}
			if heading != "" && !hasHeading(t, to, heading) {
				t.Errorf("%s links to %s#%s, which has no such heading", path, target, heading)
			}
		}
	})
	if links == 0 {
		t.Fatal("no links: the test looks in the wrong place")
	}
}

// hasHeading says whether a document has the heading that a link names. Viewers of Markdown name headings in lower
// case, with hyphens for spaces, and drop everything but letters, digits, hyphens and underscores.
func hasHeading(t *testing.T, document, name string) bool {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	drop := regexp.MustCompile(`[^\p{L}\p{N}\-_ ]`)
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			continue
		}
		heading := strings.TrimSpace(strings.TrimLeft(line, "#"))
		if strings.ReplaceAll(drop.ReplaceAllString(strings.ToLower(heading), ""), " ", "-") == name {
			return true
		}
	}
	return false
}
