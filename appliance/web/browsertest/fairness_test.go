package browsertest

import (
	"os"
	"path/filepath"
	"slices"
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

func TestFairness_TheSavedPageVerifiesFromDisk(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	q.do("POST", "/games/slots/spins", map[string]int{"stake": 7}, nil)
	q.do("POST", "/me/fairness/rotations", map[string]string{"client_seed": "x</script><b>"}, nil)
	q.do("POST", "/games/slots/spins", map[string]int{"stake": 7}, nil)
	q.do("POST", "/me/fairness/rotations", map[string]string{"client_seed": "y"}, nil)
	directory := t.TempDir()
	call(p, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: directory, BrowserContextID: chromedp.FromContext(p.ctx).BrowserContextID})
	p.visit("/fairness?round=" + q.rounds("slots")[0].ID)
	p.click("#save-verifier")
	file := filepath.Join(directory, "imperio-fairness.html")
	for deadline := time.Now().Add(patience); ; {
		if info, err := os.Stat(file); err == nil && info.Size() > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the file was not saved")
		}
		<-time.After(40 * time.Millisecond)
	}
	p.offline(true)
	defer p.offline(false)
	must(t, chromedp.Do(p.ctx, chromedp.Navigate("file://"+file)))
	p.wait("the file computes the round", `document.querySelector('[data-verdict]')`)
	if v := eval[string](p, `document.querySelector('[data-verdict]').dataset.verdict`); v != "right" {
		t.Errorf("from disk the round is found %s", v)
	}
}
