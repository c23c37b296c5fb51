package storage

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"imperio/storage/command"
	"imperio/storage/seal"
)

// BenchmarkApplySpins is the cost of a spin in the machine alone: in batches of 64, over some accounts, with checkpoints. All have
// played before. Of those in a season, each spin also counts in it.
func BenchmarkApplySpins(b *testing.B) {
	for _, run := range []struct {
		accounts int
		inSeason bool
	}{{10_000, false}, {100_000, false}, {10_000, true}} {
		accounts, name := run.accounts, fmt.Sprint(run.accounts)
		if run.inSeason {
			name += " in a season"
		}
		b.Run(name, func(b *testing.B) {
			dir, keys := b.TempDir(), seal.New([seal.KeySize]byte{1})
			if err := Create(dir, Identity{NodeID: "n", ClusterID: "c"}, keys.ID()); err != nil {
				b.Fatal(err)
			}
			s, err := Open(dir, keys, Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			index := uint64(0)
			entropy := make([]byte, 64)
			apply := func(batch []command.Command) {
				entries := make([]Command, len(batch))
				for i, c := range batch {
					index++
					binary.BigEndian.PutUint64(c.ID[:], index)
					data, err := command.Encode(keys.Command(c))
					if err != nil {
						b.Fatal(err)
					}
					entries[i] = Command{Index: index, Term: 1, Time: time.UnixMilli(1_800_000_000_000 + int64(index)), Data: data}
				}
				results, err := s.Apply(entries)
				if err != nil {
					b.Fatal(err)
				}
				for _, r := range results {
					if r.Refusal != nil {
						b.Fatal(r.Refusal)
					}
				}
			}
			for i := 0; i < accounts; i += 100 {
				var batch []command.Command
				for j := range 100 {
					rand.Read(entropy)
					name := fmt.Sprintf("player-%d", i+j)
					batch = append(batch, command.Command{Entropy: append([]byte(nil), entropy...), Body: command.OpenAccount{
						Username: name, UsernameKey: name, PasswordHash: "x", Role: command.RolePlayer, WelcomeCoins: 1_000_000}})
				}
				apply(batch)
			}
			if run.inSeason {
				apply([]command.Command{{Body: command.CloseSeason{Begin: true}}})
			}
			for i := range accounts {
				id := command.FirstAccountID + command.AccountID(i)
				first := []command.Command{{Account: id, Body: command.PlaceWager{Rules: "slots/2", Stake: 1}}}
				if run.inSeason {
					first = append(first, command.Command{Account: id, Body: command.SetProfile{Avatar: "owl", InSeasons: true}})
				}
				apply(first)
			}
			b.ReportAllocs()
			n := uint64(0)
			for b.Loop() {
				var batch []command.Command
				for range 64 {
					n++
					id := command.FirstAccountID + command.AccountID(n*7919%uint64(accounts))
					batch = append(batch, command.Command{Account: id, Key: command.KeyOf(fmt.Sprint(n)), Body: command.PlaceWager{Rules: "slots/2", Stake: 1}})
				}
				apply(batch)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/spin")
			f := s.CheckpointFigures()
			b.Logf("checkpoints %d, last %v, longest %v, records %d, size %d MB", f.Count, f.Last, f.Longest, f.Records, s.Size()>>20)
		})
	}
}
