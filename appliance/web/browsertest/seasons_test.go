package browsertest

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// profile is what the API says of a player's profile.
type profile struct {
	Avatar       string  `json:"avatar"`
	ShownName    string  `json:"shown_name"`
	InSeasons    bool    `json:"in_seasons"`
	Entry        *string `json:"entry_id"`
	Achievements []struct {
		Name  string  `json:"name"`
		Round *string `json:"round_id"`
	} `json:"achievements"`
}

func (q *player) profile() (now profile) {
	q.t.Helper()
	q.do("GET", "/me/profile", nil, &now)
	return now
}

// takePart joins the seasons.
func (q *player) takePart() {
	q.t.Helper()
	q.do("PUT", "/me/profile", map[string]any{"avatar": "lyre", "shown_name": nil, "in_seasons": true}, nil)
}

// season is the running one, of which there is one as soon as somebody takes part.
func (q *player) season() int {
	q.t.Helper()
	var list struct {
		Running struct {
			Number int `json:"number"`
		} `json:"running"`
	}
	q.do("GET", "/seasons", nil, &list)
	return list.Running.Number
}

// seasonPage is the address of a player's figures, for everybody.
func (q *player) seasonPage() string {
	q.t.Helper()
	return fmt.Sprintf("/seasons/player?season=%d&entry=%s", q.season(), *q.profile().Entry)
}

// listed says whether the player is on the board, which is a few seconds old.
func (q *player) listed(board string) bool {
	q.t.Helper()
	var now struct {
		Entries []struct {
			ID string `json:"id"`
		} `json:"entries"`
	}
	q.do("GET", fmt.Sprintf("/seasons/%d?board=%s", q.season(), board), nil, &now)
	for _, e := range now.Entries {
		if e.ID == *q.profile().Entry {
			return true
		}
	}
	return false
}

// another makes an account for whoever is only needed by the API.
func (p *tab) another() *player {
	p.t.Helper()
	q := &player{t: p.t, base: p.base, name: fmt.Sprintf("other%d", names.Add(1)), password: "correct horse battery"}
	var account struct {
		Token string `json:"token"`
	}
	q.do("POST", "/accounts", map[string]string{"username": q.name, "email": q.name + "@example.org", "password": q.password}, &account)
	q.token = account.Token
	return q
}

// rename types a shown name and saves.
func (p *tab) rename(name string) {
	p.t.Helper()
	run(p, `(name => { const i = document.querySelector('input[name=shown_name]'); i.value = name; i.dispatchEvent(new Event('input')); })(%s)`, name)
	p.click("#face button[type=submit]")
}

func TestProfile_IsChangedAndShown(t *testing.T) {
	p := open(t, look{width: 360, height: 740})
	q := p.join()
	other := p.another()
	p.visit("/profile")
	if chosen := eval[string](p, `document.querySelector('.avatars :checked').value`); chosen != "laurel" {
		t.Errorf("the picture at the start is %q", chosen)
	}
	run(p, `document.querySelector('.avatars input[value=owl]').click()`)
	shown := "Owl_of_" + q.name
	p.rename(shown)
	p.wait("it is saved, and the menu shows it", `document.querySelector('#face .note:not(.bad):not([hidden])') && /owl\.svg$/.test(document.querySelector('#menu .who img').src)
		&& document.querySelector('#menu .who strong').textContent === %s`, shown)
	if now := q.profile(); now.Avatar != "owl" || now.ShownName != shown || now.InSeasons {
		t.Errorf("the profile is %+v", now)
	}
	if small := p.text("#menu .who small"); small != q.name {
		t.Errorf("the menu says the username %q", small)
	}

	p.expect("409")
	p.rename(strings.ToUpper(other.name)) // in other letters it is the same name
	p.wait("the refusal stands at the field", `document.querySelector('input[name=shown_name]').getAttribute('aria-invalid') === 'true' && document.querySelector('#face .wrong').textContent === 'Somebody has this name. Choose another.'`)
	p.expect("422")
	p.rename("admin")
	p.wait("so does another", `/keeps this name|for the house|reserved/i.test(document.querySelector('#face .wrong').textContent)`)
	p.rename("a b")
	p.wait("and one that the page knows itself", `/3 to 32/.test(document.querySelector('#face .wrong').textContent)`)
	p.rename("")
	p.wait("without one it is the username", `document.querySelector('#menu .who strong').textContent === %s && !document.querySelector('#menu .who small')`, q.name)
	p.visit("/profile")
	if chosen := eval[string](p, `document.querySelector('.avatars :checked').value`); chosen != "owl" {
		t.Errorf("the picture that was kept is %q", chosen)
	}
}

// A player joins and plays; a stranger follows the figure on the board to the proof; the player leaves, and the stranger finds nothing.
func TestSeasons_FromASpinToItsProof(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	p.visit("/profile")
	p.click(".switch")
	p.wait("the player takes part", `document.querySelector('.switch').getAttribute('aria-checked') === 'true'`)
	p.visit("/slots")
	p.click("#spin")
	p.wait("the round is shown", `document.getElementById('spin') && !document.getElementById('spin').disabled && document.querySelector('.recent [data-round]')`)
	p.until("the board lists her", func() bool { return q.listed("net") })
	entry := *q.profile().Entry
	p.visit("/seasons")
	p.wait("her own place is marked", `document.querySelector('.standings .own')?.dataset.entry === %s`, entry)
	if text := p.text("#season-end"); !strings.HasPrefix(text, "Ends on ") {
		t.Errorf("the end of the season is told by %q", text)
	}
	p.click(`.boards [data-board=rounds]`)
	p.wait("another board", `new URLSearchParams(location.search).get('board') === 'rounds' && document.querySelector('.boards [aria-current]').dataset.board === 'rounds' && document.querySelector('.own .figure')?.textContent === '1'`)

	stranger := openFresh(t, look{width: 360, height: 740})
	stranger.visit("/seasons?board=rounds")
	row := fmt.Sprintf(`.standings [data-entry="%s"]`, entry)
	stranger.wait("the same board for everybody", `document.querySelector(%s)?.textContent.includes(%s) && !document.querySelector('.standings .own')`, row, q.name)
	stranger.click(row + " a")
	id := q.rounds("slots")[0].ID
	stranger.wait("her rounds", `document.querySelectorAll('.counted tbody tr').length === 1 && document.querySelector('.counted [data-round]').dataset.round === %s`, id)
	stranger.click("#add-up")
	stranger.wait("they add up", `document.querySelector('.sum').dataset.sum === 'same' && /^1 round makes/.test(document.querySelector('.sum').textContent)`)
	stranger.click(`.counted a[href="/fairness?proof=` + id + `"]`)
	stranger.wait("its seed is not revealed yet", `document.getElementById('hidden-seed') && !document.querySelector('[data-verdict]')`)
	q.do("POST", "/me/fairness/rotations", map[string]string{"client_seed": "another one"}, nil)
	stranger.visit("/fairness?proof=" + id)
	stranger.wait("the proof", `document.querySelector('[data-verdict]')?.dataset.verdict === 'right'`)
	// What the board says can be found out to be wrong.
	stranger.visit("/seasons?board=rounds")
	stranger.standIn("/players/", `async (to, options) => { const a = await window.fetchOfTheBrowser(to, options); const b = await a.json(); b.player.paid += 1; return new Response(JSON.stringify(b)); }`)
	stranger.click(row + " a")
	stranger.click("#add-up")
	stranger.wait("they don't add up", `document.querySelector('.sum').dataset.sum === 'differs'`)

	p.visit("/profile")
	p.click(".switch")
	p.wait("leaving is asked about", `!document.querySelector('#taking-part .note').hidden && document.activeElement.textContent === 'Stay'`)
	if !q.profile().InSeasons {
		t.Error("a question is taken for an answer")
	}
	p.click("#taking-part .button.danger")
	p.wait("the player has left", `document.querySelector('.switch').getAttribute('aria-checked') === 'false' && document.querySelector('#taking-part .note').hidden`)
	if q.profile().InSeasons {
		t.Error("the player takes part after leaving")
	}
	stranger.visit("/seasons?board=rounds")
	stranger.wait("the board", `document.querySelector('.standings, #board .empty')`)
	if eval[bool](stranger, `!!document.querySelector(%s)`, row) {
		t.Error("the board lists somebody who has left")
	}
	stranger.expect("404")
	stranger.visit(fmt.Sprintf("/seasons/player?season=%d&entry=%s", q.season(), entry))
	stranger.wait("no figures", `/no longer does/.test(document.querySelector('main').textContent) && !document.querySelector('.counted')`)
	stranger.visit("/fairness?proof=" + id)
	stranger.wait("no proof", `document.querySelector('main .note.bad') && !document.querySelector('[data-verdict]')`)
}

// The boards at places below the hundredth, in seasons that have ended, and of accounts that are no more.
func TestSeasons_WhatABoardMayHold(t *testing.T) {
	p := open(t, look{width: 360, height: 740, theme: "light", languages: "de"})
	p.join()
	p.standIn("/api/v1/seasons", `async to => new Response(JSON.stringify(/seasons\?/.test(to)
		? { reset: 'month', running: null, past: [{ number: 7, began_at: '2026-10-01T00:00:00Z', ended_at: '2026-11-01T00:00:00Z', ends_at: null, players: 1234, digest: 'ab'.repeat(32) }], next_cursor: null }
		: { season: { number: 7, began_at: '2026-10-01T00:00:00Z', ended_at: '2026-11-01T00:00:00Z', ends_at: null, players: 1234, digest: 'ab'.repeat(32) }, board: 'net', as_of: null, players: 1234,
			own: { rank: 134, id: '9', shown_name: 'Ana', avatar: 'owl', rounds: 3, staked: 9, paid: 4, net: -5, best: null, proof: null },
			entries: [...Array(100)].map((_, i) => ({ rank: i + 1, id: String(100 + i), shown_name: i === 1 ? null : 'M'.repeat(32), avatar: i === 1 ? null : 'lyre', rounds: 3, staked: 9, paid: 9e11, net: 9e11 - 9,
				best: { payout: 9, staked: 4, round_id: '5', proof: i ? null : '/api/v1/proofs/5' }, proof: i ? null : '/api/v1/seasons/7/players/100' })) }))`)
	p.click(`#menu a[href="/seasons"]`)
	p.wait("the board", `document.querySelectorAll('.standings tbody tr').length === 100`)
	if text := p.text(`[data-entry="101"]`); !strings.Contains(text, "Gelöschtes Konto") || !strings.Contains(text, "privat") {
		t.Errorf("a deleted account's row says %q", text)
	}
	if eval[bool](p, `!!document.querySelector('[data-entry="101"] a') || !document.querySelector('[data-entry="100"] a')`) {
		t.Error("links lead to what is private, or not to what is public")
	}
	if own := p.text("#own-place"); !strings.Contains(own, "134") {
		t.Errorf("one's own place is told by %q", own)
	}
	if past := p.text("#past"); !strings.Contains(past, strings.Repeat("ab", 32)) || !strings.Contains(past, "imperio audit") || !strings.Contains(past, "1.234") {
		t.Errorf("the season that has ended is told by %q", past)
	}
	p.checkWidth("a board of large figures")
	p.checkAccess("a board of large figures")
}

// What a season leaves: its standings, and the digest that proves them.
func TestSeasons_OneThatHasEnded(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	q.takePart()
	q.do("POST", "/games/slots/spins", map[string]int{"stake": 2}, nil)
	number, entry := q.season(), *q.profile().Entry
	if out, err := exec.Command(shared.house.command.Path, "season", "end", "--data-dir", shared.house.data, "--reason", "a test").CombinedOutput(); err != nil {
		t.Fatalf("ending the season: %v\n%s", err, out)
	}
	p.until("the next season runs", func() bool { return q.season() == number+1 })
	var list struct {
		Past []struct {
			Number int    `json:"number"`
			Digest string `json:"digest"`
		} `json:"past"`
	}
	q.do("GET", "/seasons", nil, &list)
	p.visit("/seasons")
	p.wait("the board of the new season is empty", `document.querySelector('#board .empty') && document.getElementById('own-place')`)
	if list.Past[0].Number != number || len(list.Past[0].Digest) != 64 || !strings.Contains(p.text("#past"), list.Past[0].Digest) {
		t.Errorf("of %+v the page tells %q", list.Past, p.text("#past"))
	}
	p.click(fmt.Sprintf(`#past a[href$="season=%d"]`, number))
	p.wait("its standings", `document.querySelector('.standings .own')?.dataset.entry === %s && location.search.includes('season=')`, entry)
	p.click(".standings .own a")
	p.click("#add-up")
	p.wait("the rounds add up", `document.querySelector('.sum').dataset.sum === 'same'`)
	p.visit(fmt.Sprintf("/seasons?season=%d", number))
	p.click("#board .row .button")
	p.wait("back to the running one", `!location.search.includes('season') && document.querySelector('#board .empty')`)
}

// store imports the page's own store.
const store = `await import(performance.getEntriesByType('resource').map(r => r.name).find(n => /js\/app\/store\.js$/.test(n)))`

func TestAchievements_AreToldOnceAndListed(t *testing.T) {
	p := open(t, look{motion: true})
	q := p.join()
	p.visit("/slots")
	p.wait("the live line", `document.documentElement.dataset.live === 'open'`)
	run(p, `(async () => {
		const { shown } = `+store+`;
		window.early = [];
		new MutationObserver(async () => {
			const line = document.querySelector('.reached-line');
			if (!line) return;
			let over = false; // is no outcome being shown?
			shown().then(() => { over = true; });
			await null; await null;
			if (!over) window.early.push(line.textContent);
		}).observe(document.body, { childList: true });
	})()`)
	p.click("#spin")
	p.wait("the first spin is told", `document.querySelector('.reached-line')?.textContent.includes('First spin')`)
	if early := eval[[]string](p, `window.early`); len(early) > 0 {
		t.Errorf("told while a round was being shown: %q", early)
	}
	p.wait("the next spin can begin", `!document.getElementById('spin').disabled`)
	p.click("#spin")
	p.wait("the line goes with it", `!document.querySelector('.reached-line')`)
	p.wait("the second spin is shown", `document.querySelectorAll('.recent [data-round]').length === 2 && !document.getElementById('spin').disabled`)
	if line := p.text(".reached-line"); strings.Contains(line, "First spin") {
		t.Errorf("the second spin tells %q", line)
	}
	p.visit("/profile")
	id := ""
	for _, a := range q.profile().Achievements {
		if a.Name == "first_spin" {
			id = *a.Round
		}
	}
	p.wait("it is listed with its proof", `document.querySelector('[data-achievement=first_spin].reached a')?.getAttribute('href') === %s`, "/fairness?round="+id)
	if text := p.text("[data-achievement=first_wheel].open"); !strings.Contains(text, "A spin of the roulette wheel.") {
		t.Errorf("what was not reached says %q", text)
	}
	if eval[bool](p, `!!document.querySelector('.reached-line')`) {
		t.Error("it is told again after the page was loaded anew")
	}
	// On a page without a game it is told as well, and can be put away.
	p.wait("the live line", `document.documentElement.dataset.live === 'open'`)
	q.do("POST", "/games/roulette/spins", map[string]any{"bets": []map[string]any{{"type": "red", "amount": 1}}}, nil)
	p.wait("what was reached elsewhere", `document.querySelector('.reached-line')?.textContent.includes('First wheel') && document.querySelector('[data-achievement=first_wheel].reached')`)
	p.checkAccess("the line of what was reached")
	p.click(".reached-line button")
	p.wait("it is put away", `!document.querySelector('.reached-line')`)
}

// Who has set a limit is invited to nothing.
func TestAchievements_AreNotToldToWhoHasALimit(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	p.another().takePart() // a season is running
	q.do("PUT", "/me/limits", map[string]any{"stake_per_day": nil, "loss_per_day": nil, "loss_per_week": nil, "loss_per_month": nil, "session_minutes": nil, "reality_check_minutes": 60}, nil)
	p.visit("/")
	p.wait("the lobby", `document.querySelector('.game-card')`)
	if eval[bool](p, `!!document.getElementById('season-line')`) {
		t.Error("the lobby tells of the season")
	}
	p.visit("/slots")
	p.wait("the live line", `document.documentElement.dataset.live === 'open'`)
	p.click("#spin")
	p.wait("the round is shown", `document.querySelector('.recent [data-round]') && !document.getElementById('spin').disabled`)
	p.until("the page has heard of the first spin, and would have told it", func() bool {
		return eval[bool](p, `(async () => { const { shown, state } = `+store+`; await shown(); await new Promise(requestAnimationFrame); return state.profile.achievements.some(a => a.name === 'first_spin'); })()`)
	})
	if line := p.text(".reached-line"); line != "" {
		t.Errorf("the page tells %q", line)
	}
	p.visit("/seasons")
	p.wait("the seasons", `document.querySelector('.standings, #board .empty')`)
	if eval[bool](p, `!!document.getElementById('how-to-join')`) {
		t.Error("the seasons invite")
	}
	p.visit("/profile")
	p.wait("it is in the profile all the same", `document.querySelector('[data-achievement=first_spin].reached')`)
}

func TestLobby_TellsOfTheSeasonUntilThatIsPutAway(t *testing.T) {
	p := open(t, look{})
	p.join()
	p.another().takePart()
	p.visit("/")
	p.wait("the line", `document.getElementById('season-line')`)
	p.click("#season-line button")
	p.wait("it goes", `!document.getElementById('season-line')`)
	p.visit("/")
	p.wait("the lobby", `document.querySelector('.game-card')`)
	if eval[bool](p, `!!document.getElementById('season-line')`) {
		t.Error("the line is back")
	}
	p.visit("/seasons")
	p.wait("the page says how to join", `document.getElementById('how-to-join')`)
}

func TestSeasons_AHouseWithoutThem(t *testing.T) {
	p, _ := openIn(t, look{}, "--season", "off")
	p.visit("/seasons")
	p.wait("the page says so", `/no seasons at the moment/.test(document.querySelector('main').textContent)`)
	p.join()
	p.visit("/profile")
	p.wait("so does the profile", `/no seasons at the moment/.test(document.getElementById('taking-part').textContent) && document.querySelector('.switch').disabled`)
	p.visit("/")
	p.wait("the lobby", `document.querySelector('.game-card')`)
	if eval[bool](p, `!!document.getElementById('season-line')`) {
		t.Error("the lobby tells of a season")
	}
}
