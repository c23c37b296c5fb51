package storage

import (
	"testing"

	"imperio/storage/machine"
)

// A million accounts come in an import. Those who play still hear their own news, and one event tells of each batch.
func TestFeed_LeavesOutTheAccountsOfAnImport(t *testing.T) {
	s := new(Store)
	f := s.Follow()
	seq := uint64(0)
	happen := func(kind machine.EventKind, times int) {
		events := make([]*machine.Event, times)
		for i := range events {
			seq++
			events[i] = &machine.Event{Seq: seq, Kind: kind}
		}
		s.feed.add(events)
	}
	happen(machine.CoinsGranted, 1)
	happen(machine.AccountImported, 2*feedSize)
	happen(machine.AccountsImported, 1)
	happen(machine.CoinsGranted, 1)
	list, missed, err := f.Next(t.Context())
	if err != nil || missed != 0 || len(list) != 3 || list[0].Seq != 1 || list[1].Kind != "accounts_imported" || list[2].Seq != seq {
		t.Errorf("%+v, %d missed, %v", list, missed, err)
	}
}
