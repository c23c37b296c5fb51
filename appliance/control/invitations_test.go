package control

import (
	"strings"
	"testing"
	"time"

	"imperio/appliance/auth"
	"imperio/storage/command"
)

func TestInvitations_AreMadeListedAndRevoked(t *testing.T) {
	h := newHouse(t)
	c := h.socket()
	made, err := CreateInvitation.Call(t.Context(), c, NewInvitation{Uses: 2, Seconds: 3600, Reason: "friends"})
	if err != nil || made.Link != "https://casino.example/sign-up#"+made.Code || !made.ExpiresAt.Equal(h.Time().Add(time.Hour)) {
		t.Fatalf("%+v, %v", made, err)
	}
	hash, ok := auth.HashToken(made.Code)
	if stored, found, err := h.Invitation(hash); !ok || !found || err != nil || stored.UsesLeft != 2 {
		t.Errorf("the code leads to %+v, %t, %v", stored, found, err)
	}
	list, err := ListInvitations.Call(t.Context(), c, None{})
	if err != nil || len(list.Invitations) != 1 || list.Invitations[0].ID != made.ID || list.Invitations[0].UsesLeft != 2 ||
		list.Invitations[0].Reason != "friends" || list.Invitations[0].Actor == "" {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := RevokeInvitation.Call(t.Context(), c, Revocation{ID: made.ID, Reason: "leaked"}); err != nil {
		t.Error(err)
	}
	if list, err := ListInvitations.Call(t.Context(), c, None{}); err != nil || len(list.Invitations) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := RevokeInvitation.Call(t.Context(), c, Revocation{ID: made.ID, Reason: "leaked"}); err == nil || !strings.Contains(err.Error(), "no invitation") {
		t.Errorf("revoked again: %v", err)
	}
	for _, in := range []NewInvitation{{0, 1, "x"}, {1_000_001, 1, "x"}, {1, 0, "x"}, {1, 11 * 365 * 24 * 3600, "x"}, {1, 1, ""}} {
		if _, err := CreateInvitation.Call(t.Context(), c, in); err == nil {
			t.Errorf("%+v: %v", in, err)
		}
	}
}

func TestPasswordLink_OpensTheAccountThatHasNoPasswordYet(t *testing.T) {
	h := newHouse(t)
	c := h.socket()
	a, err := CreateAccount.Call(t.Context(), c, NewAccount{Username: "cherry", Role: "player"})
	if err != nil {
		t.Fatal(err)
	}
	if h.knows("cherry", "") {
		t.Error("an account without a password can be signed in to")
	}
	made, err := CreatePasswordLink.Call(t.Context(), c, NewPasswordLink{Who: "cherry", Reason: "new"})
	secret, found := strings.CutPrefix(made.Link, "https://casino.example/reset-password#1000.")
	if err != nil || !found {
		t.Fatalf("%+v, %v", made, err)
	}
	hash, _ := auth.HashToken(secret)
	if link, ok, err := h.PasswordLink(command.AccountID(a.ID)); !ok || err != nil || link.Link != hash || !link.ExpiresAt.Equal(made.ExpiresAt) {
		t.Errorf("%+v, %t, %v", link, ok, err)
	}
	if _, err := CreatePasswordLink.Call(t.Context(), c, NewPasswordLink{Who: "apple", Reason: "new"}); err == nil || !strings.Contains(err.Error(), "There is no account") {
		t.Error(err)
	}
	if _, err := CreatePasswordLink.Call(t.Context(), c, NewPasswordLink{Who: "cherry"}); err == nil || !strings.Contains(err.Error(), "Say why") {
		t.Error(err)
	}
}

func TestDeleteAccount_OnlyTheIDIsLeft(t *testing.T) {
	h := newHouse(t)
	c := h.socket()
	if _, err := CreateAccount.Call(t.Context(), c, NewAccount{Username: "cherry", Email: "cherry@example.org", Role: "player", Coins: 5}); err != nil {
		t.Fatal(err)
	}
	if a, err := SetEmail.Call(t.Context(), c, Email{"cherry", "c@example.net", "moved"}); err != nil || a.Email != "c@example.net" {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := SetEmail.Call(t.Context(), c, Email{"cherry", "nobody", "moved"}); err == nil || !strings.Contains(err.Error(), "e-mail address") {
		t.Error(err)
	}
	if a, err := SetEmail.Call(t.Context(), c, Email{"cherry", "", "has none"}); err != nil || a.Email != "" {
		t.Errorf("%+v, %v", a, err)
	}
	a, err := DeleteAccount.Call(t.Context(), c, Deletion{"cherry", "asked for it"})
	if err != nil || a.ID != 1000 || a.Username != "" || a.Coins != 0 || a.DeletedAt.IsZero() {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := ShowAccount.Call(t.Context(), c, Who{"cherry"}); err == nil || !strings.Contains(err.Error(), "There is no account") {
		t.Error(err)
	}
	if a, err := ShowAccount.Call(t.Context(), c, Who{"#1000"}); err != nil || a.DeletedAt.IsZero() {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := GrantCoins.Call(t.Context(), c, Grant{"#1000", 5, "a gift"}); err == nil || !strings.Contains(err.Error(), "There is no account") {
		t.Error(err)
	}
}
