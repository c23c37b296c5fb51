package browsertest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"
)

// slow makes a quiet machine behave like a busy one, to find tests that race with the page.
//
// BROWSERTEST_PAUSE is a pause before each step of a test, which makes the test late for states that pass by themselves. A
// range such as 0s-2s gives each step a random pause. BROWSERTEST_SLOW is a factor by which the browser slows the page's
// scripts down, which makes the page late for what the test expects at once.
var slow = readSlow()

type slowness struct {
	least, most time.Duration
	processor   float64
}

func readSlow() (s slowness) {
	if value := os.Getenv("BROWSERTEST_PAUSE"); value != "" {
		least, most, isRange := strings.Cut(value, "-")
		if !isRange {
			most = least
		}
		var err, err2 error
		s.least, err = time.ParseDuration(least)
		s.most, err2 = time.ParseDuration(most)
		if err != nil || err2 != nil || s.least < 0 || s.most < s.least {
			panic(fmt.Sprintf("BROWSERTEST_PAUSE is %q; want a time such as 900ms, or a range such as 0s-2s", value))
		}
	}
	if value := os.Getenv("BROWSERTEST_SLOW"); value != "" {
		var err error
		if s.processor, err = strconv.ParseFloat(value, 64); err != nil || s.processor < 1 {
			panic(fmt.Sprintf("BROWSERTEST_SLOW is %q; want a factor such as 10", value))
		}
	}
	return s
}

func (s slowness) pause() {
	if s.most > 0 {
		time.Sleep(s.least + rand.N(s.most-s.least+1)) // to find races; never on by default
	}
}
