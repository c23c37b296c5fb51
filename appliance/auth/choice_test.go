package auth

import (
	"errors"
	"strings"
	"testing"
)

func TestCheckPassword_RefusesWhatIsGuessedFirst(t *testing.T) {
	for password, want := range map[string]error{
		"password": ErrPasswordCommon, "12345678": ErrPasswordCommon, "PassWord": ErrPasswordCommon, "iloveyou": ErrPasswordCommon,
		"qwertyuiop": ErrPasswordCommon, "ｐａｓｓｗｏｒｄ": ErrPasswordCommon, strings.Repeat("z", 40): ErrPasswordCommon, "日日日日日日日日": ErrPasswordCommon,
		"cherry_ann": ErrPasswordName, "Cherry_Ann2026!": ErrPasswordName, "ana.maria": ErrPasswordName, "ANA.MARIA@example.org": ErrPasswordName,
		"ana.maria99": ErrPasswordName, "short": ErrPasswordLength, strings.Repeat("ab", 129): ErrPasswordLength,
		"correct horse": nil, "cherry_annabel": nil, "xq7!mzk2": nil, "пароль-пароль": nil,
	} {
		if err := CheckPassword(password, "Cherry_Ann", "ana.maria@example.org"); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", password, err, want)
		}
	}
	if err := CheckPassword("correct horse", "", ""); err != nil {
		t.Errorf("an account without an address: %v", err)
	}
}

func TestCommon_IsSortedAndComplete(t *testing.T) {
	if len(common) != 5000*commonSize {
		t.Fatalf("%d bytes", len(common))
	}
	for i := commonSize; i < len(common); i += commonSize {
		if string(common[i-commonSize:i]) >= string(common[i:i+commonSize]) {
			t.Fatalf("hash %d is out of order", i/commonSize)
		}
	}
}

func TestCheckReserved_NamesThatLookLikeTheHouse(t *testing.T) {
	for _, name := range []string{
		"admin", "Admin", "ADMIN", "admın", "adm1n", "ad-min", "a.d.m.i.n", "adrnin", "root", "r00t", "support", "operator", "house",
		"ｈｏｕｓｅ", "Imperio", "lmperio", "1mperio", "inf0", "Casino",
	} {
		shown, key, err := Username(name)
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		if err := CheckReserved(shown, key); !errors.Is(err, ErrUsernameReserved) {
			t.Errorf("%q may be chosen", name)
		}
	}
	for _, name := range []string{"ana", "roots", "imperial", "housecat", "adminia", "supporter", "Максим", "山田太郎"} {
		shown, key, err := Username(name)
		if err := errors.Join(err, CheckReserved(shown, key)); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}
