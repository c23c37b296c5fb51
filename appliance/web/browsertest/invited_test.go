package browsertest

import (
	"path/filepath"
	"testing"
)

// openIn opens a tab in a house of its own, which is started with more flags.
func openIn(t *testing.T, l look, flags ...string) (*tab, *house) {
	t.Helper()
	ready(t)
	h, err := startHouse(shared.house.command.Path, filepath.Join(t.TempDir(), "data"), flags...)
	must(t, err)
	t.Cleanup(h.close) // after the tab is closed
	p := openFresh(t, l)
	p.base = h.base
	return p, h
}

func TestClosedHouse_InvitesNobodyToSignUp(t *testing.T) {
	p, _ := openIn(t, look{}, "--sign-up", "closed")
	for _, path := range []string{"/", "/sign-in", "/slots"} {
		p.visit(path)
		if eval[bool](p, `!!document.querySelector('a[href^="/sign-up"]')`) {
			t.Errorf("%s leads to the sign-up", path)
		}
	}
	p.visit("/sign-up")
	p.wait("a sentence in place of the form", `document.getElementById('closed') && !document.querySelector('form')`)
	p.checkAccess("the sign-up of a closed house")
}

func TestInvitation_IsTakenFromTheLinkAndRefusedAtItsField(t *testing.T) {
	p, _ := openIn(t, look{}, "--sign-up", "invite")
	p.visit("/sign-up#no-such-code")
	p.wait("the code is in the form, and nowhere else", `document.querySelector('input[name=invitation]').value === 'no-such-code' && location.href.endsWith('/sign-up')`)
	p.checkAccess("the sign-up with an invitation")
	p.enter("input[name=username]", "guest")
	p.enter("input[name=email]", "guest@example.org")
	p.enter("input[name=password]", "correct horse battery")
	p.expect("403")
	p.click("form button[type=submit]")
	p.wait("it is refused at its field", `document.activeElement.matches('input[name=invitation][aria-invalid=true]')`)
	run(p, `(() => { location.hash = 'another-code'; })()`) // as by a link that is pasted into the address bar
	p.wait("another link's code takes its place", `document.querySelector('input[name=invitation]').value === 'another-code' && location.href.endsWith('/sign-up')`)
}

func TestPasswordLink_IsTakenFromTheAddressAndRefusedInWords(t *testing.T) {
	p := open(t, look{})
	p.visit("/reset-password#1000.no-such-secret")
	if at := eval[string](p, `location.pathname + location.hash`); at != "/reset-password" {
		t.Errorf("the link stays in the address bar: %s", at)
	}
	p.enter("input[name=password]", "another good password")
	p.expect("403")
	p.click("form button[type=submit]")
	p.wait("a link that is not in force is refused in words", `/has been used, or it has expired/.test(document.querySelector('.note.bad:not([hidden])')?.textContent)`)
	p.visit("/reset-password")
	p.wait("without a link there is no form", `document.getElementById('no-link') && !document.querySelector('form')`)
	if !eval[bool](p, `document.querySelector('meta[name=robots]')?.content === 'noindex'`) {
		t.Error("search engines may list the page")
	}
}
