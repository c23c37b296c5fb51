package web

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
)

// importing matches the imports of a module that are carried out before it runs. Importing dynamically is a call: import(…).
var importing = regexp.MustCompile(`(?m)^(?:import|export)\b[^;(]*?'(\.{1,2}/[^']+\.js)';`)

// needed lists a module of assets/js and all modules that it needs before it runs, itself first, in the order in which
// browsers find them.
func needed(module string) ([]string, error) {
	all := []string{module}
	for i := 0; i < len(all); i++ {
		content, err := fs.ReadFile(static, "static/assets/js/"+all[i])
		if err != nil {
			return nil, fmt.Errorf("a module that %s needs: %w", module, err)
		}
		for _, m := range importing.FindAllSubmatch(content, -1) {
			if next := path.Join(path.Dir(all[i]), string(m[1])); !slices.Contains(all, next) {
				all = append(all, next)
			}
		}
	}
	return all, nil
}

// preloads lists what a page loads at its start, given its own module: both lists without duplicates.
func preloads(own string) ([]string, error) {
	all, err := needed("app/start.js")
	if err != nil || own == "" {
		return all, err
	}
	more, err := needed(own)
	for _, m := range more {
		if !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	return all, err
}
