package browsertest

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// enter types a text into a field.
func (p *tab) enter(field, text string) {
	p.t.Helper()
	run(p, `(i => { i.value = %s; i.dispatchEvent(new Event('input', { bubbles: true })); })(document.querySelector(%s))`, text, field)
}

// letCopy lets the page use the clipboard, as the tab in front may.
func (p *tab) letCopy() {
	p.t.Helper()
	profile := chromedp.FromContext(p.ctx).BrowserContextID
	for _, name := range []string{"clipboard-read", "clipboard-write"} {
		call(p, browser.SetPermission, browser.SetPermissionParams{Permission: &browser.PermissionDescriptor{Name: name}, Setting: browser.PermissionSettingGranted,
			BrowserContextID: profile})
	}
	p.t.Cleanup(func() { call(p, browser.ResetPermissions, browser.ResetPermissionsParams{BrowserContextID: profile}) })
	call(p, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
}

func TestToken_IsMadeCopiedUsedAndEnded(t *testing.T) {
	p := open(t, look{width: 360, height: 740})
	p.letCopy()
	q := p.join()
	p.visit("/account")
	p.enter("input[name=token-name]", "bot at home")
	p.enter("input[name=days]", "367")
	p.click("#make-token button[type=submit]")
	p.wait("too many days are refused at the field", `document.activeElement.matches('input[name=days][aria-invalid=true]')`)
	p.enter("input[name=days]", "7")
	p.click("input[name=read]")
	p.click("#make-token button[type=submit]")
	p.wait("a token without permissions is refused", `document.activeElement.matches('input[name=read]') && /at least one/.test(document.querySelector('#make-token fieldset').innerText)`)
	p.click("input[name=read]")
	p.click("input[name=play]")
	p.click("#make-token button[type=submit]")
	p.wait("the token", `document.querySelector('#new-token:not([hidden]) input')`)
	p.checkAccess("a new token")
	p.checkWidth("a new token")
	token := eval[string](p, `document.querySelector('#new-token input').value`)
	p.click("#new-token button")
	p.wait("it is copied", `document.querySelector('#new-token [role=status]').textContent === 'It is copied.'`)
	if copied := eval[string](p, `navigator.clipboard.readText()`); copied != token {
		t.Errorf("the token is %q, copied was %q", token, copied)
	}
	bot := &player{t: t, base: p.base, name: q.name + "bot", token: token}
	bot.do("POST", "/games/slots/spins", map[string]int{"stake": 1}, nil)
	bot.coins()

	p.visit("/account")
	p.wait("the list names it", `/bot at home.*read, play/s.test(document.querySelector('#tokens [data-id]')?.innerText)`)
	if eval[bool](p, `[document.documentElement.outerHTML, ...[...document.querySelectorAll('input')].map(i => i.value)].some(text => text.includes(%s))`, token) {
		t.Error("the page shows the token again")
	}
	p.click("#tokens [data-id] button")
	p.wait("it has ended, and the focus is near", `!document.querySelector('#tokens [data-id]') && document.activeElement.matches('#tokens h2')`)
	if err := bot.try("GET", "/me", nil, nil); !isRefused(err, "unauthenticated") {
		t.Errorf("the ended token still works: %v", err)
	}
}

func TestEmail_IsChangedWithThePassword(t *testing.T) {
	p := open(t, look{})
	other := p.join()
	q := p.join()
	p.visit("/account")
	set := func(password, email string) {
		p.enter("#change-email input[name=current]", password)
		p.enter("#change-email input[name=email]", email)
		p.click("#change-email button[type=submit]")
	}
	p.expect("403")
	set("not my password", "new-"+q.name+"@example.org")
	p.wait("a wrong password is refused at its field", `document.activeElement.matches('#change-email input[name=current][aria-invalid=true]')`)
	p.expect("409")
	set(q.password, other.name+"@example.org")
	p.wait("another account's address is refused at its field", `document.activeElement.matches('#change-email input[name=email][aria-invalid=true]')`)
	set(q.password, "new-"+q.name+"@example.org")
	p.wait("the page shows the new address", `document.getElementById('email').textContent === %s && document.querySelector('#change-email .note:not([hidden]):not(.bad)')`, "new-"+q.name+"@example.org")
	q.do("POST", "/sessions", map[string]string{"login": "new-" + q.name + "@example.org", "password": q.password}, nil)
}

func TestExport_IsSavedAsAFile(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	q.do("POST", "/games/slots/spins", map[string]int{"stake": 1}, nil)
	var me struct {
		ID string `json:"id"`
	}
	q.do("GET", "/me", nil, &me)
	directory := p.downloads()
	p.visit("/account")
	p.click("#export")
	content, err := os.ReadFile(saved(t, directory, "imperio-account-"+me.ID+".json"))
	must(t, err)
	var own struct {
		Account struct {
			Username string `json:"username"`
		} `json:"account"`
		Rounds []round `json:"rounds"`
	}
	if err := json.Unmarshal(content, &own); err != nil || own.Account.Username != q.name || len(own.Rounds) != 1 {
		t.Errorf("the file holds %+v, %v", own, err)
	}
}

func TestDeletion_NeedsASecondStepAndEndsTheAccount(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	now := q.dealUntil("a decision", func(table) bool { return true })
	p.visit("/account")
	if !eval[bool](p, `document.querySelector('#deletion button').disabled`) {
		t.Error("a deletion takes one click")
	}
	remove := func(password string) {
		p.enter("#deletion input[name=current]", password)
		p.click("#deletion button")
	}
	p.click("#deletion input[type=checkbox]")
	p.expect("403")
	remove("not my password")
	p.wait("a wrong password is refused at its field", `document.activeElement.matches('#deletion input[name=current][aria-invalid=true]')`)
	p.expect("409")
	remove(q.password)
	p.wait("an open round is in the way", `/still open/.test(document.querySelector('#deletion .note.bad:not([hidden])')?.textContent)`)
	q.settle(now)
	p.expect("WebSocket")
	remove(q.password)
	p.wait("the lobby says so", `location.pathname === '/' && !document.getElementById('balance') && document.querySelector('.banner')?.textContent.includes(%s)`, q.name)
	if words := p.text(".banner"); !strings.Contains(words, "has been deleted") {
		t.Errorf("the banner says %q", words)
	}
	if err := q.try("POST", "/sessions", map[string]string{"login": q.name, "password": q.password}, nil); !isRefused(err, "invalid_credentials") {
		t.Errorf("after the deletion a sign-in answers %v", err)
	}
}
