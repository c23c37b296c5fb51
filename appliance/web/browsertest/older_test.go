package browsertest

import (
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"imperio/appliance/bench"
)

// olderPage behaves as the front ends of ImperioCasino do: it takes the token from its address and keeps it, asks several things
// at once when it opens, polls, never looks at an answer's status, and only ever appends cards.
const olderPage = `<!doctype html><meta charset="utf-8"><title>Older front end</title>
<p id="coins">?</p><p id="verified">?</p><p id="dealer"></p><p id="hand"></p><p id="said"></p>
<script>
const casino = 'CASINO';
const q = new URLSearchParams(location.search);
const token = q.get('token'), username = q.get('username');
localStorage.setItem('authToken', token);
const ask = async (method, path, body) => (await fetch(casino + path, {
  method, headers: { Authorization: 'Bearer ' + localStorage.getItem('authToken'), 'Content-Type': 'application/json' }, body: body && JSON.stringify(body),
})).json();
let polls = 0, round;
const show = (id, text) => { document.getElementById(id).textContent = text; };
const balance = async () => { const a = await ask('GET', '/getCoins?userId=' + username); show('coins', a.coins ?? a.message); polls++; };
fetch(casino + '/verify-token', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ token, username }) })
  .then((r) => r.json()).then((a) => show('verified', a.message));
balance(); balance();
setInterval(balance, 300);
const deal = (g) => {
  for (const [id, cards] of [['dealer', g.dealer_hand], ['hand', g.player_hand]]) {
    const there = document.getElementById(id);
    for (let i = there.children.length; i < cards.length; i++) {
      const card = document.createElement('b');
      card.textContent = cards[i].suit + '-' + cards[i].name + ' ';
      there.append(card);
    }
  }
  show('said', g.message); show('coins', g.player_coins);
};
const start = async (wager) => {
  const g = await ask('POST', '/blackjack/start', { wager });
  if (g.message) { show('said', g.message); return g; }
  show('dealer', ''); show('hand', '');
  round = g.id; deal(g); return g;
};
const act = async (action) => { const g = await ask('POST', '/blackjack/action', { action, game_id: round }); deal(g); return g; };
</script>`

// openOlder starts a casino with older front ends, and those on another origin.
func openOlder(t *testing.T) (h *house, pages string) {
	t.Helper()
	ready(t)
	address, err := bench.FreeAddress()
	must(t, err)
	pages = "http://" + address
	h, err = startHouse(shared.house.command.Path, filepath.Join(t.TempDir(), "data"), "--legacy-api", "on",
		"--legacy-slots-url", pages, "--legacy-blackjack-url", pages+"/blackjack/", "--legacy-roulette-url", pages)
	must(t, err)
	t.Cleanup(h.close)
	listener, err := net.Listen("tcp", address)
	must(t, err)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, strings.Replace(olderPage, "CASINO", h.base, 1))
	})}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close(); <-served })
	return h, pages
}

func TestOlderFrontEnd_PlaysAsItDidBefore(t *testing.T) {
	h, pages := openOlder(t)
	p := openFresh(t, look{})
	p.base = h.base
	p.expect("Failed to load resource") // what is refused on purpose
	q := &player{t: t, base: h.base, name: "ana", password: "correct horse battery"}
	q.do("POST", "/accounts", map[string]string{"username": q.name, "email": "ana@example.org", "password": q.password}, nil)

	// The launch of somebody who is not signed in leads over the sign-in page.
	p.visit("/redirect-imperio")
	p.wait("the sign-in page", `location.pathname === '/sign-in' && document.querySelector('input[name=password]')`)
	run(p, `for (const [n, v] of [['login', 'ana'], ['password', %s]]) document.querySelector('input[name=' + n + ']').value = v`, q.password)
	run(p, `document.querySelector('form').requestSubmit()`)
	p.wait("the front end", `location.origin === %s && document.getElementById('coins').textContent === '5000'`, pages)
	p.wait("the token is verified", `document.getElementById('verified').textContent === 'Token is valid'`)
	p.wait("it polls", `polls > 4`)

	// Two at once, and a double click: nothing is lost, and the page never breaks.
	run(p, `Promise.all([ask('POST', '/spin', { userId: 'x' }), ask('POST', '/spin', { userId: 'x' }),
		ask('POST', '/roulette/action', { bet: [{ amt: 5, type: 'outside_dozen', odds: 2, numbers: '1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12' }] })])
		.then((all) => { if (all.some((a) => a.message)) throw new Error(JSON.stringify(all)); })`)
	for range 8 {
		run(p, `Promise.all([start(10), start(10)]).then(async ([a, b]) => {
			if (a.message || b.message) throw new Error(a.message + b.message);
			for (let g = a; !g.game_over;) [g] = await Promise.all([act('hit'), act('stand')]);
		})`)
	}
	p.wait("the balance that the casino knows", `ask('GET', '/getCoins').then((a) => a.coins)`)
	q.do("POST", "/sessions", map[string]string{"login": "ana", "password": q.password}, &struct{ Token *string }{&q.token})
	coins := eval[int](p, `ask('GET', '/getCoins').then((a) => a.coins)`)
	if want := q.coins(); coins != want {
		t.Errorf("the page has %d coins, the casino %d", coins, want)
	}

	// A reload, and an old tab, go on with the same address. The address is worth nothing in another browser.
	address := eval[string](p, `location.href`)
	p.do("reload", chromedp.Navigate(address))
	p.wait("the balance after a reload", `Number(document.getElementById('coins').textContent) === %s`, coins)
	other := openFresh(t, look{})
	other.expect("Failed to load resource")
	call(other, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: "Another browser"})
	other.do("the address elsewhere", chromedp.Navigate(address))
	other.wait("it is refused", `document.getElementById('coins').textContent.startsWith("This page's session has ended")`)

	// Signing out in the casino ends the front end as well.
	p.visit("/rules")
	run(p, `fetch('/api/v1/sessions/current', { method: 'DELETE' }).then((r) => { if (r.status !== 204) throw new Error(r.status); })`)
	p.do("the old tab", chromedp.Navigate(address))
	p.wait("it is refused", `document.getElementById('coins').textContent.startsWith("This page's session has ended")`)
	p.do("nothing", chromedp.Navigate("about:blank"))
	other.do("nothing", chromedp.Navigate("about:blank"))
}
