package browsertest

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// operate runs a verb of the operator on the house, over its socket, and returns the link that it prints.
func (h *house) operate(t *testing.T, verb ...string) (link string) {
	t.Helper()
	out, err := exec.Command(h.command.Path, append(verb, "--data-dir", h.data, "--reason", "a test", "--json")...).Output()
	var made struct {
		Link string `json:"link"`
	}
	if err := json.Unmarshal(out, &made); err != nil {
		t.Fatalf("%v printed %q: %v", verb, out, err)
	}
	must(t, err)
	_, path, found := strings.Cut(made.Link, "://")
	if !found {
		t.Fatalf("%v printed the link %q", verb, made.Link)
	}
	return path[strings.Index(path, "/"):]
}

func TestInvitation_OpensAnAccount(t *testing.T) {
	p, h := openIn(t, look{}, "--sign-up", "invite")
	p.visit(h.operate(t, "invite", "create"))
	p.wait("the code is in the form, and not in the address bar", `document.querySelector('input[name=invitation]')?.value && location.href.endsWith('/sign-up')`)
	p.click(`.languages button[lang=de]`)
	p.wait("another language keeps the code", `document.documentElement.lang === 'de' && document.querySelector('input[name=invitation]')?.value && document.querySelector('h1').textContent === 'Ein Platz für Sie'`)
	p.enter("input[name=username]", "guest")
	p.enter("input[name=email]", "guest@example.org")
	p.enter("input[name=password]", "correct horse battery")
	p.click("form button[type=submit]")
	p.wait("the account is open", fmt.Sprintf(`location.pathname === '/' && document.getElementById('balance')?.dataset.coins === '%d'`, welcomeCoins))
}

func TestPasswordLink_SetsThePasswordOnce(t *testing.T) {
	p := open(t, look{})
	q := p.join() // and is signed in with the password that is forgotten
	link := shared.house.operate(t, "account", "password", q.name, "--link")
	p.visit(link)
	p.click(`.languages button[lang=es]`)
	p.wait("another language keeps the right to set it", `document.querySelector('h1')?.textContent === 'Una contraseña nueva' && document.querySelector('input[name=password]')`)
	p.expect("422")
	p.enter("input[name=password]", q.name+"1")
	p.click("form button[type=submit]")
	p.wait("a password like the name is refused at its field", `document.activeElement.matches('input[name=password][aria-invalid=true]')`)
	p.expect("401")
	p.expect("WebSocket")
	p.enter("input[name=password]", "another good password")
	p.click("form button[type=submit]")
	p.wait("whose password it is", `document.getElementById('done')?.textContent.includes(%s) && !document.getElementById('balance')`, q.name)
	p.checkAccess("a password that is set")
	p.click("main a[href='/sign-in']")
	p.wait("the sign-in knows the name", `document.querySelector('input[name=login]')?.value === %s`, q.name)
	p.enter("input[name=password]", "another good password")
	p.click("form button[type=submit]")
	p.wait("signed in", `location.pathname === '/' && document.getElementById('balance')`)
	p.expect("403")
	p.visit(link)
	p.enter("input[name=password]", "a third good password")
	p.click("form button[type=submit]")
	p.wait("the link works once", `/ya se ha usado/.test(document.querySelector('.note.bad:not([hidden])')?.textContent)`)
}
