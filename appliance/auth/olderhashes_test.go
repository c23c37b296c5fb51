package auth

import (
	"crypto/pbkdf2"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/scrypt"
)

// olderHashes are hashes that werkzeug made of "correct horse", in several versions and by several methods.
func olderHashes(t *testing.T) (hashes []string) {
	t.Helper()
	raw, err := os.ReadFile("testdata/password_hashes.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if columns := strings.Split(strings.TrimSpace(line), "\t"); len(columns) >= 4 && line[0] != '#' {
			hashes = append(hashes, columns[3])
		}
	}
	if len(hashes) < 10 {
		t.Fatalf("only %d hashes", len(hashes))
	}
	return hashes
}

// weak makes an older hash that is quick to check.
func weak(t *testing.T, password string) string {
	t.Helper()
	sum, err := pbkdf2.Key(sha1.New, password, []byte("salt"), 2, sha1.Size)
	if err != nil {
		t.Fatal(err)
	}
	return "pbkdf2:sha1:2$salt$" + hex.EncodeToString(sum)
}

func TestOlderHash_TheRightPasswordIsRightAndReplacedByBcrypt(t *testing.T) {
	p := passwords(t, PasswordOptions{})
	tried := make(map[string]bool)
	for _, hash := range olderHashes(t) {
		if err := CheckOlderHash(hash); err != nil {
			t.Errorf("%s: %v", hash, err)
		}
		method := hash[:len("pbkdf2:sha256")]
		if tried[method] {
			continue // more of the same, and slow under the race detector
		}
		tried[method] = true
		v, err := verify(t, p, p.SealOlder(hash), "correct horse")
		if err != nil || !v.OK || v.Rehash == "" {
			t.Fatalf("%s: %+v, %v", hash, v, err)
		}
		if again, err := verify(t, p, v.Rehash, "correct horse"); err != nil || !again.OK || again.Rehash != "" {
			t.Errorf("%s, replaced: %+v, %v", hash, again, err)
		}
	}
	for _, hash := range []string{weak(t, "correct horse"), "scrypt:2:1:1$s$" + strings.Repeat("ab", 64)} {
		if v, err := verify(t, p, p.SealOlder(hash), "wrong"); err != nil || v != (Verified{}) {
			t.Errorf("%s, a wrong password: %+v, %v", hash, v, err)
		}
	}
}

func TestOlderHash_PasswordsThatOurOwnRulesWouldRefuseGoOnWorking(t *testing.T) {
	p := passwords(t, PasswordOptions{Cost: bcrypt.MinCost})
	for _, password := range []string{"1", "  leading and trailing  ", "pässwörd-ünïcode €", strings.Repeat("y", 300), "nul\x00 in it", ""} {
		hash := p.SealOlder(weak(t, password))
		v, err := verify(t, p, hash, password)
		if err != nil || !v.OK {
			t.Errorf("%q: %+v, %v", password, v, err)
			continue
		}
		if again, err := verify(t, p, v.Rehash, password); err != nil || !again.OK {
			t.Errorf("%q, replaced: %+v, %v", password, again, err)
		}
		for _, other := range []string{password + " ", strings.TrimSpace(password) + "x"} {
			if v, err := verify(t, p, hash, other); err != nil || v.OK {
				t.Errorf("%q against the hash of %q: %+v, %v", other, password, v, err)
			}
		}
	}
}

func TestOlderHash_WhatCantBeVerifiedIsRefusedWithItsReason(t *testing.T) {
	sum32, sum64 := strings.Repeat("ab", 32), strings.Repeat("ab", 64)
	for hash, want := range map[string]error{
		"hunter2":              ErrHashPlain,
		"":                     ErrHashPlain,
		"a$b":                  ErrHashPlain,
		"correct horse 100":    ErrHashPlain,
		"sha256$salt$" + sum32: ErrHashUnknown,
		"$2b$12$abcdefghijklmnopqrstuuJ6J6J6J6J6J6J6J6J6J6J6J6J6J6J6J":  ErrHashUnknown, // not of our own making
		"$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA":                  ErrHashUnknown,
		"5f4dcc3b5aa765d61d8327deb882cf99":                              ErrHashUnknown, // md5
		"pbkdf2:md5:1000$salt$" + sum32:                                 ErrHashUnknown,
		"pbkdf2:sha256$salt$" + sum32:                                   ErrHashMalformed, // how many iterations?
		"pbkdf2:sha256:0$salt$" + sum32:                                 ErrHashMalformed,
		"pbkdf2:sha256:-5$salt$" + sum32:                                ErrHashMalformed,
		"pbkdf2:sha256:1e3$salt$" + sum32:                               ErrHashMalformed,
		"pbkdf2:sha256:1000:7$salt$" + sum32:                            ErrHashMalformed,
		"pbkdf2:sha256:1000$salt$" + sum32[1:]:                          ErrHashMalformed,
		"pbkdf2:sha256:1000$salt$" + sum64:                              ErrHashMalformed,
		"pbkdf2:sha256:1000$salt$" + sum32 + "$":                        ErrHashMalformed,
		"pbkdf2:sha256:1000$$" + sum32:                                  ErrHashMalformed,
		"pbkdf2:sha256:1000$salt":                                       ErrHashMalformed,
		"pbkdf2:sha256:1000":                                            ErrHashMalformed,
		"pbkdf2:sha256:1000$" + strings.Repeat("s", 1000) + "$" + sum32: ErrHashMalformed,
		"pbkdf2:sha256:2000001$salt$" + sum32:                           ErrHashTooCostly,
		"pbkdf2:sha256:99999999999999999999$salt$" + sum32:              ErrHashTooCostly,
		"scrypt$salt$" + sum64:                                          ErrHashMalformed,
		"scrypt:32768:8$salt$" + sum64:                                  ErrHashMalformed,
		"scrypt:32767:8:1$salt$" + sum64:                                ErrHashMalformed,
		"scrypt:1:8:1$salt$" + sum64:                                    ErrHashMalformed,
		"scrypt:32768:8:1$salt$" + sum32:                                ErrHashMalformed,
		"scrypt:32768:8:1$$" + sum64:                                    ErrHashMalformed,
		"scrypt:32768:8:5$salt$" + sum64:                                ErrHashTooCostly,
		"scrypt:131072:8:1$salt$" + sum64:                               ErrHashTooCostly,
		"scrypt:65536:8:4$salt$" + sum64:                                ErrHashTooCostly, // its memory would do
		"scrypt:32768:9999999999:1$salt$" + sum64:                       ErrHashTooCostly,
		"imperio:bcrypt:?":                                              ErrHashMalformed,
		"imperio:something:else":                                        ErrHashMalformed,
	} {
		err := CheckOlderHash(hash)
		if !errors.Is(err, want) {
			t.Errorf("%q: %v, want: %v", hash, err, want)
		} else if hash != "" && strings.Contains(err.Error(), hash) {
			t.Errorf("the error quotes the value: %v", err)
		}
		if _, err := parseOlderHash(hash); err == nil {
			t.Errorf("%q would be verified", hash)
		}
	}
	for _, hash := range []string{
		"pbkdf2:sha256:2000000$s$" + sum32, "scrypt:65536:8:2$s$" + sum64, "scrypt:2:1:1$s$" + sum64, "pbkdf2:sha256:1$säl:t$" + sum32,
	} {
		if err := CheckOlderHash(hash); err != nil {
			t.Errorf("%q: %v", hash, err)
		}
	}
}

func TestOlderHash_OfAnotherShapeIsAWrongPassword(t *testing.T) {
	p := passwords(t, PasswordOptions{})
	for _, hash := range []string{"scrypt:1073741824:8:1$salt$" + strings.Repeat("ab", 64), "pbkdf2:sha256$salt$ab", "imperio:bcrypt:", "hunter2"} {
		if v, err := verify(t, p, p.SealOlder(hash), "hunter2"); err != nil || v.OK {
			t.Errorf("%q: %+v, %v", hash, v, err)
		}
	}
}

func TestOlderHash_AWrongPasswordCostsAsMuchWorkAsAnUnknownName(t *testing.T) {
	// Durations on a busy machine prove nothing. So this counts the work that fills up what an older check left, of 32.
	p := passwords(t, PasswordOptions{Cost: 9})
	if done := p.spendRest(0, "x"); done != 31 && done != 32 {
		t.Errorf("an older check that took no time is followed by %d/32", done)
	}
	if done := p.spendRest(1000*time.Hour, "x"); done != 2 { // that measure the speed
		t.Errorf("an older check that took for ever is followed by %d/32", done)
	}
	began := time.Now()
	_ = bcrypt.CompareHashAndPassword(p.dummy[8], digest("x"))
	t.Logf("an older check that takes half as long is followed by %d/32", p.spendRest(time.Since(began), "x"))
}

func TestOwnHash_IsFoundAgainAndIsAWrongPasswordToTheOlderSystem(t *testing.T) {
	p := passwords(t, PasswordOptions{})
	sealed, err := p.Hash(t.Context(), false, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	own, err := p.seal.OpenPassword(sealed)
	if err != nil {
		t.Fatal(err)
	}
	older := weak(t, "correct horse")
	for _, c := range []struct {
		hash   string
		locked bool
		kept   bool // it is written as it came
	}{{own, false, false}, {own, true, false}, {older, true, false}, {"", true, false}, {older, false, true}} {
		value := OwnHash(c.hash, c.locked)
		if c.kept {
			if _, _, ok := ParseOwnHash(value); value != c.hash || ok {
				t.Errorf("%q is written as %q, ours: %v", c.hash, value, ok)
			}
			continue
		}
		hash, locked, ok := ParseOwnHash(value)
		if !ok || hash != c.hash || locked != c.locked || CheckOlderHash(value) != nil {
			t.Errorf("%q, locked %v, is written as %q, and read as %q, %v, %v", c.hash, c.locked, value, hash, locked, ok)
		}
		if strings.Contains(value, "$") {
			t.Errorf("the older system could take %q for a hash", value)
		}
		if hash != "" && CheckImportedHash(hash) != nil {
			t.Errorf("%q can't be imported: %v", hash, CheckImportedHash(hash))
		}
	}
	if v, err := verify(t, p, p.SealOlder(own), "correct horse"); err != nil || !v.OK {
		t.Errorf("imported again: %+v, %v", v, err)
	}
}

func TestNoAddress_CanBeNobodysAddress(t *testing.T) {
	if _, _, err := Email(NoAddress(1000)); err == nil || NoAddress(1) == NoAddress(11) {
		t.Errorf("a player may have %s", NoAddress(1000))
	}
}

func TestOwnHash_ForgedOnesAreRefused(t *testing.T) {
	code := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	costly := strings.Replace(string(dummyHash(5)), "$05$", "$31$", 1)
	for _, value := range []string{
		"imperio:bcrypt:", "imperio:bcrypt:" + code(costly), "imperio:locked:" + code(costly), "imperio:bcrypt:" + code("plain"),
		"imperio:bcrypt:" + code(string(dummyHash(5))[:40]), "imperio:bcrypt:" + code("$2a$05$"+strings.Repeat("!", 53)),
		"imperio:locked:" + code("hunter2"), "imperio:locked:%%%", "imperio:bcrypt:" + strings.Repeat("A", 4000), "imperio", "IMPERIO:locked:",
	} {
		if hash, locked, ok := ParseOwnHash(value); ok {
			t.Errorf("%q is read as %q, %v", value, hash, locked)
		}
		if CheckOlderHash(value) == nil {
			t.Errorf("%q would be imported", value)
		}
	}
	if CheckImportedHash(costly) == nil || CheckImportedHash("") == nil {
		t.Error("a hash that takes hours, or none, would be stored")
	}
}

func FuzzParseOlderHash(f *testing.F) {
	sum, err := scrypt.Key([]byte("x"), []byte("s"), 2, 1, 1, scryptHash)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("scrypt:2:1:1$s$" + hex.EncodeToString(sum))
	f.Add("pbkdf2:sha256:1$s$" + strings.Repeat("0", 64))
	f.Add("imperio:locked:")
	f.Fuzz(func(t *testing.T, stored string) {
		if _, err := parseOlderHash(stored); err == nil && CheckOlderHash(stored) != nil {
			t.Error("it would be verified, but not imported")
		}
		if hash, locked, ok := ParseOwnHash(stored); ok && OwnHash(hash, locked) != stored {
			t.Errorf("written again as %q", OwnHash(hash, locked))
		}
	})
}
