package machine

import (
	"encoding/binary"
	"fmt"
	"time"

	"imperio/storage/command"
)

// The tables of the state, by their index in the schema.
const (
	tableAccounts        = iota // account → AccountRecord
	tableUsernames              // folded name → account
	tableEmails                 // folded e-mail → account
	tableWallets                // account → WalletRecord: what every bet changes
	tableSeeds                  // account → SeedsRecord, sealed
	tablePairs                  // account, pair → PairRecord: revealed seed pairs
	tableSessions               // token hash → sessionRecord
	tableAccountSessions        // account → []sessionRef
	tableOpenRounds             // round → OpenRoundRecord
	tableSettlements            // round → the event that settled it, if that is not the one that opened it
	tableHistory                // event → Event
	tableThrottle               // generation, subject → theoretical arrival time
	tableLimits                 // account → limitsRecord
	tableValues                 // name → valueRecord
	tableLocks                  // name → lockRecord
	tableUsedKeys               // run, part, number → the index of used idempotency keys; see keyindex.go
	tableSessionEnds            // time → how many sessions expire then; see sessionends.go
	tableInvitations            // hash of the code → invitationRecord
	tableImports                // source, row → ImportRecord
	tableProfiles               // account → ProfileRecord, if it has chosen or reached anything
	tableShownNames             // folded shown name that is no username → account
	tableSeasons                // season → SeasonRecord
	tableEntries                // season, entry → EntryRecord: a player's figures in it
	tableCount
)

// Table declares a table to the keeper of the state.
type Table struct {
	Name     string
	Appended bool // new keys are always the highest
	// Numbers returns the first and last key of a numbered table. Its keys are all numbers from first to last, eight bytes
	// big-endian, without a gap. nil: the table is not numbered.
	Numbers func(*Record) (first, last uint64)
	// Oldest returns the key below which records have outlived their use. nil: they never do.
	Oldest func(*Record) []byte
	// Check checks a record against those that it refers to. nil: it refers to none.
	Check func(v View, key, value []byte) error
}

var tableNames = [tableCount]string{
	tableAccounts: "accounts", tableUsernames: "usernames", tableEmails: "emails", tableWallets: "wallets",
	tableSeeds: "seeds", tablePairs: "pairs", tableSessions: "sessions", tableAccountSessions: "account_sessions",
	tableOpenRounds: "open_rounds", tableSettlements: "settlements", tableHistory: "history",
	tableThrottle: "throttle", tableLimits: "limits", tableValues: "values", tableLocks: "locks",
	tableUsedKeys: "used_keys", tableSessionEnds: "session_ends", tableInvitations: "invitations", tableImports: "imports",
	tableProfiles: "profiles", tableShownNames: "shown_names", tableSeasons: "seasons", tableEntries: "season_entries",
}

// Tables declares the tables of the state, in the order of their numbers.
func Tables() []Table {
	tables := make([]Table, tableCount)
	for t, name := range tableNames {
		tables[t].Name = name
	}
	for _, t := range [3]int{tableAccounts, tableWallets, tableSeeds} {
		tables[t].Numbers = func(r *Record) (first, last uint64) {
			return uint64(command.FirstAccountID), uint64(r.NextAccount) - 1
		}
	}
	tables[tableAccounts].Check = checkNames
	tables[tableImports].Check = checkImport
	tables[tableProfiles].Check = checkShownName
	tables[tableSettlements].Appended = true
	tables[tableHistory].Appended = true
	tables[tableHistory].Check = checkEvent
	tables[tableHistory].Numbers = func(r *Record) (first, last uint64) { return 1, r.Events }
	tables[tableThrottle].Oldest = oldestThrottle
	tables[tableUsedKeys].Appended = true
	tables[tableUsedKeys].Oldest = oldestUsedKeys
	return tables
}

// checkNames checks that an account's name and address lead to it. Otherwise another account could be opened under them.
func checkNames(v View, key, value []byte) error {
	var a AccountRecord
	if err := decMode.Unmarshal(value, &a); err != nil {
		return unreadable(v, tableAccounts, key, err)
	}
	for _, by := range [2]struct {
		table int
		name  string
	}{{tableUsernames, a.UsernameKey}, {tableEmails, a.EmailKey}} {
		if by.name == "" {
			continue
		}
		if id, err := v.Get(by.table, []byte(by.name)); err != nil {
			return err
		} else if string(id) != string(key) {
			return v.Damage(fmt.Sprintf("account %d is not found in the table %s", binary.BigEndian.Uint64(key), tableNames[by.table]), nil)
		}
	}
	return nil
}

// Keys. Numbers are big-endian so that they sort.

func accountKey(id command.AccountID) []byte { return binary.BigEndian.AppendUint64(nil, uint64(id)) }
func eventKey(seq uint64) []byte             { return binary.BigEndian.AppendUint64(nil, seq) }
func seasonKey(n uint32) []byte              { return binary.BigEndian.AppendUint32(nil, n) }
func roundKey(id command.RoundID) []byte     { return binary.BigEndian.AppendUint64(nil, uint64(id)) }

func pairKey(id command.AccountID, pair uint32) []byte {
	return binary.BigEndian.AppendUint32(accountKey(id), pair)
}

func entryKey(season uint32, id command.EntryID) []byte {
	return binary.BigEndian.AppendUint64(seasonKey(season), uint64(id))
}

// isKey reports whether a name from outside may be a key: not empty, and not too long.
func (m *Machine) isKey(name string) bool { return name != "" && len(name) <= m.is().longestKey }

// The keys of records that only matter for a while begin with the generation in which they were written. Look-ups read the
// current generation and the one before. Older ones are dropped by Table.Oldest.

func generation(now int64, period time.Duration) uint32 { return uint32(now / period.Milliseconds()) }

func generationKey(gen uint32, rest ...[]byte) []byte {
	k := binary.BigEndian.AppendUint32(make([]byte, 0, 32), gen)
	for _, r := range rest {
		k = append(k, r...)
	}
	return k
}

func oldestThrottle(r *Record) []byte {
	gen := generation(r.Time, throttlePeriod)
	return generationKey(gen - min(gen, 1))
}
