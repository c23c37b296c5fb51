package replication

import (
	"testing"

	"imperio/storage/command"
)

func TestCopiesTaken_AnOlderCopyIsRefusedOnceALaterOneWasTaken(t *testing.T) {
	var c copiesTaken
	id := func(n int) command.ID { return command.ID{byte(n), byte(n >> 8), byte(n >> 16), 1} }
	for _, step := range []struct {
		id    int
		copy  uint32
		taken bool
	}{{1, 1, true}, {1, 2, true}, {1, 1, false}, {1, 2, true}, {2, 3, true}, {2, 2, false}, {3, 1, true}, {3, 1, true}} {
		if err := c.take(id(step.id), step.copy); (err == nil) != step.taken {
			t.Errorf("copy %d of command %d: %v", step.copy, step.id, err)
		}
	}
	for n := range maxCopiesTaken + 10 {
		if err := c.take(id(100+n), 2); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.newest) != maxCopiesTaken || len(c.order) != maxCopiesTaken {
		t.Errorf("%d commands are remembered, in an order of %d; the bound is %d", len(c.newest), len(c.order), maxCopiesTaken)
	}
}
