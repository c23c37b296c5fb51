package auth

import (
	"errors"
	"strings"
	"testing"
)

func TestUsername_LookAlikeCaseIsOneName(t *testing.T) {
	for _, same := range [][]string{
		{"Cherry", "cherry", "CHERRY", "ｃｈｅｒｒｙ", "Cherr\u0079"},
		{"Kelvin", "\u212Aelvin", "kelvin"},
		{"José", "Jose\u0301", "JOSÉ"},
		{"straße", "STRASSE", "Strasse"},
		{"σίσυφος", "ΣΊΣΥΦΟΣ"},
		{"Ёжик", "ёжик"},
	} {
		_, want, err := Username(same[0])
		if err != nil {
			t.Fatalf("%q: %v", same[0], err)
		}
		for _, name := range same {
			if _, key, err := Username(name); err != nil || key != want {
				t.Errorf("%q has key %q, %v; %q has %q", name, key, err, same[0], want)
			}
			if key := LoginKey(name); key != want {
				t.Errorf("signing in as %q looks for %q, not %q", name, key, want)
			}
		}
	}
}

func TestUsername_Refuses(t *testing.T) {
	for name, want := range map[string]error{
		"":                         ErrUsernameLength,
		"ab":                       ErrUsernameLength,
		strings.Repeat("a", 33):    ErrUsernameLength,
		strings.Repeat("a", 1<<16): ErrUsernameLength,
		"a\xffbc":                  ErrUsernameLength,
		"a b c":                    ErrUsernameLetters,
		" abc":                     ErrUsernameLetters,
		"abc\x00":                  ErrUsernameLetters,
		"abc\n":                    ErrUsernameLetters,
		"abc\u200d":                ErrUsernameLetters, // zero width joiner
		"abc\u202edef":             ErrUsernameLetters, // right-to-left override
		"a@example.org":            ErrUsernameLetters,
		"<b>abc":                   ErrUsernameLetters,
		".abc":                     ErrUsernameLetters,
		"abc🍒":                     ErrUsernameLetters,
		"ﬁsh":                      ErrUsernameLetters, // a ligature
		"ſam":                      ErrUsernameLetters, // a long s
		"раypal":                   ErrUsernameScripts, // the first two are Cyrillic
		"ⲁdmin":                    ErrUsernameScripts, // the first one is Coptic
		"աdmin":                    ErrUsernameScripts, // the first one is Armenian
	} {
		if shown, key, err := Username(name); !errors.Is(err, want) {
			t.Errorf("%q: %q, %q, %v; want %v", name, shown, key, err, want)
		}
	}
}

func TestUsername_Takes(t *testing.T) {
	for _, name := range []string{"abc", "a.b-c_d", "007", "Максим", "山田太郎", "山田Taroさん", "김민준Kim", "नमस्ते", "בנימין", strings.Repeat("é", 32)} {
		if shown, key, err := Username(name); err != nil || shown != name || key == "" {
			t.Errorf("%q: %q, %q, %v", name, shown, key, err)
		}
	}
}

func TestEmail_CaseIsOneAddress(t *testing.T) {
	_, want, err := Email("ana.m@example.org")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []string{"Ana.M@Example.ORG", "ANA.M@EXAMPLE.ORG"} {
		if kept, key, err := Email(a); err != nil || key != want || kept != a || LoginKey(a) != want {
			t.Errorf("%q: %q, %q, %v", a, kept, key, err)
		}
	}
	if _, key, err := Email("ana@BÜCHER.example"); err != nil || key != "ana@xn--bcher-kva.example" {
		t.Errorf("an international domain: %q, %v", key, err)
	}
}

func TestEmail_Refuses(t *testing.T) {
	for _, a := range []string{
		"", "ana", "@example.org", "ana@", "ana@example", "ana@.org", "ana@example..org", "ana@example.org.", "a na@example.org",
		"ana@exa mple.org", "ana\n@example.org", "ana@example.org\r\nBcc: x@example.org", "<ana@example.org>", "Ana <ana@example.org>",
		".ana@example.org", "ana.@example.org", "a..na@example.org", "ana@-example.org", "ana@[127.0.0.1]", "\"a b\"@example.org",
		strings.Repeat("a", 65) + "@example.org", "a@" + strings.Repeat("a", 64) + ".org", "a\xff@example.org",
		"a@" + strings.Repeat("abcdefg.", 40) + "org",
	} {
		if kept, key, err := Email(a); !errors.Is(err, ErrEmail) {
			t.Errorf("%q: %q, %q, %v", a, kept, key, err)
		}
	}
}

func TestLoginKey_WhatIsNobodysMatchesNobody(t *testing.T) {
	for _, login := range []string{"", " ", "a b", "x\x00y", "\xff", "@", "ana@"} {
		if key := LoginKey(login); !strings.HasPrefix(key, " ") {
			t.Errorf("%q: %q", login, key)
		}
	}
}

func FuzzUsername(f *testing.F) {
	for _, s := range []string{"cherry", "ＫＥＬＶＩＮ", "straße", "a\u0301bc", "İstanbul", "ǅ123"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		shown, key, err := Username(name)
		if err != nil {
			return
		}
		if strings.ContainsAny(key, " @") || strings.ContainsAny(shown, " @<>\"'&") || key == "" {
			t.Fatalf("%q gives %q, %q", name, shown, key)
		}
		again, key2, err := Username(shown)
		if err != nil || again != shown || key2 != key {
			t.Fatalf("%q is shown as %q with key %q; that gives %q, %q, %v", name, shown, key, again, key2, err)
		}
		if LoginKey(name) != key || LoginKey(shown) != key {
			t.Fatalf("%q can't sign in: key %q, login key %q", name, key, LoginKey(name))
		}
	})
}
