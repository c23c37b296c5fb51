package web

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// importing matches the imports of a module that are carried out before it runs. Importing dynamically is a call: import(…).
var importing = regexp.MustCompile(`(?m)^(?:import|export)\b[^;(]*?'(\.{1,2}/[^']+\.js)';`)

// imports lists what each module of assets/js imports. It is read once: the files are a part of the program.
var imports = sync.OnceValue(func() map[string][]string {
	all := make(map[string][]string)
	err := fs.WalkDir(static, "static/assets/js", func(name string, d fs.DirEntry, err error) error {
		if err != nil || path.Ext(name) != ".js" {
			return err
		}
		content, err := fs.ReadFile(static, name)
		module := strings.TrimPrefix(name, "static/assets/js/")
		all[module] = nil
		for _, m := range importing.FindAllSubmatch(content, -1) {
			all[module] = append(all[module], path.Join(path.Dir(module), string(m[1])))
		}
		return err
	})
	if err != nil {
		panic("web: " + err.Error()) // embedded files can be read
	}
	return all
})

// needed lists modules and all that they need before they run, each once, in the order in which browsers find them.
func needed(modules ...string) ([]string, error) {
	all := slices.Clone(modules)
	for i := 0; i < len(all); i++ {
		next, there := imports()[all[i]]
		if !there {
			return nil, fmt.Errorf("the module %s, which %v need, is missing", all[i], modules)
		}
		for _, m := range next {
			if !slices.Contains(all, m) {
				all = append(all, m)
			}
		}
	}
	return all, nil
}

// preloads lists what a page loads at its start, given its own module, if it has one.
func preloads(own string) ([]string, error) {
	if own == "" {
		return needed("app/start.js")
	}
	return needed("app/start.js", own)
}
