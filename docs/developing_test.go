package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// mostFilesOfAGame is how many files a new game may need that somebody writes by hand.
const mostFilesOfAGame = 20

var (
	fileCount = regexp.MustCompile(`[Tt]hese (\w+) files`)
	fileName  = regexp.MustCompile("`([^`]+)`")
)

// DEVELOPING.md says how many files an addition needs, and lists them in the table below.
func TestDeveloping_CountsTheFilesThatItLists(t *testing.T) {
	root := moduleRoot(t)
	text, err := os.ReadFile(filepath.Join(root, "docs", "DEVELOPING.md"))
	if err != nil {
		t.Fatal(err)
	}
	counts := 0
	for _, section := range strings.Split(string(text), "\n**… ")[1:] {
		said := fileCount.FindStringSubmatch(section)
		if said == nil {
			continue
		}
		counts++
		what, _, _ := strings.Cut(section, ".**")
		table, _, _ := strings.Cut(section[strings.Index(section, "\n|"):], "\n\n")
		files := listedFiles(table)
		if len(files) != number(t, said[1]) {
			t.Errorf("%q needs %s files, but %d are listed: %q", what, said[1], len(files), files)
		}
		if what == "a game" && len(files) > mostFilesOfAGame {
			t.Errorf("a game needs %d files, more than %d", len(files), mostFilesOfAGame)
		}
		for _, file := range files {
			if _, err := os.Stat(filepath.Join(root, file)); err != nil && !strings.Contains(file, "NAME") &&
				!strings.Contains(file, "SUBJECT") && !strings.Contains(file, "RESOURCE") {
				t.Errorf("%q needs %s, which does not exist", what, file)
			}
		}
	}
	if counts < 3 {
		t.Fatalf("only %d additions say how many files they need", counts)
	}
}

// listedFiles returns the files in a table's first column. One without a directory is beside the file before it.
func listedFiles(table string) (files []string) {
	for line := range strings.Lines(table) {
		first, _, _ := strings.Cut(strings.TrimPrefix(line, "|"), "|")
		dir := ""
		for _, found := range fileName.FindAllStringSubmatch(first, -1) {
			if strings.Contains(found[1], "/") {
				dir = filepath.Dir(found[1])
			}
			files = append(files, filepath.Join(dir, filepath.Base(found[1])))
		}
	}
	return files
}

func number(t *testing.T, word string) int {
	t.Helper()
	if n, ok := map[string]int{"five": 5, "six": 6, "ten": 10}[word]; ok {
		return n
	}
	n, err := strconv.Atoi(word)
	if err != nil {
		t.Fatalf("%q is not a number that this test knows", word)
	}
	return n
}
