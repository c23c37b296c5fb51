package endtoend

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

// The torture: the real binary is killed with SIGKILL at random moments while players bet over the network. Before some of
// the kills its clock is set wrong, by up to a year, or its files are taken away. After each kill the test audits the data
// directory as it was left. After each restart it compares every answer that a player ever got with what the casino says now,
// and sends unanswered bets again under their keys. Nothing may be lost or doubled, and an excluded player must stay excluded.
//
// TORTURE_KILLS is the number of kills (make torture: 120); without it, each kind of disturbance happens once. TORTURE_KEYS is
// the number of idempotency keys used before (make torture: a million). TORTURE_SEED repeats an earlier run's decisions.
func TestTorture_NothingIsLostOrDoubled(t *testing.T) {
	if testing.Short() {
		t.Skip("it kills and audits a casino several times")
	}
	kills, keys := number(t, "TORTURE_KILLS", len(disturbances)), number(t, "TORTURE_KEYS", 0)
	seed := uint64(number(t, "TORTURE_SEED", int(time.Now().UnixNano()%1e9)))
	t.Logf("seed %d (TORTURE_SEED), %d kills, %d keys used before", seed, kills, keys)
	x := &torture{T: t, random: rand.New(rand.NewPCG(seed, 1)), casino: newProcess(t), clock: newSetClock(t)}
	x.casino.clock = x.clock
	x.casino.start(t)
	for i := range 6 {
		p := &player{name: fmt.Sprintf("player-%d", i), casino: x.casino, random: rand.New(rand.NewPCG(seed, uint64(i)+2))}
		p.signUp(t)
		x.players = append(x.players, p)
	}
	x.excluded = &player{name: "excluded", casino: x.casino}
	x.excluded.signUp(t)
	if status, data, err := x.excluded.call(t.Context(), "POST", "/api/v1/me/exclusions", `{"days":1}`, ""); err != nil || status != http.StatusCreated {
		t.Fatalf("exclude: %v %d %s", err, status, data)
	}
	x.useKeys(keys)

	happened, answers, lost := make(map[string]int), 0, 0
	for kill := range kills {
		// Each kind of disturbance happens at least once; after that, the seed decides.
		d := disturbances[x.random.IntN(len(disturbances))]
		if kill < len(disturbances) {
			d = disturbances[kill]
		}
		happened[d.name]++
		stop := x.play()
		time.Sleep(time.Duration(20+x.random.IntN(400)) * time.Millisecond) // the moment of the disturbance, not synchronisation
		d.do(x)
		stop()
		if keys == 0 || kill%10 == 0 || kill == kills-1 {
			x.casino.audit(t)
		}
		x.restart()
		for _, p := range x.players {
			if p.pending != nil {
				lost++
			}
			answers += p.settleUp(t)
		}
		x.checkTime()
		if t.Failed() {
			t.Fatalf("kill %d of seed %d (%s) broke a promise", kill+1, seed, d.name)
		}
	}
	x.casino.stop(t)
	x.casino.audit(t)
	t.Logf("%d kills: %d answers compared with the books, %d unanswered bets sent again under their keys; %v", kills, answers, lost, happened)
	if answers == 0 {
		t.Fatal("nobody played: the test proves nothing")
	}
}

// torture is a casino under torture, with its players.
type torture struct {
	*testing.T
	random   *rand.Rand
	casino   *process
	clock    *setClock
	players  []*player
	excluded *player
	behind   bool // the next start finds a clock that is behind
}

// disturbances happen to a casino while players bet. After each, the casino is not running.
var disturbances = []struct {
	name string
	do   func(*torture)
}{
	{"a kill", func(x *torture) { x.casino.kill(x.T) }},
	{"a kill, and another one during the start", (*torture).killTwice},
	{"a clock that is wrong for a moment, and a kill", (*torture).setClock},
	{"a kill, and a start by a clock that is behind", func(x *torture) { x.casino.kill(x.T); x.behind = true }},
	{"the state is taken away", func(x *torture) { x.takeAway("state.db") }},
	{"the log is taken away", func(x *torture) { x.takeAway("log") }},
	{"the data directory is taken away", func(x *torture) { x.takeAway(".") }},
}

// play lets all players bet until the casino is gone. The returned function waits for that.
func (x *torture) play() (stop func()) {
	ctx, cancel := context.WithCancel(x.Context())
	var playing sync.WaitGroup
	for _, p := range x.players {
		playing.Go(func() { p.playOn(ctx) })
	}
	return func() {
		cancel()
		playing.Wait()
	}
}

// killTwice shows that the replay of the log survives an interruption.
func (x *torture) killTwice() {
	x.casino.kill(x.T)
	x.casino.spawn(x.T)
	time.Sleep(time.Duration(x.random.IntN(30)) * time.Millisecond) // the moment of the kill, not synchronisation
	x.casino.kill(x.T)
}

// setClock sets the clock wrong and then right again during play. The casino doesn't believe a clock that is ahead by more
// than a day. It would believe a smaller step, which it can't recognize as a mistake.
func (x *torture) setClock() {
	for range 1 + x.random.IntN(3) {
		wrong := []time.Duration{-6 * time.Second, -50 * time.Hour, -72 * time.Hour, -365 * 24 * time.Hour, 26 * time.Hour, 365 * 24 * time.Hour}
		x.clock.set(x.T, wrong[x.random.IntN(len(wrong))])
		time.Sleep(time.Duration(5+x.random.IntN(200)) * time.Millisecond) // while it is wrong
		x.clock.set(x.T, 0)
		time.Sleep(time.Duration(5+x.random.IntN(50)) * time.Millisecond) // while it is right
	}
	x.casino.kill(x.T)
}

// takeAway moves one or all of the casino's files away during play. The casino must notice and end with a failure, and must
// not start anew in their place. Then the files are put back.
func (x *torture) takeAway(name string) {
	x.Helper()
	from := filepath.Join(x.casino.dir, name)
	away := from + ".away"
	if err := os.Rename(from, away); err != nil {
		x.Fatal(err)
	}
	if err := x.casino.wait(x.T); err == nil {
		x.Errorf("%s was taken away, and the casino ended well", name)
	}
	x.casino.spawn(x.T)
	if err := x.casino.wait(x.T); err == nil {
		x.Errorf("a casino started where %s was taken away", name)
	}
	if name == "." { // the mark
		if err := os.RemoveAll(from); err != nil {
			x.Fatal(err)
		}
	}
	if err := os.Rename(away, from); err != nil {
		x.Fatal(err)
	}
}

func (x *torture) restart() {
	x.Helper()
	if !x.behind {
		x.casino.start(x.T)
		return
	}
	x.behind = false
	back := []time.Duration{-time.Minute, -50 * time.Hour, -365 * 24 * time.Hour}
	x.clock.set(x.T, back[x.random.IntN(len(back))])
	x.casino.start(x.T)
	stop := x.play()
	time.Sleep(time.Duration(x.random.IntN(200)) * time.Millisecond) // while they play by it
	x.clock.set(x.T, 0)
	stop()
}

// checkTime compares the casino's time with the machine's: it must not have run ahead, and the player who is excluded for a
// day must still be excluded.
func (x *torture) checkTime() {
	x.Helper()
	for _, p := range x.players {
		var page struct {
			Rounds []struct {
				OpenedAt time.Time `json:"opened_at"`
			} `json:"rounds"`
		}
		p.get(x.T, "/api/v1/me/rounds?limit=1", &page)
		if now := time.Now(); len(page.Rounds) > 0 && page.Rounds[0].OpenedAt.After(now) {
			x.Errorf("%s played a round at %v, and it is %v", p.name, page.Rounds[0].OpenedAt, now)
		}
	}
	e := x.excluded
	if status, data, err := e.call(x.Context(), "POST", "/api/v1/sessions", fmt.Sprintf(`{"login":%q,"password":"a long password"}`, e.name), ""); err != nil || status != http.StatusForbidden {
		x.Errorf("a player who is excluded for a day signs in: %v %d %s", err, status, data)
	}
}

// useKeys makes 64 other players use the given number of idempotency keys.
func (x *torture) useKeys(keys int) {
	x.Helper()
	for used := 0; used < keys; {
		out, err := exec.Command(x.casino.path, "bench", "play", "--url", "http://"+x.casino.address, "--mix", "slots=1", "--duration", "20s", "--json").Output()
		var report struct {
			Casino struct {
				Requests int `json:"requests"`
			} `json:"casino"`
		}
		if err == nil {
			err = json.Unmarshal(out, &report)
		}
		if err != nil || report.Casino.Requests == 0 {
			x.Fatalf("use keys: %v\n%s", err, out)
		}
		used += report.Casino.Requests
		x.Logf("%d keys are used", used)
	}
}

func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}
