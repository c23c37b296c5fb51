package browsertest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"

	"imperio/appliance/proof"
	"imperio/games"
	"imperio/games/catalogue"
	"imperio/games/roulette"
)

// loadCore loads the page's own code into a script.
const loadCore = `const { Stream, prove, differences } = await import(new URL('../fair/core.js', [...document.scripts].find(s => s.type === 'module').src)); const wrong = [];
	const questionOf = r => ({ rules: r.rules, serverSeed: r.server_seed, commitment: r.commitment, clientSeed: r.client_seed, nonce: r.nonce, stake: r.stake, bets: r.bets ?? [], actions: r.actions ?? [] });`

func TestFairness_EveryGameIsVerifiedInTheBrowserAfterARotation(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	q.do("POST", "/games/slots/spins", map[string]int{"stake": 3}, nil)
	q.do("POST", "/games/roulette/spins", map[string]any{"bets": []map[string]any{
		{"type": "straight", "numbers": []int{17}, "amount": 2}, {"type": "dozen", "selection": 2, "amount": 3}, {"type": "odd", "amount": 5}}}, nil)
	split := q.dealUntil("a pair", func(now table) bool { return slices.Contains(now.Allowed, "split") })
	var after table
	q.do("POST", "/games/blackjack/rounds/"+split.Round.ID+"/actions", map[string]string{"action": "split"}, &after)
	q.settle(after)

	p.visit("/fairness")
	next := p.text("#next-commitment")
	run(p, `document.querySelector('input[name=client_seed]').value = 'Rubicon, 10 January'`)
	p.click("#rotation button[type=submit]")
	p.wait("the next seed is the one in use", `document.getElementById('commitment').textContent === %s`, next)
	if seed := p.text("#client-seed"); seed != "Rubicon, 10 January" {
		t.Errorf("the client seed is %q", seed)
	}
	if nonce := p.text("#nonce"); nonce != "0" {
		t.Errorf("the nonce is %s after a rotation", nonce)
	}
	ids := map[string]string{"slots": q.rounds("slots")[0].ID, "roulette": q.rounds("roulette")[0].ID, "blackjack": split.Round.ID}
	for game, id := range ids {
		p.visit("/history?round=" + id)
		p.click(`a[href="/fairness?round=` + id + `"]`)
		p.wait(game+" is computed", `document.querySelector('[data-verdict]')`)
		if v := eval[string](p, `document.querySelector('[data-verdict]').dataset.verdict`); v != "right" {
			t.Errorf("round %s of %s has the verdict %s: %s", id, game, v, p.text(".proof"))
		}
	}
	// The browser computes every settled round as the casino reports it, field by field.
	var list struct {
		Rounds []any `json:"rounds"`
	}
	q.do("GET", "/me/rounds?limit=100", nil, &list)
	for _, w := range eval[[]string](p, `(async rounds => { `+loadCore+`
		for (const r of rounds) {
			const proof = await prove(questionOf(r));
			const apart = differences(proof, r);
			if (!proof.committed || apart.length) wrong.push(r.id + ': ' + JSON.stringify(apart));
		}
		return wrong;
	})(%s)`, list.Rounds) {
		t.Errorf("the browser's computation differs from the casino's round: %s", w)
	}
	// The check can fail.
	p.visit("/fairness?round=" + ids["slots"])
	p.wait("computed", `document.querySelector('[data-verdict=right]')`)
	run(p, `(() => { const c = document.querySelector('input[name=commitment]'); c.value = c.value.replace(/^./, x => x === '0' ? '1' : '0'); c.dispatchEvent(new Event('input')); document.querySelector('.verify').requestSubmit(); })()`)
	p.wait("a false commitment is found out", `document.querySelector('[data-verdict=wrong]')`)
	// Once the form was changed, the page no longer knows what the house says, and compares only the commitment.
	run(p, `(() => { const c = document.querySelector('input[name=commitment]'); c.value = document.querySelector('.proof-step .mono').textContent.slice(-64); document.querySelector('.verify').requestSubmit(); })()`)
	p.wait("a part is not the whole", `document.querySelector('[data-verdict=partly]')`)
	// An empty field doesn't mean 0.
	for name, words := range map[string]string{"nonce": "The counter is a whole number", "stake": "The rules don't take this stake", "client_seed": "A client seed has 1 to 64 bytes"} {
		run(p, `(() => { const i = document.querySelector('.verify input[name=' + %s + ']'); const was = i.value; i.value = ''; document.querySelector('.verify').requestSubmit(); i.value = was; })()`, name)
		p.wait("no "+name, `document.querySelector('.proof .note.bad')?.textContent.startsWith(%s)`, words)
	}
}

// downloads returns a directory for the files that this browser saves.
func (p *tab) downloads() string {
	p.t.Helper()
	directory := p.t.TempDir()
	profile := chromedp.FromContext(p.ctx).BrowserContextID
	call(p, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: directory, BrowserContextID: profile})
	p.t.Cleanup(func() {
		call(p, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{Behavior: browser.SetDownloadBehaviorBehaviorDefault, BrowserContextID: profile})
	})
	return directory
}

// saved waits for a file. Chromium gives it its final name when it is complete.
func saved(t *testing.T, directory, name string) string {
	t.Helper()
	file := filepath.Join(directory, name)
	for deadline := time.Now().Add(patience); ; {
		if info, err := os.Stat(file); err == nil && info.Size() > 0 {
			return file
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s was not saved", name)
		}
		<-time.After(40 * time.Millisecond)
	}
}

// vectors reads the published vectors under a heading.
func vectors[T any](t *testing.T, heading string) (list []T) {
	t.Helper()
	specification, err := os.ReadFile("../../../docs/FAIRNESS.md")
	must(t, err)
	_, all, found := strings.Cut(string(specification), "# Test vectors\n")
	if !found {
		t.Fatal("the specification has no vectors")
	}
	_, section, _ := strings.Cut(all, "\n## "+heading+"\n")
	_, block, _ := strings.Cut(section, "```json\n")
	block, _, _ = strings.Cut(block, "```")
	if err := json.Unmarshal([]byte(block), &list); err != nil || len(list) < 10 {
		t.Fatalf("%d vectors of %s: %v", len(list), heading, err)
	}
	return list
}

// The page's code gives the published vectors, including skipped words.
func TestFairness_ThePagesCodeGivesThePublishedVectors(t *testing.T) {
	p := open(t, look{})
	p.visit("/fairness")
	for _, w := range eval[[]string](p, `(async vectors => { `+loadCore+`
		for (const [i, v] of vectors.entries()) {
			const stream = await Stream.of({ serverSeed: v.server_seed, rules: v.rules, clientSeed: v.client_seed, nonce: v.nonce });
			const values = [];
			for (const _ of v.values) values.push(String(await stream.uniformBig(BigInt(v.n))));
			const words = stream.words.map(d => d.word);
			const passed = stream.words.filter(d => d.value === null).length;
			if (values.join() !== v.values.join() || words.join() !== v.words.join() || passed !== v.passed_over) wrong.push('words ' + i + ': ' + values.join());
		}
		return wrong; })(%s)`, vectors[any](t, "Words and uniform(n)")) {
		t.Error(w)
	}
	for _, game := range []string{"Slots", "Roulette", "Blackjack"} {
		for _, w := range eval[[]string](p, `(async vectors => { `+loadCore+`
			for (const [i, v] of vectors.entries()) {
				const proof = await prove(questionOf(v));
				if (!proof.committed || proof.staked !== v.staked || proof.payout !== v.payout || proof.settled !== v.settled || proof.draws.join() !== v.draws.join())
					wrong.push(v.rules + ' ' + i + ': ' + JSON.stringify({ draws: proof.draws, staked: proof.staked, payout: proof.payout, settled: proof.settled }));
			}
			return wrong; })(%s)`, vectors[any](t, game)) {
			t.Error(w)
		}
	}
}

// attempt is a round with the result of the casino's own code.
type attempt struct {
	Round   map[string]any `json:"round"`
	Refused bool           `json:"refused"`
	Draws   []uint16       `json:"draws"`
	Outcome any            `json:"outcome"`
}

// judge recomputes a round with the casino's own code.
func judge(r proof.Round) attempt {
	a := attempt{Round: map[string]any{"rules": r.Rules, "server_seed": r.ServerSeed, "client_seed": r.ClientSeed, "nonce": r.Nonce,
		"stake": r.Stake, "bets": r.Bets, "actions": r.Actions}}
	p, err := proof.Recompute(catalogue.Released(), r)
	if a.Refused = err != nil; err == nil {
		a.Draws, a.Outcome = p.Draws, p.Outcome
		a.Round["staked"], a.Round["payout"], a.Round["settled"], a.Round["outcome"] = p.Staked, p.Payout, p.Settled, p.Outcome
	}
	return a
}

// The page's code refuses exactly what the casino's rules refuse, and computes all else alike. The test tries every action
// after every prefix of the blackjack vectors, and every roulette bet with many kinds of faults.
func TestFairness_ThePagesCodeIsAsStrictAsTheCasino(t *testing.T) {
	var attempts []attempt
	try := func(r proof.Round) { attempts = append(attempts, judge(r)) }
	for _, v := range vectors[proof.Round](t, "Blackjack") {
		v.Settled, v.Staked, v.Payout = nil, nil, nil
		begun := v.Actions
		for n := range len(begun) + 1 {
			v.Actions = begun[:n:n]
			try(v)
			for _, action := range []string{"hit", "stand", "double", "split", "surrender", "insurance", "decline_insurance", "foo"} {
				v.Actions = append(begun[:n:n], action)
				try(v)
			}
		}
	}
	for _, heading := range []string{"Slots", "Roulette", "Blackjack"} {
		v := vectors[proof.Round](t, heading)[0]
		v.Settled, v.Staked, v.Payout = nil, nil, nil
		for _, stake := range []games.Coins{-1, 0, 1, 2, games.MaxCoins / 60, games.MaxCoins/60 + 1, games.MaxCoins / 50, games.MaxCoins/50 + 1,
			games.MaxCoins / 36, games.MaxCoins/36 + 1, games.MaxCoins / 16, games.MaxCoins/16 + 1, games.MaxCoins} {
			w := v
			if w.Stake = stake; len(w.Bets) > 0 {
				w.Bets = []games.Bet{{Type: "red", Amount: stake}}
			}
			try(w)
		}
		for _, seed := range []string{"", strings.Repeat("x", 64), strings.Repeat("x", 65), strings.Repeat("é", 33), "a\x00b", "a\u009fb", "a\u200bb"} {
			w := v
			w.ClientSeed = seed
			try(w)
		}
		w := v
		w.Actions = []string{"hit"}
		try(w)
		w = v
		w.Bets = append(w.Bets, games.Bet{Type: "red", Amount: 1})
		w.Stake = 0
		for _, b := range w.Bets {
			w.Stake += b.Amount
		}
		try(w)
	}
	spin := vectors[proof.Round](t, "Roulette")[0]
	spin.Settled, spin.Staked, spin.Payout = nil, nil, nil
	bet := func(b games.Bet) {
		spin.Bets, spin.Stake = []games.Bet{b}, b.Amount
		try(spin)
	}
	for _, b := range roulette.All() {
		bet(b)
		for _, other := range append(roulette.Types(), roulette.Type{Name: "foo"}, roulette.Type{Name: "toString"}) {
			c := b
			c.Type = other.Name
			bet(c)
		}
		for n := -1; n <= 37; n += 2 {
			c := b
			c.Numbers = append(slices.Clone(b.Numbers), n)
			bet(c)
		}
		c := b
		c.Selection++
		bet(c)
		if len(b.Numbers) > 0 {
			c = b
			c.Numbers = slices.Clone(b.Numbers)
			for i := range c.Numbers {
				c.Numbers[i]++
			}
			bet(c)
			slices.Reverse(c.Numbers)
			bet(c)
			c.Numbers = b.Numbers[1:]
			bet(c)
		}
	}
	for _, n := range []int{0, 100, 101} {
		spin.Bets = slices.Repeat([]games.Bet{{Type: "red", Amount: 1}}, n)
		spin.Stake = games.Coins(n)
		try(spin)
	}
	p := open(t, look{})
	p.visit("/fairness")
	for _, w := range eval[[]string](p, `(async attempts => { `+loadCore+`
		for (const { round, refused, draws } of attempts) {
			const tell = what => wrong.push(what + ': ' + JSON.stringify({ ...round, outcome: undefined }));
			const proof = await prove(questionOf(round)).catch(e => { if (e.constructor.name !== 'Wrong') tell(String(e)); return null; });
			if (refused || !proof) { if (refused !== !proof) tell(refused ? 'taken' : 'refused'); continue; }
			const apart = differences(proof, round);
			if (apart.length || proof.draws.join() !== draws.join()) tell(JSON.stringify(apart));
		}
		return wrong.slice(0, 20); })(%s)`, attempts) {
		t.Error(w)
	}
	refused := 0
	for _, a := range attempts {
		if a.Refused {
			refused++
		}
	}
	t.Logf("%d rounds, of which %d are refused", len(attempts), refused)
}

// at returns a part of the JSON of a round.
func at(v any, path ...any) any {
	for _, part := range path {
		if i, ok := part.(int); ok {
			v = v.([]any)[i]
		} else {
			v = v.(map[string]any)[part.(string)]
		}
	}
	return v
}

// lie is a false statement by the house about a round, and how the page must name it.
type lie struct {
	name string
	tell func(r map[string]any)
	want string // the part that differs, or words of the refusal
}

// set replaces a field of a round; want is its path as the page gives it.
func set(value any, field string, path ...any) lie {
	want := append(slices.Clone(path), field)
	return lie{fmt.Sprint(want), func(r map[string]any) { at(r, path...).(map[string]any)[field] = value }, strings.Trim(strings.ReplaceAll(fmt.Sprint(want), " ", "."), "[]")}
}

// acting replaces the actions of a round.
func acting(want string, actions ...any) lie {
	return lie{fmt.Sprintf("the actions %v", actions), func(r map[string]any) { r["actions"] = actions }, want}
}

// If the house reports a round falsely, the page says so and names what is false, and so does the page saved to disk. Each
// game uses another language.
func TestFairness_FalseRoundsAreFoundOut(t *testing.T) {
	house := open(t, look{}).join()
	house.do("POST", "/games/slots/spins", map[string]int{"stake": 3}, nil)
	house.do("POST", "/games/roulette/spins", map[string]any{"bets": []map[string]any{{"type": "straight", "numbers": []int{17}, "amount": 2}, {"type": "dozen", "selection": 2, "amount": 3}}}, nil)
	var split table
	for split.Settled = true; split.Settled; { // a split of aces is over at once
		pair := house.dealUntil("a pair", func(now table) bool { return slices.Contains(now.Allowed, "split") })
		house.do("POST", "/games/blackjack/rounds/"+pair.Round.ID+"/actions", map[string]string{"action": "split"}, &split)
	}
	house.settle(split)
	house.do("POST", "/me/fairness/rotations", map[string]string{"client_seed": "from the player"}, nil)
	fetch := func(id string) (r map[string]any) {
		house.do("GET", "/me/rounds/"+id, nil, &r)
		return r
	}
	everywhere := []lie{set(9999, "staked"), set(9999, "payout"), set(false, "settled"), set(nil, "outcome"), set(strings.Repeat("a", 64), "commitment"), set("", "commitment")}
	for _, c := range []struct {
		language, id string
		lies         func(r map[string]any) []lie
	}{
		{"en", house.rounds("slots")[0].ID, func(r map[string]any) []lie {
			return []lie{
				set(1+int(at(r, "outcome", "multiplier").(float64)), "multiplier", "outcome"), set("3 pears", "line", "outcome"),
				set([]int{1, 2, 3}, "stops", "outcome"), set([]string{"cherry", "cherry", "pear"}, "symbols", "outcome"), set(true, "jackpot", "outcome"),
				{"another stake", func(r map[string]any) { r["stake"] = 4 }, "staked"},
				{"another server seed", func(r map[string]any) { r["server_seed"] = strings.Repeat("0", 64) }, "commitment"},
				{"no stake", func(r map[string]any) { r["stake"] = 0 }, "The rules don't take this stake"},
				{"bets", func(r map[string]any) { r["bets"] = []any{map[string]any{"type": "red", "amount": 3}} }, "This game takes no bets"},
				acting("This game takes no actions", "hit"),
			}
		}},
		{"de", house.rounds("roulette")[0].ID, func(r map[string]any) []lie {
			payout := func(i int) lie {
				return set(1+int(at(r, "outcome", "bets", i, "payout").(float64)), "payout", "outcome", "bets", i)
			}
			return []lie{
				set(37, "pocket", "outcome"), set("yellow", "color", "outcome"), payout(0), payout(1),
				set([]int{18}, "numbers", "outcome", "bets", 0), set(1, "selection", "outcome", "bets", 1), set(99, "amount", "outcome", "bets", 1), set([]any{}, "bets", "outcome"),
				{"another stake", func(r map[string]any) { r["stake"] = 6 }, "stake"},
				{"another server seed", func(r map[string]any) { r["server_seed"] = strings.Repeat("0", 64) }, "commitment"},
				{"another bet", func(r map[string]any) { at(r, "bets", 0).(map[string]any)["numbers"] = []int{18} }, "outcome.bets.0.numbers"},
				{"a bet on more numbers", func(r map[string]any) { at(r, "bets", 0).(map[string]any)["numbers"] = []int{17, 18, 19} }, "Einsatz 1 gibt es auf dem Tisch nicht"},
				acting("Dieses Spiel nimmt keine Aktionen", "hit"),
			}
		}},
		{"es", split.Round.ID, func(r map[string]any) []lie {
			actions := at(r, "actions").([]any) // a split, and then as often to stand as the round took
			end := len(actions) + 1
			swap := map[string]any{"rank": "ace", "suit": "stars"}
			return []lie{
				acting("La acción 2, surrender, no está permitida", "split", "surrender"),
				set([]any{swap, swap}, "cards", "outcome", "dealer"), set(3, "total", "outcome", "dealer"), set(1, "hidden", "outcome", "dealer"), set(true, "blackjack", "outcome", "dealer"),
				set([]any{swap}, "cards", "outcome", "hands", 0), set("blackjack", "result", "outcome", "hands", 1), set(9999, "payout", "outcome", "hands", 1),
				set(9999, "stake", "outcome", "hands", 0), set(true, "doubled", "outcome", "hands", 0), set(true, "active", "outcome", "hands", 0),
				set(map[string]any{"stake": 1, "payout": 0}, "insurance", "outcome"), set([]string{"hit"}, "allowed_actions", "outcome"), set(false, "settled", "outcome"),
				{"a hand less", func(r map[string]any) { o := at(r, "outcome").(map[string]any); o["hands"] = o["hands"].([]any)[:1] }, "outcome.hands"},
				{"another stake", func(r map[string]any) { r["stake"] = 4 }, "staked"},
				{"no actions", func(r map[string]any) { delete(r, "actions") }, "settled"},
				acting(fmt.Sprintf("La acción %d, hit, viene después del final", end), append(slices.Clone(actions), "hit")...),
				acting(fmt.Sprintf("La acción %d, foo, viene después del final", end), append(slices.Clone(actions), "foo")...),
				acting("La acción 2, insurance, no está permitida", "split", "insurance"),
				acting("La acción 2, foo, no está permitida", "split", "foo"),
			}
		}},
	} {
		t.Run(c.language, func(t *testing.T) {
			p := open(t, look{languages: c.language})
			p.visit("/sign-in")
			run(p, `(() => { const set = (n, v) => { document.querySelector('input[name=' + n + ']').value = v; }; set('login', %s); set('password', %s); })()`, house.name, house.password)
			p.click("form button[type=submit]")
			p.wait("signed in", `document.getElementById('balance')`)
			// The house's answer about this round is replaced.
			run(p, `(() => { const real = window.fetch; window.fetch = (url, ...rest) => String(url).endsWith('/me/rounds/' + %s) && window.told ? Promise.resolve(new Response(JSON.stringify(window.told))) : real(url, ...rest); })()`, c.id)
			tell := func(round map[string]any) {
				run(p, `(() => { window.told = %s; document.querySelector('.proof')?.remove(); const a = document.createElement('a'); a.href = '/fairness?round=' + %s; document.body.append(a); a.click(); a.remove(); })()`, round, c.id)
				p.wait("the round is computed", `document.querySelector('[data-verdict]')`)
			}
			if tell(fetch(c.id)); p.verdict() != "right" {
				t.Fatalf("the true round is reported as wrong: %s", p.text(".proof"))
			}
			lies := slices.Concat(everywhere, c.lies(fetch(c.id)))
			for _, l := range lies {
				round := fetch(c.id)
				l.tell(round)
				tell(round)
				p.findsOut(l)
			}
			// The first of this game's own lies again, in the saved page.
			l, round := lies[len(everywhere)], fetch(c.id)
			l.tell(round)
			tell(round)
			directory := p.downloads()
			p.click("#save-verifier")
			file := saved(t, directory, "imperio-fairness.html")
			p.offline(true)
			defer p.offline(false)
			p.do(file, chromedp.Navigate("file://"+file))
			p.wait("the file computes the round", `document.querySelector('[data-verdict]')`)
			p.findsOut(l)
		})
	}
}

func (p *tab) verdict() string {
	p.t.Helper()
	return eval[string](p, `document.querySelector('[data-verdict]').dataset.verdict`)
}

// findsOut checks that the proof on the page finds the lie.
func (p *tab) findsOut(l lie) {
	p.t.Helper()
	found := eval[[]string](p, `[...document.querySelectorAll('.differences li')].map(li => li.dataset.differs ?? li.textContent)`)
	named := slices.ContainsFunc(found, func(f string) bool {
		return f == l.want || strings.Contains(l.want, " ") && strings.HasPrefix(f, l.want)
	})
	if v := p.verdict(); v != "wrong" || !named {
		p.t.Errorf("%s: found %s for %q, want %q", l.name, v, found, l.want)
	}
	if words := p.text(".differences"); strings.Contains(words, "fair.") || strings.Contains(words, "part_") || strings.Contains(words, "undefined") {
		p.t.Errorf("%s: words are missing in %s", l.name, words)
	}
}

func TestFairness_TheSavedPageVerifiesFromDisk(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	q.do("POST", "/games/slots/spins", map[string]int{"stake": 7}, nil)
	q.do("POST", "/me/fairness/rotations", map[string]string{"client_seed": "x</script><b>"}, nil)
	q.do("POST", "/games/slots/spins", map[string]int{"stake": 7}, nil)
	q.do("POST", "/me/fairness/rotations", map[string]string{"client_seed": "y"}, nil)
	directory := p.downloads()
	p.visit("/fairness?round=" + q.rounds("slots")[0].ID)
	p.click("#save-verifier")
	file := saved(t, directory, "imperio-fairness.html")
	p.offline(true)
	defer p.offline(false)
	p.do(file, chromedp.Navigate("file://"+file))
	p.wait("the file computes the round", `document.querySelector('[data-verdict]')`)
	if v := eval[string](p, `document.querySelector('[data-verdict]').dataset.verdict`); v != "right" {
		t.Errorf("from disk the verdict on the round is %s", v)
	}
}

// The verdict comes first and in large letters; bets are read in words; what is long can be copied. All of it also from disk.
func TestFairness_TheVerdictComesFirstAndBetsAreWords(t *testing.T) {
	p := open(t, look{languages: "en"})
	q := p.join()
	q.do("POST", "/games/roulette/spins", map[string]any{"bets": []map[string]any{
		{"type": "corner", "numbers": []int{12, 8, 9, 11}, "amount": 5}, {"type": "dozen", "selection": 2, "amount": 1}, {"type": "odd", "amount": 3}}}, nil)
	q.do("POST", "/me/fairness/rotations", map[string]string{"client_seed": "y"}, nil)
	r := q.rounds("roulette")[0]
	pays := func(wins bool, amount, odds int) string {
		if !wins {
			return "0 coins"
		}
		return fmt.Sprintf("%d coins", amount*(odds+1))
	}
	n := r.Outcome.Pocket
	want := []string{
		"Corner 8, 9, 11, 12: 5 coins → " + pays(n == 8 || n == 9 || n == 11 || n == 12, 5, 8),
		"Dozen 2: 1 coin → " + pays(n > 12 && n <= 24, 1, 2),
		"Odd: 3 coins → " + pays(n%2 == 1, 3, 1),
	}
	check := func(where string) {
		t.Helper()
		p.wait(where+": the verdict", `document.querySelector('[data-verdict=right] strong')?.textContent === 'It matches'`)
		if got := eval[[]string](p, `[...document.querySelectorAll('[data-bets] li')].map(li => li.textContent)`); !slices.Equal(got, want) {
			t.Errorf("%s: the bets are %q, want %q", where, got, want)
		}
		if !eval[bool](p, `(() => {
			const follows = (a, b) => a.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING;
			const [verdict, steps, form] = ['[data-verdict]', '.steps', '.verify'].map(s => document.querySelector(s));
			return follows(verdict, steps) && follows(steps, form) && !steps.open && verdict.checkVisibility() && verdict.getBoundingClientRect().bottom < innerHeight
				&& parseFloat(getComputedStyle(verdict.querySelector('strong')).fontSize) >= 20;
		})()`) {
			t.Errorf("%s: the verdict, the steps and the form are not in this order, with the steps closed", where)
		}
		if data := eval[string](p, `[...document.querySelectorAll('.verify textarea')].map(x => x.value).join()`); !strings.Contains(data, `"type":"corner"`) {
			t.Errorf("%s: the data is %q", where, data)
		}
		run(p, `document.querySelector('.by-hand').open = true`)
		run(p, `document.querySelector('.verify .copy').click()`)
		p.wait(where+": the copy button says what it did", `document.querySelector('.verify .said').textContent`)
	}
	p.visit("/fairness?round=" + r.ID)
	check("on the page")
	directory := p.downloads()
	p.click("#save-verifier")
	file := saved(t, directory, "imperio-fairness.html")
	p.offline(true)
	defer p.offline(false)
	p.do(file, chromedp.Navigate("file://"+file))
	check("from disk")
}
