package auth

import (
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"imperio/storage/seal"
)

func passwords(t *testing.T, o PasswordOptions) *Passwords {
	t.Helper()
	if o.Cost == 0 {
		o.Cost = 5
	}
	o.Seal = seal.New([seal.KeySize]byte{1})
	if o.Patience == 0 {
		o.Patience = time.Hour
	}
	p, err := NewPasswords(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func verify(t *testing.T, p *Passwords, hash, password string) (Verified, error) {
	t.Helper()
	turn, err := p.Turn(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer turn.End()
	return turn.Verify(hash, password)
}

func TestPasswords_OnlyTheRightOneIsRight(t *testing.T) {
	p := passwords(t, PasswordOptions{})
	long := strings.Repeat("x", 100)
	for _, pw := range []string{
		"12345678", "  spaces at both ends  ", "пароль-пароль", "パスワードパスワード", "nul\x00 in the middle",
		long, strings.Repeat("界", MaxPasswordLength),
	} {
		hash, err := p.Hash(t.Context(), false, pw)
		if err != nil {
			t.Fatalf("hash %q: %v", pw, err)
		}
		for _, try := range []struct {
			password string
			ok       bool
		}{{pw, true}, {pw + " ", false}, {pw[:len(pw)-1], false}, {strings.TrimSpace(pw) + "!", false}, {"", false}} {
			v, err := verify(t, p, hash, try.password)
			if err != nil || v.OK != try.ok || v.Rehash != "" {
				t.Errorf("verify %q against the hash of %q: %+v, %v", try.password, pw, v, err)
			}
		}
	}
}

func TestPasswords_LengthIsCountedInCharacters(t *testing.T) {
	p := passwords(t, PasswordOptions{})
	for pw, ok := range map[string]bool{
		"":                                false,
		"1234567":                         false,
		"1234567é":                        true,
		"ññññ":                            false, // eight bytes, four characters
		strings.Repeat("a", 256):          true,
		strings.Repeat("a", 257):          false,
		strings.Repeat("\U0001f352", 256): true,
	} {
		if _, err := p.Hash(t.Context(), false, pw); (err == nil) != ok || (!ok && !errors.Is(err, ErrPasswordLength)) {
			t.Errorf("%d bytes: %v", len(pw), err)
		}
	}
}

func TestPasswords_HashOfAnotherCostIsReplaced(t *testing.T) {
	old, now := passwords(t, PasswordOptions{Cost: 4}), passwords(t, PasswordOptions{Cost: 6})
	hash, err := old.Hash(t.Context(), false, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	v, err := verify(t, now, hash, "correct horse")
	if err != nil || !v.OK || v.Rehash == "" {
		t.Fatalf("%+v, %v", v, err)
	}
	better, err := now.seal.OpenPassword(v.Rehash)
	if err != nil {
		t.Fatal(err)
	}
	if cost, err := bcrypt.Cost([]byte(better)); err != nil || cost != 6 {
		t.Errorf("rehash has cost %d, %v", cost, err)
	}
	if v, err := verify(t, now, v.Rehash, "correct horse"); err != nil || !v.OK || v.Rehash != "" {
		t.Errorf("the better hash: %+v, %v", v, err)
	}
	if v, err := verify(t, now, hash, "wrong horse"); err != nil || v.OK || v.Rehash != "" {
		t.Errorf("a wrong password: %+v, %v", v, err)
	}
}

func TestPasswords_NoPasswordIsRightWithoutAnAccount(t *testing.T) {
	p := passwords(t, PasswordOptions{})
	for _, hash := range []string{"", p.seal.SealPassword("plain"), p.seal.SealPassword("$2a$05$short"), p.seal.SealPassword(string(p.dummy[5]))} {
		if v, err := verify(t, p, hash, "plain"); err != nil || v.OK {
			t.Errorf("hash %q: %+v, %v", hash, v, err)
		}
	}
}

func TestPasswords_DummyMakesBcryptWork(t *testing.T) {
	// bcrypt would refuse a malformed dummy at once, and the speed would reveal unknown names.
	for cost := bcrypt.MinCost; cost <= 8; cost++ {
		if got, err := bcrypt.Cost(dummyHash(cost)); err != nil || got != cost {
			t.Fatalf("cost %d: %d, %v", cost, got, err)
		}
		if err := bcrypt.CompareHashAndPassword(dummyHash(cost), []byte("x")); !errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
			t.Errorf("cost %d: %v", cost, err)
		}
	}
}

func TestPasswords_AHashThatCantBeOpenedIsNotAWrongPassword(t *testing.T) {
	hash, err := passwords(t, PasswordOptions{}).Hash(t.Context(), false, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	other := passwords(t, PasswordOptions{})
	other.seal = seal.New([seal.KeySize]byte{2})
	if v, err := verify(t, other, hash, "correct horse"); !errors.Is(err, seal.ErrSealed) || v.OK {
		t.Errorf("%+v, %v", v, err)
	}
}
