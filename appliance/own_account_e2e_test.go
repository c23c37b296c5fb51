package appliance

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"imperio/appliance/config"
	"imperio/appliance/control"
)

// operator calls the operators' API as the command line does.
func (h *realHouse) operator() *control.Client {
	return control.Local(newControl(h.app.casino, h.app.passwords, h.app.log, nil, nil, h.app.importRoom(), h.app.URL, "cashier"))
}

func TestSignUp_ByInvitation(t *testing.T) {
	h := openRealHouse(t, func(c *config.Config) { c.Accounts.SignUp = config.SignUpInvite })
	v := &realClient{h: h}
	if house := v.object(200, "GET", "/api/v1/house", ""); house["sign_up"] != "invite" {
		t.Errorf("%v", house)
	}
	signUp := func(name, code string) string {
		return fmt.Sprintf(`{"username":%q,"email":"%s@example.org","password":"correct horse","invitation":%q}`, name, name, code)
	}
	const accounts = "/api/v1/accounts"
	v.refused(403, "invitation_required", "POST", accounts, `{"username":"ana","email":"ana@example.org","password":"correct horse"}`)
	v.refused(403, "invitation_invalid", "POST", accounts, signUp("ana", "short"))
	v.refused(403, "invitation_invalid", "POST", accounts, signUp("ana", strings.Repeat("x", 43)))
	made, err := control.CreateInvitation.Call(t.Context(), h.operator(), control.NewInvitation{Uses: 1, Seconds: 3600, Reason: "friends"})
	if err != nil || !strings.HasSuffix(made.Link, "/sign-up#"+made.Code) || !strings.HasPrefix(made.Link, "http://127.0.0.1:") {
		t.Fatalf("%+v, %v", made, err)
	}
	key := []string{"Idempotency-Key", "sign-up"}
	v.object(201, "POST", accounts, signUp("ana", made.Code), key...)
	// The answer was lost: the same request opens no second account, although the invitation is used up.
	v.object(201, "POST", accounts, signUp("ana", made.Code), key...)
	v.refused(403, "invitation_invalid", "POST", accounts, signUp("ben", made.Code))
}

func TestSignUp_Closed(t *testing.T) {
	h := openRealHouse(t, func(c *config.Config) { c.Accounts.SignUp = config.SignUpClosed })
	v := &realClient{h: h}
	v.refused(403, "sign_up_closed", "POST", "/api/v1/accounts", `{"username":"ana","email":"ana@example.org","password":"correct horse"}`)
	// The operator opens accounts, and their owners set the passwords.
	if _, err := control.CreateAccount.Call(t.Context(), h.operator(), control.NewAccount{Username: "ana", Role: "player", Coins: 5}); err != nil {
		t.Fatal(err)
	}
	v.refused(401, "invalid_credentials", "POST", "/api/v1/sessions", `{"login":"ana","password":"correct horse"}`)
	v.object(200, "POST", "/api/v1/password-resets", fmt.Sprintf(`{"link":%q,"password":"correct horse"}`, h.passwordLink("ana")))
	v.object(201, "POST", "/api/v1/sessions", `{"login":"ana","password":"correct horse"}`)
}

// An export of several pages is one document with every round and transfer once, newest first.
func TestExport_HasEverything(t *testing.T) {
	h := openRealHouse(t)
	p := h.player("ana")
	const spins = 450
	for range spins {
		p.object(201, "POST", "/api/v1/games/slots/spins", `{"stake":1}`)
	}
	status, body := p.send("GET", "/api/v1/me/export", "")
	var out struct {
		Account   struct{ Username string }
		Rounds    []struct{ ID string }
		Transfers []struct {
			ID     string
			Amount int64
		}
	}
	if err := json.Unmarshal(body, &out); err != nil || status != 200 || out.Account.Username != "ana" || len(out.Rounds) != spins {
		t.Fatalf("%d, %v, %d rounds", status, err, len(out.Rounds))
	}
	seen := make(map[string]bool)
	var sum int64
	for _, r := range out.Rounds {
		seen[r.ID] = true
	}
	for _, v := range out.Transfers {
		sum += v.Amount
	}
	if account := p.object(200, "GET", "/api/v1/me", ""); len(seen) != spins || float64(sum) != account["coins"] {
		t.Errorf("%d different rounds, the transfers add up to %d: %v", len(seen), sum, account)
	}
}
