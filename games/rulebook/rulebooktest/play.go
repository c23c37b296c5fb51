// Package rulebooktest holds rules in words to the machine that plays them: every rule has a test that plays it, and gets the
// rule's figures from what the rule says.
package rulebooktest

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"imperio/games"
)

// Said is a rule under test. Its figures are read out of its texts.
type Said struct {
	t       *testing.T
	figures map[string]string
	asked   map[string]bool
}

// Number is the figure that stands in the place of {name}, a whole number, as all languages say it.
func (s *Said) Number(name string) int {
	s.t.Helper()
	n, err := strconv.Atoi(s.Text(name))
	if err != nil {
		s.t.Fatalf("{%s} is no number: %v", name, err)
	}
	return n
}

// Text is what stands in the place of {name} in the English text.
func (s *Said) Text(name string) string {
	s.t.Helper()
	v, ok := s.figures[name]
	if !ok {
		s.t.Fatalf("the rule has no {%s}", name)
	}
	s.asked[name] = true
	return v
}

// Play plays every rule by its test, the one under its id. A rule without a test, a test without a rule, and a figure that the
// test does not ask for fail. templates are the rules before their figures were filled in.
func Play(t *testing.T, templates, rules []games.Rule, plays map[string]func(*testing.T, *Said)) {
	t.Helper()
	if len(rules) == 0 || len(templates) != len(rules) {
		t.Fatalf("%d templates and %d rules", len(templates), len(rules))
	}
	stated := map[string]bool{}
	for i, r := range rules {
		if stated[r.ID] || r.ID != templates[i].ID {
			t.Errorf("the rule %s is there twice, or out of order", r.ID)
		}
		stated[r.ID] = true
		play, ok := plays[r.ID]
		if !ok {
			t.Errorf("no test plays the rule %s: %s", r.ID, r.EN)
			continue
		}
		t.Run(r.ID, func(t *testing.T) {
			said := &Said{t: t, figures: read(t, templates[i], r), asked: map[string]bool{}}
			play(t, said)
			for name := range said.figures {
				if !said.asked[name] {
					t.Errorf("the test does not hold {%s}", name)
				}
			}
		})
	}
	for _, id := range slices.Sorted(maps.Keys(plays)) {
		if !stated[id] {
			t.Errorf("a test plays %s, which no rule states", id)
		}
	}
}

var (
	placeholder = regexp.MustCompile(`\\\{(\w+)\\\}`)
	digits      = regexp.MustCompile(`[0-9]`)
)

// read reads the figures of a rule out of its texts. Numbers must be the same in all languages.
func read(t *testing.T, template, rule games.Rule) map[string]string {
	t.Helper()
	figures := map[string]string{}
	texts := rule.In()
	for _, language := range []string{"en", "es", "de"} { // English first: it gives the texts
		form, text := template.In()[language], texts[language]
		if text == "" || form == "" {
			t.Fatalf("there are no words in %s", language)
		}
		if digits.MatchString(regexp.MustCompile(`\{\w+\}`).ReplaceAllString(form, "")) {
			t.Errorf("%s: a figure is not filled in by the code: %s", language, form)
		}
		names := placeholder.FindAllStringSubmatch(regexp.QuoteMeta(form), -1)
		pattern := regexp.MustCompile("^" + placeholder.ReplaceAllString(regexp.QuoteMeta(form), "(.+?)") + "$")
		values := pattern.FindStringSubmatch(text)
		if values == nil {
			t.Fatalf("%s: %q does not follow from %q", language, text, form)
		}
		seen := map[string]bool{}
		for i, n := range names {
			name, value := n[1], values[i+1]
			if strings.Contains(value, "{") && name != "time" {
				t.Errorf("%s: {%s} is not filled in: %s", language, name, text)
			}
			before, known := figures[name]
			switch _, err := strconv.Atoi(value); {
			case language == "en" && !known:
				figures[name] = value
			case !known, err == nil && value != before:
				t.Errorf("%s: {%s} is %q, and %q before", language, name, value, before)
			}
			seen[name] = true
		}
		if len(seen) != len(figures) {
			t.Errorf("%s: has the figures %v, English has %v", language, seen, figures)
		}
	}
	if texts["en"] == texts["es"] || texts["en"] == texts["de"] || texts["es"] == texts["de"] {
		t.Errorf("two languages have the same text: %s", rule.EN)
	}
	return figures
}
