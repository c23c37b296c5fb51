package browsertest

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// cut makes the network fail for one path until mend is called: at the request (the casino never sees it), or at the
// answer (the casino carries the request out, but the page never learns of it). count is how many were cut.
func (p *tab) cut(path string, stage fetch.RequestStage) (count *atomic.Int64, mend func()) {
	p.t.Helper()
	count = new(atomic.Int64)
	must(p.t, chromedp.Listen(p.ctx, func(event any) {
		if e, ok := event.(*fetch.EventRequestPaused); ok {
			if !strings.Contains(e.Request.URL, probe) {
				count.Add(1)
			}
			// In a goroutine, since a listener must not wait for the browser.
			go func() {
				_, _ = chromedp.Call(p.ctx, fetch.FailRequest, fetch.FailRequestParams{RequestID: e.RequestID, ErrorReason: network.ErrorReasonConnectionReset})
			}()
		}
	}))
	call(p, fetch.Enable, fetch.EnableParams{Patterns: []*fetch.RequestPattern{{URLPattern: "*" + path, RequestStage: stage}, {URLPattern: "*" + probe, RequestStage: stage}}})
	p.expect("net::ERR_")
	p.awaitNetwork("is cut", true)
	return count, func() { p.t.Helper(); call(p, fetch.Disable, cdp.Empty{}) }
}

// probe is a request by which a test sees whether the network is off for the page, which is a moment after the browser's
// tools say so.
const probe = "/health/live?probe"

// awaitNetwork waits until the page's requests fail, or succeed again.
func (p *tab) awaitNetwork(what string, fails bool) {
	p.t.Helper()
	p.expect(probe) // in the console
	p.until("the network "+what, func() bool {
		return eval[bool](p, `fetch(%s, { cache: 'no-store' }).then(() => false, () => true)`, probe) == fails
	})
}

// offline switches the page's network off or on with the browser's tools.
func (p *tab) offline(off bool) {
	p.t.Helper()
	var rules []*network.Conditions
	if off {
		p.expect("ERR_INTERNET_DISCONNECTED") // the page still asks whether the casino can be reached
		rules = []*network.Conditions{{Offline: true, DownloadThroughput: -1, UploadThroughput: -1}}
	}
	call(p, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: rules})
	call(p, network.OverrideNetworkState, network.OverrideNetworkStateParams{Offline: off, DownloadThroughput: -1, UploadThroughput: -1})
	if off {
		p.awaitNetwork("is off", true)
	}
}

func (p *tab) expectOneRound(q *player, game string) round {
	p.t.Helper()
	rounds := q.rounds(game)
	if len(rounds) != 1 {
		p.t.Fatalf("%d rounds for one bet", len(rounds))
	}
	var list struct {
		Transfers []struct {
			Kind string `json:"kind"`
		} `json:"transfers"`
	}
	q.do("GET", "/me/transfers?kind=stake", nil, &list)
	if len(list.Transfers) != 1 {
		p.t.Errorf("the stake was taken %d times", len(list.Transfers))
	}
	return rounds[0]
}

func TestLostAnswer_TheBetIsTakenOnceAndShownAsItHappened(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	p.visit("/slots")
	cuts, mend := p.cut("/api/v1/games/slots/spins", fetch.RequestStageResponse)
	p.click("#spin")
	p.wait("the banner tells of the lost connection", `document.querySelector('.banner:not(.good)')`)
	if n := len(q.rounds("slots")); n != 1 {
		t.Fatalf("the casino has %d rounds while the answer is lost, want 1", n)
	}
	if got := p.shownCoins(); got != welcomeCoins {
		t.Errorf("the page shows %d coins before it knows the outcome", got)
	}
	p.until("the page asks again", func() bool { return cuts.Load() > 1 })
	mend()
	p.wait("the page tells what happened", `document.querySelector('.banner.good') && !document.getElementById('spin').disabled`)
	p.expectOneRound(q, "slots")
	p.sameCoins(q)
}

func TestLostRequest_TheBetIsTakenOnceWhenTheNetworkIsBack(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	q.do("POST", "/me/fairness/rotations", map[string]string{"client_seed": "chosen before"}, nil)
	p.visit("/roulette")
	p.wait("the seeds are known", `performance.getEntriesByType('resource').some(e => e.name.endsWith('/me/fairness') && e.responseEnd)`)
	p.click(p.spot("red"))
	p.expect("net::ERR_INTERNET_DISCONNECTED")
	p.expect("WebSocket")
	p.offline(true)
	p.click("#spin")
	p.wait("the banner", `document.querySelector('.banner:not(.good)')`)
	if n := len(q.rounds("roulette")); n != 0 {
		t.Fatalf("%d rounds arrived without a network", n)
	}
	p.offline(false)
	p.wait("the ball has fallen", `document.querySelector('.spot.fallen')`)
	p.expectOneRound(q, "roulette")
	p.sameCoins(q)
}

func TestReloadInTheMiddleOfABet_AsksUnderTheSameKey(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	p.visit("/slots")
	_, mend := p.cut("/api/v1/games/slots/spins", fetch.RequestStageResponse)
	p.click("#spin")
	p.wait("the banner", `document.querySelector('.banner')`)
	// The network stays cut during the reload, or else the old page might learn of its bet first. The new page asks before
	// it is ready.
	run(p, `window.left = true`)
	p.do("the reload", chromedp.Navigate(p.base+"/slots"))
	p.wait("the banner of the page that was loaded", `!window.left && document.querySelector('.banner')`)
	mend()
	p.wait("the page tells what happened", `document.querySelector('.banner.good')`)
	r := p.expectOneRound(q, "slots")
	if link := eval[string](p, `document.querySelector('.banner a').getAttribute('href')`); link != "/history?round="+r.ID {
		t.Errorf("the banner links to %s", link)
	}
	p.wait("the reels show it", `document.querySelectorAll('.facet.shown').length === 3`)
	p.sameCoins(q)
	p.visit("/slots")
	if eval[bool](p, `!!document.querySelector('.banner')`) {
		t.Error("the bet is announced again after the next reload")
	}
}

func TestLostAnswerToAnAction_TheHandIsPlayedOnce(t *testing.T) {
	p := open(t, look{})
	q := p.join()
	// One card can't bust this hand. If the round ended, the live line would report it, and the lost answer would show too
	// briefly to wait for it.
	now := q.dealUntil("a hand that can't bust", func(now table) bool { return now.Allowed[0] == "hit" && now.Hands[0].Total <= 10 })
	before := len(q.rounds("blackjack"))
	p.visit("/blackjack")
	_, mend := p.cut("/api/v1/games/blackjack/rounds/"+now.Round.ID+"/actions", fetch.RequestStageResponse)
	p.press("h")
	p.wait("the banner", `document.querySelector('.banner:not(.good)')`)
	mend()
	p.wait("the page tells what happened", `document.querySelector('.banner.good') && document.querySelectorAll('.hand im-card').length === 3`)
	p.finish()
	if after := len(q.rounds("blackjack")); after > before+1 {
		t.Errorf("%d rounds, %d before", after, before)
	}
	p.sameCoins(q)
}
