package browsertest

import (
	"slices"
	"testing"

	"github.com/chromedp/cdproto/page"
)

func canHit(now table) bool { return slices.Contains(now.Allowed, "hit") }

// dealtOnly is true if the page shows a hand of two cards with its actions.
const dealtOnly = `document.querySelectorAll('.hand im-card').length === 2 && document.querySelector('.actions button:not(:disabled)')`

const isOver = `document.querySelector('.hand .result') && document.querySelector('.actions').hidden && !document.getElementById('deal').disabled`

// A round is played in two places. The API's client here does what a second window would do.
func TestBlackjack_FollowsARoundThatIsPlayedElsewhere(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	q.do("POST", "/me/fairness/rotations", map[string]string{"client_seed": "from the player"}, nil) // else the page would rotate in the middle of a round
	p.visit("/blackjack")
	p.wait("the live line", `document.documentElement.dataset.live === 'open'`)
	now := q.dealUntil("a decision to take", canHit)
	p.wait("the hand lies here too", dealtOnly)
	q.settle(now)
	p.wait("it ends here too", isOver)
	p.click("#deal")
	p.finish()
	p.wait("the rounds from elsewhere count in the net result", `Number(document.getElementById('net').dataset.net) === %s`, q.coins()-welcomeCoins)
	p.sameCoins(q)
}

// deafen takes the live line from the pages: they learn what happened elsewhere only at their next action.
func (p *tab) deafen() {
	p.t.Helper()
	call(p, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `window.WebSocket = class extends EventTarget { close() {} };`})
}

func TestBlackjack_AnOpenRoundIsShownInPlaceOfANewOne(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	p.deafen()
	p.expect("409 (Conflict)")
	p.visit("/blackjack")
	now := q.dealUntil("a decision to take", canHit)
	p.click("#deal")
	p.wait("the open round", dealtOnly)
	q.settle(now)
	p.press("s")
	p.wait("how it ended", isOver)
	p.wait("the balance is the casino's", `Number(document.getElementById('balance').dataset.coins) === %s`, q.coins())
}
