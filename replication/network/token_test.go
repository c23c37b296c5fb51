package network_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"imperio/replication/network"
)

func TestToken_IsOneWordThatReadsBack(t *testing.T) {
	token := network.NewToken([32]byte{1, 2, 3})
	text := token.String()
	if !strings.HasPrefix(text, "imperio-join-") || len(strings.Fields(text)) != 1 {
		t.Errorf("the token is %q", text)
	}
	for _, s := range []string{text, " " + text + "\n"} {
		if read, err := network.ParseToken(s); err != nil || read != token {
			t.Errorf("%q: %v, %v", s, read, err)
		}
	}
	if network.NewToken([32]byte{1, 2, 3}).ID() == token.ID() {
		t.Error("two tokens have one secret")
	}
}

func TestToken_EachMistypedCharacterIsNoticed(t *testing.T) {
	text := network.NewToken([32]byte{1, 2, 3}).String()
	for i := range text {
		for _, c := range "A_z" {
			if wrong := text[:i] + string(c) + text[i+1:]; wrong != text {
				if _, err := network.ParseToken(wrong); err == nil {
					t.Errorf("character %d may be %q", i, c)
				}
			}
		}
		if _, err := network.ParseToken(text[:i]); err == nil {
			t.Errorf("%d characters are enough", i)
		}
	}
}

func TestToken_IsNotLogged(t *testing.T) {
	var log strings.Builder
	token := network.NewToken([32]byte{1, 2, 3})
	slog.New(slog.NewTextHandler(&log, nil)).Info("a token", "token", token)
	secret := strings.TrimPrefix(token.String(), "imperio-join-")
	if strings.Contains(log.String(), secret[50:]) || strings.Contains(log.String(), token.ID()) {
		t.Error(log.String())
	}
	_, err := network.ParseToken(token.String()[:60])
	if err == nil || strings.Contains(fmt.Sprint(err), secret[:10]) {
		t.Error(err)
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add("")
	f.Add("imperio-join-")
	f.Add(network.NewToken([32]byte{1, 2, 3}).String())
	f.Add(network.Token{}.String() + "\r\n")
	f.Fuzz(func(t *testing.T, s string) {
		token, err := network.ParseToken(s)
		if err == nil && token.String() != strings.TrimSpace(s) {
			t.Errorf("%q reads as %q", s, token)
		}
	})
}
