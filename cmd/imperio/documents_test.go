package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

var (
	codeSpan = regexp.MustCompile("`([^`\n]+)`")
	// invocation is the program's name at the start of a command, perhaps behind another program that runs it.
	invocation = regexp.MustCompile(`^(?:\$ )?(?:(?:sudo|runuser) -u \S+ (?:-- )?|timeout \d+ |docker exec (?:-it )?\S+ |until |[A-Z_]+=\S* )*(?:\./bin/|/usr/local/bin/|/)?imperio (.*)$`)
	// between commands of a line. Quoted text has none of these in the documents.
	separator  = regexp.MustCompile(`\s(?:\||>>?|2>|&&|;|#)(?:\s|[&/]|$)|;\s`)
	flagOnly   = regexp.MustCompile(`^--([a-z][a-z0-9-]*)`)
	shellFence = regexp.MustCompile("(?ms)^ *```(?:sh|console)[^\n]*\n(.*?)^ *```$")
	anyFence   = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
)

// notYet are the beginnings of commands that the documents name, but this version lacks. README says so.
var notYet = []string{}

// Every command line of the program in the documents parses, and so every verb and flag that they name exists.
func TestDocuments_NameVerbsAndFlagsThatExist(t *testing.T) {
	parser, err := newParser(&environment{Stdout: io.Discard, Stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	flags := make(map[string]bool)
	allFlags(parser.Model.Node, flags)
	commands := 0
	for _, path := range documentPaths(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, found := range shellFence.FindAllSubmatch(text, -1) {
			lines = append(lines, strings.Split(strings.ReplaceAll(string(found[1]), "\\\n", " "), "\n")...)
		}
		for _, found := range codeSpan.FindAllSubmatch(anyFence.ReplaceAll(text, nil), -1) {
			lines = append(lines, string(found[1]))
			if flag := flagOnly.FindStringSubmatch(string(found[1])); flag != nil && !flags[flag[1]] && filepath.Base(path) != "PERFORMANCE.md" {
				t.Errorf("%s: there is no flag --%s", path, flag[1])
			}
		}
		for _, line := range lines {
			for _, part := range separator.Split(line, -1) {
				found := invocation.FindStringSubmatch(strings.TrimSpace(part))
				if found == nil || strings.Contains(found[1], "…") {
					continue
				}
				commands++
				args := shellWords(found[1])
				for i, word := range args {
					if strings.HasPrefix(word, "$") {
						args[i] = "1" // a variable of the shell, which may stand for a number
					}
				}
				if names(parser.Model.Node, args) || args[0] == "help" || slices.ContainsFunc(notYet, func(b string) bool { return strings.HasPrefix(found[1], b) }) {
					continue
				}
				if _, err := parser.Parse(numbersLast(helpLast(args))); err != nil && !errors.Is(err, errAnswered) {
					t.Errorf("%s: imperio %q: %v", path, args, err)
				}
			}
		}
	}
	if commands < 60 {
		t.Errorf("only %d commands were found: the test looks in the wrong place", commands)
	}
}

// names says whether words are just the name of a verb, or of a part of one, as a text mentions it.
func names(node *kong.Node, words []string) bool {
	if len(words) == 0 {
		return true
	}
	for _, child := range node.Children {
		if child.Name == words[0] {
			return names(child, words[1:])
		}
	}
	return false
}

// documentPaths are the documents for users and operators.
func documentPaths(t *testing.T) (paths []string) {
	t.Helper()
	for _, pattern := range []string{"../../*.md", "../../docs/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, found...)
	}
	return paths
}

func allFlags(node *kong.Node, into map[string]bool) {
	for _, flag := range node.Flags {
		into[flag.Name] = true
		into["no-"+flag.Name] = true
	}
	for _, child := range node.Children {
		allFlags(child, into)
	}
}
