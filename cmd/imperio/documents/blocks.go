// Package documents finds the commands in the documents, so that tests run them as readers do.
package documents

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Block is a fenced block of a document, or a comment "<!-- setup", whose commands are run but not shown. docs/DEVELOPING.md
// describes the attributes.
type Block struct {
	Line     int
	Language string
	Text     string
	Commands []Command // of sh and console
	Skip     string    // why it can't be run in a test
	Varies   string    // why its output is not compared
	Casino   string    // "starts": it runs in a terminal of its own; "stopped": the reader has stopped that before
	File     string    // the name that the reader saves it under
	On       string    // "server": it needs a whole server, with systemd and root
}

// Command is one command of a block, with the output that the document shows.
type Command struct {
	Line   int
	Text   string
	Output string
	Shown  bool // the output is to be compared
}

func (b *Block) isShell() bool { return b.Language == "sh" || b.Language == "console" }

// Runs says whether a test runs the block in a directory that stands for a server.
func (b *Block) Runs() bool { return b.isShell() && b.Skip == "" && b.On == "" }

// RunsOnServer says whether a test runs the block on a whole server.
func (b *Block) RunsOnServer() bool { return b.isShell() && b.Skip == "" && b.On == "server" }

var (
	fence     = regexp.MustCompile("^ *```([a-z]*)(.*)$")
	attribute = regexp.MustCompile(`^\s+([a-z]+)="([^"]+)"`)
	// An indented block would escape the test.
	indented = regexp.MustCompile(`^(?: {4}|\t)(?:\$ |(?:sudo |\./bin/)?(?:imperio|make|curl|go|systemctl|apt-get) )`)
)

// Blocks are the blocks of a document, in order.
func Blocks(text string) ([]Block, error) {
	var blocks []Block
	var mistakes []error
	var open *Block
	comment := false
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\n")
		found := fence.FindStringSubmatch(line)
		switch {
		case open == nil && (line == "<!-- setup" || strings.HasPrefix(line, "<!-- setup ")):
			open, comment = &Block{Line: number, Language: "sh"}, true
			if err := open.describe(strings.TrimPrefix(line, "<!-- setup")); err != nil {
				mistakes = append(mistakes, fmt.Errorf("line %d: %w", number, err))
			}
		case open == nil && found != nil:
			open = &Block{Line: number, Language: found[1]}
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
			open.Text += line + "\n"
		}
	}
	if open != nil {
		mistakes = append(mistakes, fmt.Errorf("line %d: the block has no end", open.Line))
	}
	return blocks, errors.Join(mistakes...)
}

// describe reads what stands behind the language of a fence.
func (b *Block) describe(attributes string) error {
	if b.Language == "" {
		return errors.New("the block has no language: sh and console are run, text is not")
	}
	fields := map[string]*string{"skip": &b.Skip, "varies": &b.Varies, "casino": &b.Casino, "file": &b.File, "on": &b.On}
	for strings.TrimSpace(attributes) != "" {
		found := attribute.FindStringSubmatch(attributes)
		if found == nil || fields[found[1]] == nil {
			return fmt.Errorf("unknown attribute: %s", attributes)
		}
		*fields[found[1]] = found[2]
		attributes = attributes[len(found[0]):]
	}
	if b.Casino != "" && b.Casino != "starts" && b.Casino != "stopped" {
		return fmt.Errorf("casino=%q", b.Casino)
	}
	if b.On != "" && b.On != "server" {
		return fmt.Errorf("on=%q", b.On)
	}
	return nil
}

// split finds the commands. In a console block they begin with "$ ", and go on in the next line after a backslash.
func (b *Block) split() {
	if b.Language == "sh" {
		b.Commands = []Command{{Line: b.Line + 1, Text: strings.TrimSuffix(b.Text, "\n")}}
		return
	}
	number, goesOn := b.Line, false
	for line := range strings.Lines(b.Text) {
		number++
		line = strings.TrimRight(line, "\n")
		prompt, isCommand := strings.CutPrefix(line, "$ ")
		last := len(b.Commands) - 1
		switch {
		case goesOn:
			b.Commands[last].Text += "\n" + line
			goesOn = strings.HasSuffix(line, `\`)
		case isCommand:
			b.Commands = append(b.Commands, Command{Line: number, Text: prompt})
			goesOn = strings.HasSuffix(line, `\`)
		case last >= 0:
			b.Commands[last].Output += line + "\n"
			b.Commands[last].Shown = b.Varies == ""
		}
	}
}

// SameShape compares an output with the one that the document shows: JSON by its keys, other lines by their first words. Ids,
// times, seeds and outcomes differ, so words with a digit, indented lines and what is in "outcome" are not compared. A document may
// leave lines out.
func SameShape(shown, got string) error {
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
