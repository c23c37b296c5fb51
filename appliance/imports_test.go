package appliance

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"

	"imperio/appliance/config"
	"imperio/appliance/control"
)

// A player who was moved in from an older casino signs in with the password from there, and sees where the coins came from.
func TestImport_PlayersSignInAsBefore(t *testing.T) {
	h := openRealHouse(t, func(*config.Config) {})
	const password = " pass wörd "
	sum, err := pbkdf2.Key(sha256.New, password, []byte("salt"), 1000, sha256.Size)
	if err != nil {
		t.Fatal(err)
	}
	_, err = control.ImportAccounts.Call(t.Context(), h.operator(), control.ImportBatch{Source: "imperiocasino", Accounts: []control.ImportAccount{
		{Row: 1, Named: "ana", Username: "ana", PasswordHash: fmt.Sprintf("pbkdf2:sha256:1000$salt$%x", sum), Coins: 500, Stakes: 30},
		{Row: 2, Named: "ben", Username: "ben", PasswordHash: fmt.Sprintf("pbkdf2:sha256:1000$salt$%x", sum), Locked: true},
	}})
	if err != nil {
		t.Fatal(err)
	}
	v := &realClient{h: h}
	signIn := func(name string) string { return fmt.Sprintf(`{"login":%q,"password":%q}`, name, password) }
	v.refused(403, "account_locked", "POST", "/api/v1/sessions", signIn("ben"))
	v.token = v.object(201, "POST", "/api/v1/sessions", signIn("ana"))["token"].(string)
	if me := v.object(200, "GET", "/api/v1/me", ""); me["coins"] != 530.0 {
		t.Errorf("%v", me)
	}
	for kind, amount := range map[string]float64{"import": 500, "returned": 30} {
		list, ok := v.object(200, "GET", "/api/v1/me/transfers?kind="+kind, "")["transfers"].([]any)
		if !ok || len(list) != 1 || list[0].(map[string]any)["amount"] != amount || list[0].(map[string]any)["kind"] != kind {
			t.Errorf("%s: %v", kind, list)
		}
	}
}

// An import must not fill the disk that bets need.
func TestImport_LeavesTheReserveOfTheDisk(t *testing.T) {
	h := openRealHouse(t, func(*config.Config) {})
	disk := new(smallDisk)
	client := control.Local(newControl(h.app.casino, h.app.passwords, h.app.log, nil, nil, room{disk.space, 100}, h.app.URL, "cashier"))
	batch := control.ImportBatch{Source: "imperiocasino", Accounts: []control.ImportAccount{{Row: 1, Named: "ana", Username: "ana"}}}
	disk.free.Store(99)
	_, err := control.ImportAccounts.Call(t.Context(), client, batch)
	if refusal, ok := errors.AsType[*control.Refusal](err); !ok || refusal.Code != "low_disk_space" {
		t.Errorf("%v", err)
	}
	disk.free.Store(100)
	if _, err := control.ImportAccounts.Call(t.Context(), client, batch); err != nil {
		t.Error(err)
	}
}
