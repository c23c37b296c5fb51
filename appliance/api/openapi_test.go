package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"imperio/appliance/problem"
	"imperio/games/catalogue"
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
