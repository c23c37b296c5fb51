package docs_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"imperio/games"
	"imperio/games/catalogue"
	"imperio/games/rulebook"
)

// rulesOf are the rules that a part of GAMES.md is about: "house", "limits", or versions of a game, such as
// "roulette/1 roulette/2", each rule once.
func rulesOf(t *testing.T, subject string) (lines []string) {
	t.Helper()
	var rules []games.Rule
	switch subject {
	case "house":
		rules = rulebook.House()
	case "limits":
		rules = rulebook.Limits()
	default:
		for _, version := range strings.Fields(subject) {
			v, ok := catalogue.Released().Version(version)
			if !ok {
				t.Fatalf("the page has rules of %s", version)
			}
			rules = append(rules, v.SheetFor(games.Words{}).Text...)
		}
	}
	for _, r := range rules {
		if line := "- " + r.EN; !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return lines
}

// GAMES.md states the rules as the pages and the API do. Tests play each of them: see games/rulebook.
func TestGamesPage_StatesTheRules(t *testing.T) {
	page, err := os.ReadFile("GAMES.md")
	if err != nil {
		t.Fatal(err)
	}
	var subjects []string
	for _, part := range regexp.MustCompile(`(?s)<!-- rules: ([^>]*) -->\n\n(.*?)\n\n<!-- end of rules -->`).FindAllStringSubmatch(string(page), -1) {
		subjects = append(subjects, strings.Fields(part[1])...)
		if want := strings.Join(rulesOf(t, part[1]), "\n"); part[2] != want {
			t.Errorf("the rules of %s are not the house's. They are:\n\n%s", part[1], want)
		}
	}
	if want := append([]string{"house", "limits"}, catalogue.Released().Rules()...); !sameSet(subjects, want) {
		t.Errorf("the page has rules of %v, want %v", subjects, want)
	}
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
