package browsertest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"imperio/appliance/proof"
	"imperio/games/catalogue"
)

// demoCoins is what a guest is shown to have.
func (p *tab) demoCoins() int {
	p.t.Helper()
	return eval[int](p, `Number(document.getElementById('demo-coins').dataset.coins)`)
}

// A guest plays with coins of no account, even where the casino can't be reached.
func TestGuest_PlaysWithoutTheCasino(t *testing.T) {
	p := open(t, look{})
	p.visit("/slots")
	p.wait("the demo", `document.getElementById('demo').checkVisibility()`)
	if words := p.text("#demo"); !strings.Contains(words, "1,000 coins of no account") || !strings.Contains(words, "drawn in your browser") {
		t.Errorf("the page says %q", words)
	}
	p.wait("the seeds are drawn", `document.querySelector('.shield') && performance.getEntriesByType('resource').some(e => e.name.endsWith('/fair/core.js') && e.responseEnd)`)
	p.expect("ERR_")
	p.offline(true)
	p.click("#spin")
	p.wait("the outcome", `!document.getElementById('spin').disabled && /net/.test(document.getElementById('outcome').textContent)`)
	p.wait("the coins", `document.querySelector('.recent a')`)
	net := eval[string](p, `document.querySelector('.recent [class]').textContent`)
	p.offline(false)
	if href := eval[string](p, `document.querySelector('.recent a').getAttribute('href')`); href != "/fairness?demo=1" {
		t.Errorf("the round links to %s", href)
	}
	p.click(".shield")
	p.wait("the seed can be seen at once", `/^[0-9a-f]{64}$/.test(document.getElementById('shield-seed').textContent)`)
	if ok := eval[bool](p, `(async () => {
		const seed = Uint8Array.from(document.getElementById('shield-seed').textContent.match(/../g), x => parseInt(x, 16));
		const sum = [...new Uint8Array(await crypto.subtle.digest('SHA-256', seed))].map(b => b.toString(16).padStart(2, '0')).join('');
		return sum === document.getElementById('shield-commitment').textContent;
	})()`); !ok {
		t.Error("the seed is not the one that the commitment is of")
	}
	p.click(`dialog a[href="/fairness?demo=1"]`)
	p.wait("the verdict", `document.querySelector('[data-verdict=right]')`)
	p.click(`nav a[href="/slots"]`)
	p.wait("the coins and the round are still there", `document.querySelector('.recent a') && document.querySelector('.machine')`)
	if want := fmt.Sprint(p.demoCoins() - 1000); strings.NewReplacer("−", "-", "+", "", "±", "").Replace(net) != want {
		t.Errorf("the round came to %s, and the coins say %s", net, want)
	}
}

func TestGuest_PlaysBlackjackAndComesBackToTheTable(t *testing.T) {
	p := open(t, look{})
	p.visit("/blackjack")
	open := false
	for range 40 {
		p.click("#deal")
		p.wait("the cards", `document.querySelectorAll('.hand im-card').length >= 2 && (document.querySelector('.actions:not([hidden]) button:not(:disabled)') || !document.getElementById('deal').disabled)`)
		if open = eval[bool](p, `!!document.querySelector('[data-action=stand]:not(:disabled)')`); open {
			break
		}
		p.finish()
	}
	if !open {
		t.Fatal("no round stayed open")
	}
	hand := p.text(".hand")
	p.click(`nav a[href="/slots"]`)
	p.wait("the slots", `document.querySelector('.machine')`)
	p.click(`nav a[href="/blackjack"]`)
	p.wait("the round is on the table", `document.querySelector('[data-action=stand]:not(:disabled)')`)
	if again := p.text(".hand"); again != hand {
		t.Errorf("the hand was %q and is %q", hand, again)
	}
	p.finish()
	p.wait("the round is listed", `document.querySelector('.recent a[href^="/fairness?demo="]')`)
}

func TestGuest_GetsMoreCoinsAndASignUpKeepsNothing(t *testing.T) {
	p := open(t, look{})
	for p.visit("/roulette"); ; p.visit("/roulette") { // a page that is loaded begins with new coins
		p.click(`.chips [data-chip="1000"]`)
		p.click(p.spot("straight:17"))
		p.click("#spin")
		p.wait("the ball has fallen", `document.querySelector('#outcome .ball-number')`)
		if p.demoCoins() == 0 {
			break
		}
	}
	p.click("#demo [data-more]")
	p.wait("more coins", `document.getElementById('demo-coins').dataset.coins === '1000'`)
	p.click(`nav a[href="/slots"]`)
	p.wait("the same coins at the slots", `document.querySelector('.machine') && document.getElementById('demo-coins')?.dataset.coins === '1000'`)
	p.click("#spin")
	p.wait("the outcome", `!document.getElementById('spin').disabled && document.querySelector('.recent a')`)
	p.click(`#demo a[href^="/sign-up"]`)
	p.wait("the form", `document.querySelector('input[name=username]')`)
	run(p, `(() => { const set = (n, v) => { document.querySelector('input[name=' + n + ']').value = v; }; set('username', 'formerguest'); set('email', 'formerguest@example.org'); set('password', 'long enough for a password'); })()`)
	p.click("form button[type=submit]")
	p.wait("back at the slots, with an account", `location.pathname === '/slots' && document.getElementById('balance') && document.querySelector('.machine')`)
	if coins := p.shownCoins(); coins != welcomeCoins {
		t.Errorf("the account begins with %d coins", coins)
	}
	if eval[bool](p, `!!document.querySelector('#demo, .recent a')`) {
		t.Error("something of the demo is left")
	}
	p.wait("the live line", `document.documentElement.dataset.live === 'open'`) // closed while it opens, it complains
	p.click("#sign-out")
	p.wait("signed out", `location.pathname === '/' && !document.getElementById('balance')`)
	p.click(`nav a[href="/slots"]`)
	p.wait("the demo begins anew", `document.getElementById('demo-coins')?.dataset.coins === '1000' && !document.querySelector('.recent a')`)
}

// For the same seeds, the demo gives what the casino's own code gives.
func TestGuest_TheDemoPlaysByTheCasinosRules(t *testing.T) {
	p := open(t, look{})
	p.visit("/rules")
	rounds := eval[[]json.RawMessage](p, `(async () => {
		const { Demo } = await import(new URL('../games/demo.js', [...document.scripts].find(s => s.type === 'module').src));
		const demo = await Demo.begin((await (await fetch('/api/v1/games')).json()).games, '5eed'.repeat(16), 'a guest');
		const rounds = [];
		for (let i = 0; i < 60; i += 1) {
			demo.give();
			for (let n = 0; n < 6; n += 1) rounds.push((await demo.ask('/games/slots/spins', { stake: 1 + n })).round);
			rounds.push((await demo.ask('/games/roulette/spins', { bets: [{ type: 'corner', numbers: [8, 9, 11, 12], amount: 5 }, { type: 'even', amount: 3 }, { type: 'straight', numbers: [i % 37], amount: 1 }] })).round);
			let now = await demo.ask('/games/blackjack/rounds', { stake: 2 + i });
			for (let n = i; !now.settled; n += 1) {
				rounds.push(now.round);
				now = await demo.ask('/games/blackjack/rounds/' + now.round.id + '/actions', { action: now.allowed_actions[n % now.allowed_actions.length] });
			}
			rounds.push(now.round);
		}
		return rounds;
	})()`)
	for _, raw := range rounds {
		r, err := proof.ReadRound(strings.NewReader(string(raw)))
		must(t, err)
		computed, err := proof.Recompute(catalogue.Released(), r)
		if err != nil {
			t.Errorf("the casino would not take %s: %v", raw, err)
			continue
		}
		var said struct {
			Staked, Payout json.Number
			Settled        bool
			Outcome        any
		}
		must(t, json.Unmarshal(raw, &said))
		outcome, err := json.Marshal(computed.Outcome)
		must(t, err)
		var want any
		must(t, json.Unmarshal(outcome, &want))
		if said.Staked.String() != fmt.Sprint(computed.Staked) || said.Payout.String() != fmt.Sprint(computed.Payout) || said.Settled != computed.Settled || fmt.Sprint(said.Outcome) != fmt.Sprint(want) {
			t.Errorf("the demo says %s, the casino %s", raw, outcome)
		}
	}
	if len(rounds) < 480 {
		t.Errorf("only %d rounds were played", len(rounds))
	}
}

func TestSignIn_GreetsAsKnownOnlyWhoWasHere(t *testing.T) {
	p := open(t, look{})
	p.visit("/sign-in")
	if h := p.text("h1"); h != "Sign in" {
		t.Errorf("a stranger is greeted with %q", h)
	}
	if eval[bool](p, `document.querySelector('#forgotten p').checkVisibility()`) {
		t.Error("the help is open before anybody asks for it")
	}
	p.point("#forgotten summary")
	p.wait("what to do without a password", `document.querySelector('#forgotten p').checkVisibility() && /Ask the operator/.test(document.getElementById('forgotten').textContent)`)
	p.checkAccess("/sign-in with its help")
	p.join()
	p.visit("/")
	p.click("#sign-out")
	p.wait("signed out", `!document.getElementById('balance')`)
	p.visit("/sign-in")
	if h := p.text("h1"); h != "Welcome back" {
		t.Errorf("who was here is greeted with %q", h)
	}
}
