package api

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"

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

// codeNamed finds the codes in a description: the words between backticks.
var codeNamed = regexp.MustCompile("`([a-z_]+)`")

// Each operation lists the codes that it can answer, and each code is listed where it occurs. The tests of the whole casino
// check that no operation answers another.
func TestOpenAPI_ListsCodesWhereTheyOccur(t *testing.T) {
	doc := openAPIDocument(t)
	listed := make(map[string]bool)
	note := func(place, status, text string) {
		t.Helper()
		codes := codeNamed.FindAllStringSubmatch(text, -1)
		if len(codes) == 0 {
			t.Errorf("%s lists no codes", place)
		}
		for _, c := range codes {
			listed[c[1]] = true
			if p := problem.New(c[1], ""); !slices.Contains(problem.Codes(), c[1]) || status != "" && fmt.Sprint(p.Status) != status {
				t.Errorf("%s lists %s, which has the status %d", place, c[1], p.Status)
			}
		}
	}
	note("info", "", doc["info"].(map[string]any)["description"].(string))
	for path, methods := range doc["paths"].(map[string]any) {
		for method, op := range methods.(map[string]any) {
			for status, answer := range op.(map[string]any)["responses"].(map[string]any) {
				if status < "400" {
					continue
				}
				note(method+" "+path+" "+status, status, says(doc, answer))
			}
		}
	}
	// Players never get these: they are for operators, and about files.
	elsewhere := []string{"account_not_found", "invalid_role", "reason_missing", "too_many_invitations", "backup_running", "backups_off", "mirror_off", "cluster_off", "cluster_refused", "already_imported", "season_moved", "season_not_due", "misdirected", "range_not_satisfiable"}
	for _, code := range problem.Codes() {
		if listed[code] == slices.Contains(elsewhere, code) {
			t.Errorf("%s: listed at an operation: %t", code, listed[code])
		}
	}
}

// says is the description of an answer: the operation's own, or else that of the component that it refers to.
func says(doc map[string]any, answer any) string {
	text, ok := answer.(map[string]any)["description"].(string)
	if !ok {
		text, _ = resolve(doc, answer)["description"].(string)
	}
	return text
}

// listed are the codes of each operation, by method and path, e.g. "GET /api/v1/me/rounds/{id}".
var listed = sync.OnceValue(func() map[string][]string {
	var doc map[string]any
	if err := yaml.Unmarshal(openAPI, &doc); err != nil {
		panic(err) // another test says so
	}
	all := make(map[string][]string)
	for path, methods := range doc["paths"].(map[string]any) {
		for method, op := range methods.(map[string]any) {
			var codes []string
			for status, answer := range op.(map[string]any)["responses"].(map[string]any) {
				for _, c := range codeNamed.FindAllStringSubmatch(says(doc, answer), -1) {
					codes = append(codes, status+" "+c[1])
				}
			}
			all[strings.ToUpper(method)+" "+path] = codes
		}
	}
	return all
})

// checkCode reports a refusal that the operation does not list. Addresses and methods that are not described can answer anything.
func checkCode(t *testing.T, method, path string, r reply) {
	t.Helper()
	got := strings.Split(path, "/")
	var op string
	for name := range listed() {
		m, described, _ := strings.Cut(name, " ")
		same := m == method && slices.EqualFunc(strings.Split(described, "/"), got, func(w, g string) bool {
			return w == g || strings.HasPrefix(w, "{") && g != ""
		})
		if same && (op == "" || !strings.Contains(described, "{")) {
			op = name
		}
	}
	if code := r.code(); op != "" && code != "" && !slices.Contains(listed()[op], fmt.Sprint(r.status, " ", code)) {
		t.Errorf("%s answers %d %s, which is not described", op, r.status, code)
	}
}

// resolve follows a reference.
func resolve(doc map[string]any, v any) map[string]any {
	node := v.(map[string]any)
	ref, ok := node["$ref"].(string)
	if !ok {
		return node
	}
	at := doc
	for name := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		at, _ = at[name].(map[string]any)
	}
	return resolve(doc, at)
}

// eachObject calls f with every schema of an object at or below a node, through references. whole says that a schema around it
// already says whether other members are allowed. It notes all components that it passes in used.
func eachObject(doc map[string]any, v any, whole bool, used map[string]bool, f func(schema map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok {
			used[ref] = true
			v = resolve(doc, v)
		}
		if v["type"] == "object" && !whole || v["unevaluatedProperties"] != nil {
			f(v)
		}
		for name, child := range v {
			if name != "example" && name != "examples" {
				eachObject(doc, child, name == "allOf" || whole && name != "properties", used, f)
			}
		}
	case []any:
		for _, child := range v {
			eachObject(doc, child, whole, used, f)
		}
	}
}

// Answers may gain members within /api/v1, so clients must not close them. A request with an unknown member is refused.
func TestOpenAPI_RequestsAreClosedAndAnswersOpen(t *testing.T) {
	doc := openAPIDocument(t)
	requests, answers, used := 0, 0, make(map[string]bool)
	open := func(schema map[string]any) {
		answers++
		if schema["additionalProperties"] != nil || schema["unevaluatedProperties"] != nil {
			t.Errorf("an answer is closed: %v", schema)
		}
	}
	for _, methods := range doc["paths"].(map[string]any) {
		for _, op := range methods.(map[string]any) {
			op := op.(map[string]any)
			eachObject(doc, op["requestBody"], false, used, func(schema map[string]any) {
				requests++
				if schema["additionalProperties"] != false && schema["unevaluatedProperties"] != false {
					t.Errorf("a request is open: %v", schema)
				}
			})
			eachObject(doc, op["parameters"], false, used, open)
			eachObject(doc, op["responses"], false, used, open)
		}
	}
	const event = "#/components/schemas/LiveEvent" // a message, which no operation answers
	used[event] = true
	eachObject(doc, map[string]any{"$ref": event}, false, used, open)
	if requests < 10 || answers < 100 {
		t.Errorf("only %d objects in requests and %d in answers were found", requests, answers)
	}
	for _, kind := range []string{"schemas", "parameters", "responses", "headers"} {
		for name := range doc["components"].(map[string]any)[kind].(map[string]any) {
			if !used["#/components/"+kind+"/"+name] {
				t.Errorf("nothing refers to %s/%s", kind, name)
			}
		}
	}
}
