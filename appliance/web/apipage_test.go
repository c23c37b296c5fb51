package web

import (
	"regexp"
	"testing"
)

func TestAPIPage_ShowsTheDescription(t *testing.T) {
	page := string(pages(t)["api.html"])
	ids := make(map[string]bool)
	for _, m := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if ids[m[1]] {
			t.Errorf("two elements have the id %s", m[1])
		}
		ids[m[1]] = true
	}
	for _, m := range regexp.MustCompile(` href="#([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if !ids[m[1]] {
			t.Errorf("a link leads to #%s, which is not there", m[1])
		}
	}
	for _, operation := range []string{"openAccount", "spinRoulette", "createToken"} {
		if !ids[operation] {
			t.Errorf("the operation %s is missing", operation)
		}
	}
	if len(ids) < 80 {
		t.Errorf("only %d elements can be linked to", len(ids))
	}
}

func TestAPIPage_RefusesWhatIsNoDescription(t *testing.T) {
	if _, err := apiPage([]byte("a: [")); err == nil {
		t.Error("shown")
	}
}
