package endtoend

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
)

// The torture: the real binary is killed with SIGKILL at random moments while players bet over the network. After
// each kill the test audits the data directory as the kill left it. After each restart it compares every answer that a player
// ever got with what the casino says now, and sends unanswered bets again under their keys. Nothing may be lost or doubled.
//
// TORTURE_KILLS is the number of kills (make torture: 120). TORTURE_SEED repeats an earlier run's decisions.
func TestTorture_NothingIsLostOrDoubledByKills(t *testing.T) {
	if testing.Short() {
		t.Skip("it kills and audits a casino ten times")
	}
	kills := number(t, "TORTURE_KILLS", 10)
	seed := uint64(number(t, "TORTURE_SEED", int(time.Now().UnixNano()%1e9)))
	t.Logf("seed %d (TORTURE_SEED), %d kills", seed, kills)
	random := rand.New(rand.NewPCG(seed, 1))

	casino := newProcess(t)
	casino.start(t)
	var players []*player
	for i := range 6 {
		p := &player{name: fmt.Sprintf("player-%d", i), casino: casino, random: rand.New(rand.NewPCG(seed, uint64(i)+2))}
		p.signUp(t)
		players = append(players, p)
	}
	answers, lost := 0, 0
	for kill := range kills {
		if random.IntN(5) == 0 {
			// Killed while it starts: the replay of the log must survive an interruption.
			casino.kill(t)
			casino.spawn(t)
			time.Sleep(time.Duration(random.IntN(30)) * time.Millisecond) // the moment of the kill, not synchronisation
			casino.kill(t)
			casino.start(t)
		}
		ctx, stop := context.WithCancel(t.Context())
		var playing sync.WaitGroup
		for _, p := range players {
			playing.Add(1)
			go func() {
				defer playing.Done()
				p.playUntilLost(ctx)
			}()
		}
		time.Sleep(time.Duration(20+random.IntN(400)) * time.Millisecond) // the moment of the kill, not synchronisation
		casino.kill(t)
		stop()
		playing.Wait()
		casino.audit(t)
		casino.start(t)
		for _, p := range players {
			if p.pending != nil {
				lost++
			}
			answers += p.settleUp(t)
		}
		if t.Failed() {
			t.Fatalf("kill %d of seed %d broke a promise", kill+1, seed)
		}
	}
	casino.stop(t)
	casino.audit(t)
	t.Logf("%d kills: %d answers compared with the books, %d unanswered bets sent again under their keys", kills, answers, lost)
	if answers == 0 {
		t.Fatal("nobody played: the test proves nothing")
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
