package auth

import (
	"cmp"
	"slices"
	"sync"
	"unicode"
)

// scriptRange is a range of characters of one script.
type scriptRange struct {
	from, to rune
	script   string
}

// scriptRanges are those of all scripts, in the order of their characters. No two overlap. Common and Inherited are no scripts.
var scriptRanges = sync.OnceValue(func() (all []scriptRange) {
	add := func(from, to, stride uint32, script string) {
		if stride == 1 {
			all = append(all, scriptRange{rune(from), rune(to), script})
			return
		}
		for r := from; r <= to; r += stride {
			all = append(all, scriptRange{rune(r), rune(r), script})
		}
	}
	for script, table := range unicode.Scripts {
		if script == "Common" || script == "Inherited" {
			continue
		}
		for _, r := range table.R16 {
			add(uint32(r.Lo), uint32(r.Hi), uint32(r.Stride), script)
		}
		for _, r := range table.R32 {
			add(r.Lo, r.Hi, r.Stride, script)
		}
	}
	slices.SortFunc(all, func(a, b scriptRange) int { return cmp.Compare(a.from, b.from) })
	return all
})

// scriptOf is the script of a character; "" for digits, marks and others that no script owns.
func scriptOf(r rune) string {
	ranges := scriptRanges()
	i, found := slices.BinarySearchFunc(ranges, r, func(have scriptRange, want rune) int {
		switch {
		case have.to < want:
			return -1
		case have.from > want:
			return 1
		}
		return 0
	})
	if !found {
		return ""
	}
	return ranges[i].script
}
