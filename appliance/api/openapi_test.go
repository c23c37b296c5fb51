package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"imperio/appliance/problem"
	"imperio/games"
	"imperio/games/catalogue"
	"imperio/games/rulebook"
)

// openAPIDocument is openapi.yaml. The tests of the whole casino check that answers match it.
func openAPIDocument(t *testing.T) map[string]any {
	t.Helper()
	var doc map[string]any
	if err := yaml.Unmarshal(openAPI, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// pathOf turns the router's pattern into the description's.
func pathOf(pattern string) string {
	parts := strings.Split(pattern, "/")
	for i, p := range parts {
		if name, ok := strings.CutPrefix(p, ":"); ok {
			parts[i] = "{" + name + "}"
		}
	}
	return strings.Join(parts, "/")
}

func TestOpenAPI_DescribesTheRoutesAndNoOthers(t *testing.T) {
	registered := make(map[string]bool)
	for _, rt := range Routes(catalogue.Released()) {
		registered[rt[0]+" "+pathOf(rt[1])] = true
	}
	described := make(map[string]bool)
	for path, methods := range openAPIDocument(t)["paths"].(map[string]any) {
		for method := range methods.(map[string]any) {
			described[strings.ToUpper(method)+" "+path] = true
		}
	}
	for name := range registered {
		if !described[name] {
			t.Errorf("%s is not described", name)
		}
	}
	for name := range described {
		if !registered[name] {
			t.Errorf("%s is described and does not exist", name)
		}
	}
}

func TestOpenAPI_ListsTheCodes(t *testing.T) {
	schemas := openAPIDocument(t)["components"].(map[string]any)["schemas"].(map[string]any)
	codes := schemas["Code"].(map[string]any)
	var listed []string
	for _, c := range codes["enum"].([]any) {
		listed = append(listed, c.(string))
	}
	for _, code := range problem.Codes() {
		if !slices.Contains(listed, code) {
			t.Errorf("%s is not listed", code)
		}
	}
	for _, code := range listed {
		if !slices.Contains(problem.Codes(), code) {
			t.Errorf("%s is listed and has no status", code)
		}
	}
}

// Where the description states a rule, it does so in the words of the rule's only text.
func TestOpenAPI_StatesTheRulesInTheirWords(t *testing.T) {
	texts := make(map[string]string)
	for _, r := range append(rulebook.House(), rulebook.Limits()...) {
		texts[r.ID] = r.EN
	}
	for _, rules := range catalogue.Released().Rules() {
		v, _ := catalogue.Released().Version(rules)
		for _, r := range v.SheetFor(games.Words{}).Text {
			texts[r.ID] = r.EN
		}
	}
	for _, c := range []struct {
		place []string
		rules []string
	}{
		{[]string{"paths", "/api/v1/me/limits", "put"}, []string{
			"limits/stricter", "limits/own_wait", "limits/withdraw", "limits/periods", "limits/stakes", "limits/losses",
			"limits/midnight", "limits/stretch", "limits/open_rounds", "limits/reality_check"}},
		{[]string{"paths", "/api/v1/me/exclusions", "post"}, []string{"limits/exclusion"}},
		{schema("LimitSet", "stake_per_day"), []string{"limits/stakes"}},
		{schema("LimitSet", "loss_per_day"), []string{"limits/losses"}},
		{schema("LimitSet", "session_minutes"), []string{"limits/stretch"}},
		{schema("LimitSet", "reality_check_minutes"), []string{"limits/reality_check"}},
		{[]string{"components", "schemas", "Bet"}, []string{"roulette/position", "roulette/geometry"}},
		{schema("BlackjackOutcome", "allowed_actions"), []string{"house/actions"}},
		{schema("BlackjackTable", "allowed_actions"), []string{"house/actions"}},
	} {
		at := any(openAPIDocument(t))
		for _, step := range c.place {
			inside, _ := at.(map[string]any)
			at = inside[step]
		}
		described, _ := at.(map[string]any)
		said, _ := described["description"].(string)
		for _, id := range c.rules {
			if texts[id] == "" || !strings.Contains(said, texts[id]) {
				t.Errorf("%v: the rule %s is not stated as %q, but as %q", c.place, id, texts[id], said)
			}
		}
	}
}

// schema is the place of a property in the description.
func schema(name, property string) []string {
	return []string{"components", "schemas", name, "properties", property}
}

// A schema that allows more members would let an undescribed one pass.
func TestOpenAPI_EveryObjectIsClosed(t *testing.T) {
	var walk func(place string, v any)
	walk = func(place string, v any) {
		switch v := v.(type) {
		case map[string]any:
			if v["type"] == "object" && v["additionalProperties"] != false {
				t.Errorf("%s is open", place)
			}
			for name, child := range v {
				walk(place+"/"+name, child)
			}
		case []any:
			for i, child := range v {
				walk(fmt.Sprint(place, "/", i), child)
			}
		}
	}
	walk("", openAPIDocument(t))
}
