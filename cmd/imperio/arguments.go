package main

import (
	"regexp"
	"slices"
	"strings"
)

var negative = regexp.MustCompile(`^-[0-9]+$`)

// numbersLast moves negative numbers behind a "--", since they look like flags. A number right after a flag stays, since it
// may be the flag's value.
func numbersLast(args []string) []string {
	if slices.Contains(args, "--") {
		return args
	}
	var others, numbers []string
	for i, a := range args {
		flag := i > 0 && strings.HasPrefix(args[i-1], "-") && !strings.Contains(args[i-1], "=")
		if negative.MatchString(a) && !flag {
			numbers = append(numbers, a)
		} else {
			others = append(others, a)
		}
	}
	if numbers == nil {
		return args
	}
	return slices.Concat(others, []string{"--"}, numbers)
}
