package storage

import (
	"encoding/binary"
	"hash/crc32"
	"time"

	"imperio/storage/command"
)

// bucket is one table of state.db. Numbers index in-memory layers only; the names are in the file.
type bucket uint8

const (
	bMeta            bucket = iota // "machine" → MachineRecord
	bAccounts                      // account → AccountRecord
	bUsernames                     // folded name → account
	bEmails                        // folded e-mail → account
	bWallets                       // account → WalletRecord: what every bet changes
	bSeeds                         // account → SeedsRecord
	bPairs                         // account, pair → PairRecord: revealed seed pairs
	bSessions                      // token hash → sessionRecord
	bAccountSessions               // account → []sessionRef
	bOpenRounds                    // round → OpenRoundRecord
	bSettlements                   // round → event that settled it, where that is not the one that opened it
	bHistory                       // event → Event
	bThrottle                      // generation, subject → theoretical arrival time
	bLimits                        // account → limitsRecord
	bValues                        // name → valueRecord
	bLocks                         // name → lockRecord
	bucketCount
)

var bucketNames = [bucketCount]string{
	bMeta: "meta", bAccounts: "accounts", bUsernames: "usernames", bEmails: "emails", bWallets: "wallets",
	bSeeds: "seeds", bPairs: "pairs", bSessions: "sessions", bAccountSessions: "account_sessions",
	bOpenRounds: "open_rounds", bSettlements: "settlements", bHistory: "history",
	bThrottle: "throttle", bLimits: "limits", bValues: "values", bLocks: "locks",
}

// appended reports whether keys of the bucket only ever grow, so that its pages can be filled to the brim.
func (b bucket) appended() bool { return b == bHistory || b == bSettlements }

// Keys. Numbers are big-endian so that they sort.

func accountKey(id command.AccountID) []byte { return binary.BigEndian.AppendUint64(nil, uint64(id)) }
func eventKey(seq uint64) []byte             { return binary.BigEndian.AppendUint64(nil, seq) }
func roundKey(id command.RoundID) []byte     { return binary.BigEndian.AppendUint64(nil, uint64(id)) }

func pairKey(id command.AccountID, pair uint32) []byte {
	return binary.BigEndian.AppendUint32(accountKey(id), pair)
}

// maxKey bounds the keys that come from outside, in bytes; bbolt takes some 32 KiB, and none that is empty.
const maxKey = 4 << 10

func isKey(name string) bool { return name != "" && len(name) <= maxKey }

// Records that only matter for a while carry the generation they were written in at the front of their key: they are
// found in the current generation and the one before, and what is older is dropped at checkpoints, from the front of
// the bucket, without ever being searched for.

func generation(now int64, period time.Duration) uint32 { return uint32(now / period.Milliseconds()) }

func generationKey(gen uint32, rest ...[]byte) []byte {
	k := binary.BigEndian.AppendUint32(make([]byte, 0, 32), gen)
	for _, r := range rest {
		k = append(k, r...)
	}
	return k
}

// A value in state.db ends with the CRC-32C of its bucket, key and content: bbolt's pages have no checksum.

const sumSize = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b bucket, key, content []byte) uint32 {
	sum := crc32.Update(uint32(b), castagnoli, key)
	return crc32.Update(sum, castagnoli, content)
}

func seal(b bucket, key, content []byte) []byte {
	out := make([]byte, len(content), len(content)+sumSize)
	copy(out, content)
	return binary.BigEndian.AppendUint32(out, checksum(b, key, content))
}

func unseal(b bucket, key, sealed []byte) ([]byte, bool) {
	n := len(sealed) - sumSize
	if n < 0 || binary.BigEndian.Uint32(sealed[n:]) != checksum(b, key, sealed[:n]) {
		return nil, false
	}
	return sealed[:n:n], true
}
