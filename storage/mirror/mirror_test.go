package mirror_test

import (
	"testing"

	"imperio/storage/storagetest/postgrestest"
)

// One server for all tests: it takes a second to make.
func TestMirror(t *testing.T) {
	s := postgrestest.Start(t, postgrestest.WithoutSync())
	for _, test := range []struct {
		name string
		run  func(*testing.T, *postgrestest.Server)
	}{
		{"HoldsEverythingThatHappened", holdsEverything},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, s) })
	}
}

func holdsEverything(t *testing.T, s *postgrestest.Server) {
	r := newRig(t, s, "everything")
	r.play(300)
	r.Checkpoint()
	r.run()
	r.settled()
	r.compare()
	for range 20 {
		r.play(30)
		r.settled()
	}
	r.compare()
}
