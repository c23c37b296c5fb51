package endtoend

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// A casino that is stopped under load finishes running requests: it answers every bet that it took, and the books have
// exactly what it answered.
func TestStop_UnderLoadFinishesWhatIsInFlight(t *testing.T) {
	casino := newProcess(t)
	casino.start(t)
	var players []*player
	for i := range 6 {
		p := &player{name: fmt.Sprintf("player-%d", i), casino: casino, random: rand.New(rand.NewPCG(1, uint64(i)))}
		p.signUp(t)
		players = append(players, p)
	}
	var playing sync.WaitGroup
	began := make(chan struct{}, len(players))
	for _, p := range players {
		playing.Add(1)
		go func() {
			defer playing.Done()
			p.pending = p.next()
			p.try(context.Background())
			began <- struct{}{}
			p.playUntilLost(context.Background()) // until the casino accepts no more
		}()
	}
	for range players {
		<-began
	}
	asked := time.Now()
	casino.stop(t)
	t.Logf("stopped within %v", time.Since(asked).Round(time.Millisecond))
	playing.Wait()
	casino.audit(t)
	casino.start(t)
	for _, p := range players {
		if p.settleUp(t) == 0 {
			t.Errorf("%s did not play: the test shows nothing", p.name)
		}
	}
	casino.stop(t)
	casino.audit(t)
}
