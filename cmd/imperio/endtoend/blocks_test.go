package endtoend

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// block is a fenced block of a document, or a comment "<!-- setup", whose commands are run but not shown. docs/DEVELOPING.md
// describes the attributes.
type block struct {
	line     int
	language string
	text     string
	commands []command // of sh and console
	skip     string    // why it can't be run here
	varies   string    // why its output is not compared
	casino   string    // "starts": it runs in a terminal of its own; "stopped": the reader has stopped that before
	file     string    // the name that the reader saves it under
}

// command is one command of a block, with the output that the document shows.
type command struct {
	line   int
	text   string
	output string
	shown  bool // the output is to be compared
}

func (b *block) isShell() bool { return b.language == "sh" || b.language == "console" }
func (b *block) runs() bool    { return b.isShell() && b.skip == "" }

func anyRuns(blocks []block) bool {
	return slices.ContainsFunc(blocks, func(b block) bool { return b.runs() })
}

var (
	fence     = regexp.MustCompile("^ *```([a-z]*)(.*)$")
	attribute = regexp.MustCompile(`^\s+([a-z]+)="([^"]+)"`)
	// An indented block would escape the test.
	indented = regexp.MustCompile(`^(?: {4}|\t)(?:\$ |(?:sudo |\./bin/)?(?:imperio|make|curl|go|systemctl|apt-get) )`)
)

// blocksOf are the blocks of a document, in order.
func blocksOf(text string) ([]block, error) {
	var blocks []block
	var mistakes []error
	var open *block
	comment := false
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\n")
		found := fence.FindStringSubmatch(line)
		switch {
		case open == nil && line == "<!-- setup":
			open, comment = &block{line: number, language: "sh"}, true
		case open == nil && found != nil:
			open = &block{line: number, language: found[1]}
			if err := open.describe(found[2]); err != nil {
				mistakes = append(mistakes, fmt.Errorf("line %d: %w", number, err))
			}
		case open == nil && indented.MatchString(line):
			mistakes = append(mistakes, fmt.Errorf("line %d: commands belong between fences: %s", number, line))
		case open != nil && (comment && line == "-->" || !comment && found != nil):
			if open.isShell() {
				open.split()
			}
			blocks = append(blocks, *open)
			open, comment = nil, false
		case open != nil:
			open.text += line + "\n"
		}
	}
	if open != nil {
		mistakes = append(mistakes, fmt.Errorf("line %d: the block has no end", open.line))
	}
	return blocks, errors.Join(mistakes...)
}

// describe reads what stands behind the language of a fence.
func (b *block) describe(attributes string) error {
	if b.language == "" {
		return errors.New("the block has no language: sh and console are run, text is not")
	}
	fields := map[string]*string{"skip": &b.skip, "varies": &b.varies, "casino": &b.casino, "file": &b.file}
	for strings.TrimSpace(attributes) != "" {
		found := attribute.FindStringSubmatch(attributes)
		if found == nil || fields[found[1]] == nil {
			return fmt.Errorf("unknown attribute: %s", attributes)
		}
		*fields[found[1]] = found[2]
		attributes = attributes[len(found[0]):]
	}
	if b.casino != "" && b.casino != "starts" && b.casino != "stopped" {
		return fmt.Errorf("casino=%q", b.casino)
	}
	return nil
}

// split finds the commands. In a console block they begin with "$ ", and go on in the next line after a backslash.
func (b *block) split() {
	if b.language == "sh" {
		b.commands = []command{{line: b.line + 1, text: strings.TrimSuffix(b.text, "\n")}}
		return
	}
	number, goesOn := b.line, false
	for line := range strings.Lines(b.text) {
		number++
		line = strings.TrimRight(line, "\n")
		prompt, isCommand := strings.CutPrefix(line, "$ ")
		last := len(b.commands) - 1
		switch {
		case goesOn:
			b.commands[last].text += "\n" + line
			goesOn = strings.HasSuffix(line, `\`)
		case isCommand:
			b.commands = append(b.commands, command{line: number, text: prompt})
			goesOn = strings.HasSuffix(line, `\`)
		case last >= 0:
			b.commands[last].output += line + "\n"
			b.commands[last].shown = b.varies == ""
		}
	}
}

// sameShape compares an output with the one that the document shows: JSON by its keys, other lines by their first words. Ids,
// times, seeds and outcomes differ, so words with a digit, indented lines and what is in "outcome" are not compared. A document may
// leave lines out.
func sameShape(shown, got string) error {
	var want, have any
	if json.Unmarshal([]byte(shown), &want) == nil {
		if err := json.Unmarshal([]byte(got), &have); err != nil {
			return fmt.Errorf("not JSON: %w", err)
		}
		return sameKeys("", want, have)
	}
	lines := strings.Split(got, "\n")
	for line := range strings.Lines(shown) {
		word := firstWord(line)
		if word == "" || word == "…" || strings.HasPrefix(line, " ") {
			continue
		}
		isJSON := json.Unmarshal([]byte(line), &want) == nil
		at := slices.IndexFunc(lines, func(l string) bool {
			return firstWord(l) == word || isJSON && json.Unmarshal([]byte(l), &have) == nil
		})
		if at < 0 {
			return fmt.Errorf("no line begins with %q", word)
		}
		if isJSON {
			if err := sameKeys("", want, have); err != nil {
				return err
			}
		}
		lines = lines[at+1:]
	}
	return nil
}

// firstWord is the first word of a line, or "" if it has a digit, unless the line is JSON.
func firstWord(line string) string {
	words := strings.Fields(line)
	if len(words) == 0 || !strings.HasPrefix(words[0], "{") && strings.ContainsAny(words[0], "0123456789") {
		return ""
	}
	return words[0]
}

func sameKeys(at string, want, have any) error {
	switch want := want.(type) {
	case map[string]any:
		have, ok := have.(map[string]any)
		if !ok {
			return nil // null, say
		}
		w, h := slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(have))
		if !slices.Equal(w, h) {
			return fmt.Errorf("keys of %q: the document has %q, the answer %q", at, w, h)
		}
		for _, key := range w {
			if key == "outcome" {
				continue
			}
			if err := sameKeys(at+"."+key, want[key], have[key]); err != nil {
				return err
			}
		}
	case []any:
		if have, ok := have.([]any); ok && len(want) > 0 && len(have) > 0 {
			return sameKeys(at+"[0]", want[0], have[0])
		}
	}
	return nil
}

// A check that can't fail is none.
func TestBlocks_WhatTheTestOfDocumentsRefuses(t *testing.T) {
	for _, text := range []string{
		"```\nimperio help\n```\n",
		"```sh skip=\"\"\nx\n```\n",
		"```sh skipped=\"why\"\nx\n```\n",
		"```sh\nno end\n",
		"text:\n\n    imperio serve\n",
	} {
		if blocks, err := blocksOf(text); err == nil {
			t.Errorf("%q is taken for %+v", text, blocks)
		}
	}
	for _, c := range []struct {
		shown, got string
		same       bool
	}{
		{`{"id":"1","coins":5}`, `{"coins":9,"id":"2"}`, true},
		{`{"id":"1","coins":5}`, `{"coins":9}`, false},
		{`{"round":{"id":"1"}}`, `{"round":{"id":"1","more":true}}`, false},
		{`{"rounds":[{"id":"1"}]}`, `{"rounds":[{"id":"7"},{"id":"8"}]}`, true},
		{`{"rounds":[{"id":"1"}]}`, `{"rounds":[{"number":"7"}]}`, false},
		{"healthy  clock\nhealthy  log", "healthy  clock\nhealthy  disk\nhealthy  log", true},
		{"history   13 events\nThe books are right.", "history   9 events\n", false},
		{"1000  ana", "2000  ben", true},
	} {
		if err := sameShape(c.shown, c.got); (err == nil) != c.same {
			t.Errorf("%q and %q: %v", c.shown, c.got, err)
		}
	}
}
