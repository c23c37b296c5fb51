package documents

import "testing"

// A check that can't fail is none.
func TestBlocks_WhatTheTestOfDocumentsRefuses(t *testing.T) {
	for _, text := range []string{
		"```\nimperio help\n```\n",
		"```sh skip=\"\"\nx\n```\n",
		"```sh skipped=\"why\"\nx\n```\n",
		"```sh\nno end\n",
		"text:\n\n    imperio serve\n",
	} {
		if blocks, err := Blocks(text); err == nil {
			t.Errorf("%q is taken for %+v", text, blocks)
		}
	}
	for _, c := range []struct {
		shown, got string
		same       bool
	}{
		{`{"id":"1","coins":5}`, `{"coins":9,"id":"2"}`, true},
		{`{"id":"1","coins":5}`, `{"coins":9}`, false},
		{`{"round":{"id":"1"}}`, `{"round":{"id":"1","more":true}}`, false},
		{`{"rounds":[{"id":"1"}]}`, `{"rounds":[{"id":"7"},{"id":"8"}]}`, true},
		{`{"rounds":[{"id":"1"}]}`, `{"rounds":[{"number":"7"}]}`, false},
		{"healthy  clock\nhealthy  log", "healthy  clock\nhealthy  disk\nhealthy  log", true},
		{"history   13 events\nThe books are right.", "history   9 events\n", false},
		{"1000  ana", "2000  ben", true},
	} {
		if err := SameShape(c.shown, c.got); (err == nil) != c.same {
			t.Errorf("%q and %q: %v", c.shown, c.got, err)
		}
	}
}
