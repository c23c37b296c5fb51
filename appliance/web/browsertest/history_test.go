package browsertest

import (
	"encoding/csv"
	"os"
	"strings"
	"testing"
)

func TestHistory_ListsFiltersAndSavesEveryRound(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	q.spin(30) // more than a page
	q.do("POST", "/games/roulette/spins", map[string]any{"bets": []map[string]any{{"type": "red", "amount": 1}}}, nil)
	directory := p.downloads()
	p.visit("/history")
	const rows = `document.querySelectorAll('tbody tr').length`
	p.wait("the first page", rows+` === 25`)
	run(p, `[...document.querySelectorAll('main button')].find(b => b.textContent === 'Show more').click()`)
	p.wait("all rounds", rows+` === 31`)
	run(p, `(() => { const s = document.querySelector('.filter select'); s.value = 'roulette'; s.dispatchEvent(new Event('change')); })()`)
	p.wait("only roulette", rows+` === 1 && document.querySelector('tbody tr').textContent.includes('Roulette')`)
	run(p, `(() => { const s = document.querySelector('.filter select'); s.value = ''; s.dispatchEvent(new Event('change')); })()`)
	p.wait("all games again", rows+` === 25`)
	p.click("#csv")
	lines := readCSV(t, saved(t, directory, "imperio-rounds.csv"))
	if len(lines) != 32 || lines[0][0] != "id" || lines[1][1] != "roulette" {
		t.Errorf("the file has %d lines, beginning %v", len(lines), lines[:min(2, len(lines))])
	}
}

// spin plays slots for one coin, a number of times.
func (p *player) spin(times int) {
	p.t.Helper()
	defer p.hurry()()
	for range times {
		p.do("POST", "/games/slots/spins", map[string]int{"stake": 1}, nil)
	}
}

func readCSV(t testing.TB, name string) [][]string {
	t.Helper()
	f, err := os.Open(name)
	must(t, err)
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	must(t, err)
	return lines
}

func TestWallet_ShowsTransfersAndStatistics(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	q.lived()
	p.visit("/wallet")
	p.wait("the transfers", `document.querySelectorAll('tbody tr').length > 5`)
	var list struct {
		Transfers []struct {
			Amount int `json:"amount"`
		} `json:"transfers"`
	}
	q.do("GET", "/me/transfers?limit=1", nil, &list)
	if shown := eval[int](p, `Number(document.querySelector('tbody tr td:nth-child(4)').textContent.replace('\u2212', '-').replace(/[+,]/g, ''))`); shown != list.Transfers[0].Amount {
		t.Errorf("the newest transfer is shown as %d, it is %d", shown, list.Transfers[0].Amount)
	}
	if n := eval[int](p, `document.querySelectorAll('svg.chart').length`); n != 2 {
		t.Errorf("%d charts", n)
	}
	run(p, `(() => { const s = document.querySelector('.filter select'); s.value = 'welcome'; s.dispatchEvent(new Event('change')); })()`)
	p.wait("only the welcome coins", `document.querySelectorAll('tbody tr').length === 1`)
}

func TestLive_TheBalanceFollowsWhatHappensElsewhere(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	p.visit("/roulette")
	p.wait("the live line is open", `document.documentElement.dataset.live === 'open'`)
	q.do("POST", "/me/daily-coins", nil, nil)
	p.wait("the new balance", `Number(document.getElementById('balance').dataset.coins) === %s`, q.coins())
}

func TestHistory_IsAsItWasWhenAPlayerComesBack(t *testing.T) {
	p := open(t, look{width: 1280, height: 700})
	q := p.join()
	q.spin(60)
	p.visit("/history")
	p.wait("the rounds", `document.querySelectorAll('tbody tr').length === 25`)
	run(p, `(() => { const s = document.querySelector('.filter select'); s.value = 'slots'; s.dispatchEvent(new Event('change')); })()`)
	p.wait("the filter stands in the address", `location.search === '?game=slots' && document.querySelectorAll('tbody tr').length === 25`)
	run(p, `[...document.querySelectorAll('main button')].find(b => b.textContent === 'Show more').click()`)
	p.wait("the second page", `document.querySelectorAll('tbody tr').length === 50`)
	at := eval[float64](p, `(() => { document.querySelectorAll('.proof-link')[40].scrollIntoView({ behavior: 'instant' }); return scrollY; })()`)
	run(p, `document.querySelectorAll('.proof-link')[40].click()`)
	p.wait("the round", `location.search.startsWith('?round=') && document.querySelector('.facts')`)
	run(p, `history.back()`)
	p.wait("the list as it was", `document.querySelectorAll('tbody tr').length === 50 && document.querySelector('.filter select').value === 'slots' && Math.abs(scrollY - %s) < 2`, at)
	p.visit("/history?game=slots")
	p.wait("an address keeps its filter", `document.querySelector('.filter select').value === 'slots' && document.querySelectorAll('tbody tr').length === 25`)
}

func TestLists_AreDenseOnPhones(t *testing.T) {
	p := open(t, look{width: 360, height: 740, languages: "de"})
	q := p.join()
	q.lived()
	for _, path := range []string{"/history", "/wallet"} {
		p.visit(path)
		p.wait("the rows", `document.querySelectorAll('tbody tr').length > 4`)
		if most := eval[float64](p, `Math.max(...[...document.querySelectorAll('tbody tr')].map(e => e.offsetHeight))`); most > 90 {
			t.Errorf("a row of %s is %v pixels high", path, most)
		}
	}
}

func TestRoundsFile_HoldsWhatAProofNeeds(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	q.lived()
	directory := p.downloads()
	p.visit("/history")
	p.click("#csv")
	lines := readCSV(t, saved(t, directory, "imperio-rounds.csv"))
	column := map[string]int{}
	for i, name := range lines[0] {
		column[name] = i
	}
	decided := 0 // rounds of blackjack that the player had to decide; a blackjack settles at once
	for i, line := range lines[1:] {
		game := line[column["game"]]
		if game == "blackjack" && line[column["actions"]] != "" {
			decided++
		}
		for _, name := range []string{"rules", "stake", "outcome", "commitment", "client_seed", "nonce", "server_seed"} {
			if line[column[name]] == "" && !(name == "server_seed" && i < 3) {
				t.Errorf("%s %s has no %s", game, line[0], name)
			}
		}
		if game == "roulette" && !strings.Contains(line[column["bets"]], `"straight"`) {
			t.Errorf("%s lacks its bets: %v", game, line)
		}
	}
	if decided != 1 {
		t.Errorf("%d rounds of blackjack have actions, not 1: %v", decided, lines)
	}
}
