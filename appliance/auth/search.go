package auth

import "strings"

// Search returns a test for names and addresses that have a part, in any case of letters and any composition. Everything has the
// empty part.
func Search(part string) func(texts ...string) bool {
	part = fold(part)
	return func(texts ...string) bool {
		for _, t := range texts {
			if strings.Contains(fold(t), part) {
				return true
			}
		}
		return false
	}
}
