package web

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// graph lists the modules that each module of assets/js imports, also dynamically.
func graph(t *testing.T) map[string][]string {
	t.Helper()
	dynamic := regexp.MustCompile(`\bimport\('(\.{1,2}/[^']+\.js)'\)(?:\.|\)|,|;|$)`)
	all := make(map[string][]string)
	each(t, ".js", func(name string, content []byte) {
		module := strings.TrimPrefix(name, "assets/js/")
		all[module] = nil
		code := regexp.MustCompile(`(?s)/\*\*.*?\*/`).ReplaceAll(content, nil) // types in comments are no imports
		for _, m := range append(importing.FindAllSubmatch(code, -1), dynamic.FindAllSubmatch(code, -1)...) {
			all[module] = append(all[module], path.Join(path.Dir(module), string(m[1])))
		}
	})
	return all
}

// Modules that import each other in a circle can't be read one by one, and run before what they need is there.
func TestModules_FormNoCircle(t *testing.T) {
	imports := graph(t)
	done := make(map[string]bool)
	var walk func(way []string)
	walk = func(way []string) {
		module := way[len(way)-1]
		if i := slices.Index(way, module); i < len(way)-1 {
			t.Errorf("a circle: %s", strings.Join(way[i:], " → "))
			return
		}
		if done[module] {
			return
		}
		for _, next := range imports[module] {
			walk(append(slices.Clone(way), next))
		}
		done[module] = true
	}
	for module := range imports {
		walk([]string{module})
	}
	if len(imports["app/routes.js"]) < len(Pages())/2 {
		t.Errorf("app/routes.js imports only %v: dynamic imports were not found", imports["app/routes.js"])
	}
}

// What draws what: the start knows all, pages and games know components, and these know only the app's small modules.
func TestModules_KeepToTheirFolders(t *testing.T) {
	may := map[string][]string{
		"app":        {"app", "components", "vendor"},
		"components": {"app", "components", "games/list.js"},
		"fair":       {"app", "fair"},
		"games":      {"app", "components", "games", "fair"},
		"pages":      {"app", "components", "games", "fair", "pages"},
		"vendor":     {"vendor"},
	}
	exceptions := map[string][]string{
		"app/routes.js": {"pages", "games"}, // it loads every page
		"app/frame.js":  {"games/list.js"},  // the menu lists the games
	}
	for module, imports := range graph(t) {
		folder, _, _ := strings.Cut(module, "/")
		for _, imported := range imports {
			allowed := func(prefix string) bool { return imported == prefix || strings.HasPrefix(imported, prefix+"/") }
			if !slices.ContainsFunc(append(slices.Clone(may[folder]), exceptions[module]...), allowed) {
				t.Errorf("%s imports %s", module, imported)
			}
		}
	}
}

func TestPages_AreThoseThatTheRoutesLoad(t *testing.T) {
	route := regexp.MustCompile(`'(/[^']*)': \{[^}]*import\('\.\./([^']+)'\)`)
	routes := make(map[string]string)
	each(t, ".js", func(name string, content []byte) {
		if name == "assets/js/app/routes.js" {
			for _, m := range route.FindAllStringSubmatch(string(content), -1) {
				routes[m[1]] = m[2]
			}
		}
	})
	for _, p := range Pages() {
		if routes[p.Path] != p.Module {
			t.Errorf("%s is drawn by %s, but app/routes.js loads %q", p.Path, p.Module, routes[p.Path])
		}
	}
	if len(routes) != len(Pages()) {
		t.Errorf("app/routes.js has %d pages, want %d", len(routes), len(Pages()))
	}
}
