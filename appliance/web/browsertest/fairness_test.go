package browsertest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
)

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
			t.Errorf("round %s of %s is found %s: %s", id, game, v, p.text(".proof"))
		}
	}
	// Every one of the many settled rounds of blackjack is as the browser computes it.
	var list struct {
		Rounds []any `json:"rounds"`
	}
	q.do("GET", "/me/rounds?limit=100&game=blackjack", nil, &list)
	wrong := eval[[]string](p, `(async (rounds) => {
		const script = [...document.scripts].find(s => s.type === 'module').src;
		const { prove } = await import(new URL('fair/core.js', script));
		const wrong = [];
		for (const r of rounds) {
			const proof = await prove({ rules: r.rules, serverSeed: r.server_seed, commitment: r.commitment, clientSeed: r.client_seed, nonce: r.nonce, stake: r.stake, bets: [], actions: r.actions });
			if (!proof.committed || proof.payout !== r.payout || proof.staked !== r.staked) wrong.push(r.id + ': ' + JSON.stringify(proof.outcome));
		}
		return wrong;
	})(%s)`, list.Rounds)
	for _, w := range wrong {
		t.Errorf("the browser computes another round than the casino: %s", w)
	}
	// A check that can't fail would prove nothing.
	p.visit("/fairness?round=" + ids["slots"])
	p.wait("computed", `document.querySelector('[data-verdict=right]')`)
	run(p, `(() => { const c = document.querySelector('input[name=commitment]'); c.value = c.value.replace(/^./, x => x === '0' ? '1' : '0'); c.dispatchEvent(new Event('input')); document.querySelector('.verify').requestSubmit(); })()`)
	p.wait("a false commitment is found out", `document.querySelector('[data-verdict=wrong]')`)
}

// downloads gives a directory where this browser puts what it saves.
func (p *tab) downloads() string {
	p.t.Helper()
	directory := p.t.TempDir()
	call(p, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: directory, BrowserContextID: chromedp.FromContext(p.ctx).BrowserContextID})
	return directory
}

// saved waits for a file to be there. Chromium gives it its name when it is whole.
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

// The published vectors, words passed over included, come out of the page's code as they do of the casino's.
func TestFairness_ThePagesCodeGivesThePublishedVectors(t *testing.T) {
	specification, err := os.ReadFile("../../../docs/FAIRNESS.md")
	must(t, err)
	_, vectors, found := strings.Cut(string(specification), "# Test vectors\n")
	if !found {
		t.Fatal("the specification has no vectors")
	}
	read := func(heading string) (list []any) {
		_, section, _ := strings.Cut(vectors, "\n## "+heading+"\n")
		_, block, _ := strings.Cut(section, "```json\n")
		block, _, _ = strings.Cut(block, "```")
		if err := json.Unmarshal([]byte(block), &list); err != nil || len(list) < 10 {
			t.Fatalf("%d vectors of %s: %v", len(list), heading, err)
		}
		return list
	}
	p := open(t, look{})
	p.visit("/fairness")
	const load = `const { Stream, prove } = await import(new URL('fair/core.js', [...document.scripts].find(s => s.type === 'module').src)); const wrong = [];`
	for _, w := range eval[[]string](p, `(async vectors => { `+load+`
		for (const [i, v] of vectors.entries()) {
			const stream = await Stream.of({ serverSeed: v.server_seed, rules: v.rules, clientSeed: v.client_seed, nonce: v.nonce });
			const values = [];
			for (const _ of v.values) values.push(String(await stream.uniformBig(BigInt(v.n))));
			const words = stream.draws.map(d => d.word);
			const passed = stream.draws.filter(d => d.value === null).length;
			if (values.join() !== v.values.join() || words.join() !== v.words.join() || passed !== v.passed_over) wrong.push('words ' + i + ': ' + values.join());
		}
		return wrong; })(%s)`, read("Words and uniform(n)")) {
		t.Error(w)
	}
	for _, game := range []string{"Slots", "Roulette", "Blackjack"} {
		for _, w := range eval[[]string](p, `(async vectors => { `+load+`
			for (const [i, v] of vectors.entries()) {
				const proof = await prove({ rules: v.rules, serverSeed: v.server_seed, commitment: v.commitment, clientSeed: v.client_seed, nonce: v.nonce, stake: v.stake, bets: v.bets ?? [], actions: v.actions ?? [] });
				if (!proof.committed || proof.staked !== v.staked || proof.payout !== v.payout) wrong.push(v.rules + ' ' + i + ': ' + JSON.stringify({ staked: proof.staked, payout: proof.payout, outcome: proof.outcome }));
			}
			return wrong; })(%s)`, read(game)) {
			t.Error(w)
		}
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
	must(t, chromedp.Do(p.ctx, chromedp.Navigate("file://"+file)))
	p.wait("the file computes the round", `document.querySelector('[data-verdict]')`)
	if v := eval[string](p, `document.querySelector('[data-verdict]').dataset.verdict`); v != "right" {
		t.Errorf("from disk the round is found %s", v)
	}
}
