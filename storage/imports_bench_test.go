package storage

import (
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"imperio/games"
	"imperio/storage/command"
	"imperio/storage/seal"
)

// BenchmarkApplyImports is the cost of an imported account in the machine, with checkpoints: in batches as the importer makes them, on
// top of what was imported before. With -benchtime=4000x it imports a million. It must not grow with the number of accounts.
func BenchmarkApplyImports(b *testing.B) {
	const batch = 250
	dir, keys := b.TempDir(), seal.New([seal.KeySize]byte{1})
	if err := Create(dir, Identity{NodeID: "n", ClusterID: "c"}, keys.ID()); err != nil {
		b.Fatal(err)
	}
	s, err := Open(dir, keys, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	hash := keys.SealPassword("scrypt:32768:8:1$abcdefghijklmnop$" + fmt.Sprintf("%0128d", 7))
	var made, applied, longest time.Duration
	row := int64(0)
	for b.Loop() {
		began := time.Now()
		body := command.ImportAccounts{Source: "imperiocasino", Actor: "root"}
		for range batch {
			row++
			name := fmt.Sprintf("player%d", row*7919%1_000_003)
			body.Accounts = append(body.Accounts, command.ImportedAccount{
				Row: row, Username: name, UsernameKey: name, Email: name + "@example.org", EmailKey: name + "@example.org", PasswordHash: hash,
				Coins: 1000, Stakes: games.Coins(row % 3 * 10), Mark: keys.ImportedName(name),
			})
		}
		c := command.Command{ID: command.ID{byte(row >> 16), byte(row >> 8), byte(row)}, Entropy: make([]byte, 2*batch*command.SeedSize), Body: body}
		rand.Read(c.Entropy)
		data, err := command.Encode(keys.Command(c))
		if err != nil {
			b.Fatal(err)
		}
		ready := time.Now()
		results, err := s.Apply([]Command{{Index: uint64(row / batch), Term: 1, Time: time.UnixMilli(1_800_000_000_000 + row), Data: data}})
		if err != nil || results[0].Refusal != nil {
			b.Fatal(err, results)
		}
		took := time.Since(ready)
		made, applied, longest = made+ready.Sub(began), applied+took, max(longest, took)
		if row%100_000 == 0 {
			b.Logf("%d accounts: %d ns to make one, %d ns to apply one, the longest batch %v", row, made.Nanoseconds()/100_000, applied.Nanoseconds()/100_000, longest)
			made, applied, longest = 0, 0, 0
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(row), "ns/account")
	f := s.CheckpointFigures()
	b.Logf("checkpoints %d, last %v, longest %v, records %d, size %d MB", f.Count, f.Last, f.Longest, f.Records, s.Size()>>20)
}
