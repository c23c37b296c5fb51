package browsertest

import (
	"encoding/csv"
	"os"
	"testing"
)

func TestHistory_ListsFiltersAndSavesEveryRound(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	for range 30 { // more than a page
		q.do("POST", "/games/slots/spins", map[string]int{"stake": 1}, nil)
	}
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
	f, err := os.Open(saved(t, directory, "imperio-rounds.csv"))
	must(t, err)
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	must(t, err)
	if len(lines) != 32 || lines[0][0] != "id" || lines[1][1] != "roulette" {
		t.Errorf("the file has %d lines, beginning %v", len(lines), lines[:min(2, len(lines))])
	}
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
