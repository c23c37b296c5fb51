package auth

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/net/idna"
)

// sameAnswers holds the short ways for ASCII to the answers of the general rules.
func sameAnswers(t *testing.T, text string) {
	t.Helper()
	shown, key, err := Username(text)
	if s, k, e := generalUsername(text); s != shown || k != key || e != err {
		t.Errorf("the name %q is %q, %q, %v; by the general rules %q, %q, %v", text, shown, key, err, s, k, e)
	}
	key, err = usernameKey(text)
	if k, e := generalUsernameKey(text); k != key || (e == nil) != (err == nil) {
		t.Errorf("the key of %q is %q, %v; by the general rules %q, %v", text, key, err, k, e)
	}
	if got, want := fold(text), generalFold(text); got != want {
		t.Errorf("%q is folded to %q; by the general rules to %q", text, got, want)
	}
	if got, want := look(text), generalLook(text); got != want {
		t.Errorf("%q looks like %q; by the general rules like %q", text, got, want)
	}
	if isASCIIHost(text) && len(text) <= 253 {
		if host, err := idna.Lookup.ToASCII(text); err != nil || host != strings.ToLower(text) {
			t.Errorf("the domain %q is %q, %v", text, host, err)
		}
	}
}

var namesOfAllSorts = []string{
	"", "a", "abc", "Cherry", "CHERRY_1", "0x-y.z", ".abc", "-abc", "_ab", "a b c", "abc\x00", "abc\n", "admin", "ADMIN", "Adm1n", "rn", "m", "ab|c", "a@b",
	strings.Repeat("a", 32), strings.Repeat("a", 33), strings.Repeat("Z", 300), "straße", "Ωmega", "e\u0301", "abc\xff", "\u212Aelvin", "ſam",
	"example.org", "EXAMPLE.Org", "a-b.example", "a--b.example", "xn--bcher-kva.example", "-a.example", "a-.example", "a.-b", "a..b", "1.2.3.4", "a.b.", "a_b.example", "localhost",
	strings.Repeat("a", 64) + ".org", "0.0", "a.1",
}

func TestASCII_AnswersAsTheGeneralRules(t *testing.T) {
	for _, text := range namesOfAllSorts {
		sameAnswers(t, text)
	}
	for c := range rune(0x100) {
		for _, text := range []string{string(c), "abc" + string(c), string(c) + "abc", "a" + string(c) + string(c) + "b"} {
			sameAnswers(t, text)
		}
	}
	const some = "abzAZ019._-._- @|mIlO0\x7f"
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		text := make([]byte, random.IntN(12))
		for i := range text {
			text[i] = some[random.IntN(len(some))]
		}
		sameAnswers(t, string(text))
	}
}

func FuzzASCII(f *testing.F) {
	for _, text := range namesOfAllSorts {
		f.Add(text)
	}
	f.Fuzz(sameAnswers)
}

func TestScriptOf_KnowsEveryCharacterOfEveryScript(t *testing.T) {
	owned := 0
	for script, table := range unicode.Scripts {
		want := script
		if script == "Common" || script == "Inherited" {
			want = ""
		}
		each := func(from, to, stride uint32) {
			for r := from; r <= to; r += stride {
				if got := scriptOf(rune(r)); got != want {
					t.Fatalf("%U is of the script %q, not %q", r, got, want)
				}
				if want != "" {
					owned++
				}
			}
		}
		for _, r := range table.R16 {
			each(uint32(r.Lo), uint32(r.Hi), uint32(r.Stride))
		}
		for _, r := range table.R32 {
			each(r.Lo, r.Hi, r.Stride)
		}
	}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if scriptOf(r) != "" {
			owned--
		}
	}
	if owned != 0 {
		t.Errorf("%d characters have a script that no table gives them", -owned)
	}
}
