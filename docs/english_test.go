package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// longestSentence is the largest number of words in a sentence.
const longestSentence = 30

// plain are the documents whose sentences are counted: those for users and operators.
var plain = []string{
	"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "docs/BACKUP.md", "docs/BOTS.md", "docs/CLUSTER.md", "docs/DEPLOYMENT.md", "docs/IMPORT.md", "docs/TROUBLESHOOTING.md", "docs/MONITORING.md",
	"docs/NOTIFICATIONS.md", "docs/OPERATIONS.md", "docs/PRIVACY.md", "docs/PROXIES.md", "docs/SECURITY.md", "docs/TLS.md",
}

func TestDocuments_HaveShortSentences(t *testing.T) {
	for _, path := range plain {
		text, err := os.ReadFile(filepath.Join(moduleRoot(t), path))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range sentences(string(text)) {
			if n := len(strings.Fields(s)); n > longestSentence {
				t.Errorf("%s: a sentence of %d words: %s", path, n, s)
			}
		}
	}
}

var (
	fenced      = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	commented   = regexp.MustCompile(`(?s)<!--.*?-->`)
	inlineCode  = regexp.MustCompile("`[^`]*`")
	address     = regexp.MustCompile(`\]\([^)]*\)`)
	startOfPart = regexp.MustCompile(`^ *([-*|#>]|\d+\.) ?`)
	sentenceEnd = regexp.MustCompile(`[.!?:;][)"*]*(?:\s+|$)| \| | · |\|$`)
)

// sentences splits a document. Cells of tables, items of lists and headings are sentences of their own; so is what a colon or a
// semicolon ends. Code counts as one word.
func sentences(text string) (all []string) {
	for _, drop := range []*regexp.Regexp{fenced, commented} {
		text = drop.ReplaceAllString(text, "")
	}
	text = address.ReplaceAllString(inlineCode.ReplaceAllString(text, "code"), "]")
	part := ""
	flush := func() {
		for _, s := range sentenceEnd.Split(part, -1) {
			if s = strings.TrimSpace(s); s != "" {
				all = append(all, s)
			}
		}
		part = ""
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || startOfPart.MatchString(line) {
			flush()
		}
		part += line + " "
	}
	flush()
	return all
}

func TestSentences_AreFound(t *testing.T) {
	text := "# Heading\n\nOne `two three`, four.\nFive\nsix: seven\n\n| a | b c. D |\n|---|---|\n- item\n- [link](to/there.md) two\n\n```sh\ncode. code\n```\n"
	want := []string{"# Heading", "One code, four", "Five six", "seven", "| a", "b c", "D", "|---|---|", "- item", "- [link] two"}
	if got := sentences(text); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q", got)
	}
}
