package storage

import "imperio/storage/command"

// hotRecords are the decoded wallets and seeds that Apply used lately: every bet needs one of each, and finding and
// decoding them is the largest part of its cost. Only Apply reads and writes them, so they need no lock, and whatever
// it stores passes here, so they are never old.
type hotRecords struct {
	wallets map[command.AccountID]WalletRecord
	seeds   map[command.AccountID]SeedsRecord
}

// maxHotRecords bounds the memory: some 35 MB for wallets and as much for seeds. A full map starts over.
const maxHotRecords = 1 << 17

func newHotRecords() *hotRecords {
	return &hotRecords{wallets: make(map[command.AccountID]WalletRecord), seeds: make(map[command.AccountID]SeedsRecord)}
}

func keep[T any](records map[command.AccountID]T, id command.AccountID, record T) {
	if len(records) >= maxHotRecords {
		clear(records)
	}
	records[id] = record
}

// wallet reads an account's wallet.
func (m *machine) wallet(id command.AccountID) (WalletRecord, bool, error) {
	if w, ok := m.hot.wallets[id]; ok {
		return w, true, nil
	}
	w, ok, err := loadOf[WalletRecord](&m.reader, bWallets, id)
	if ok && err == nil {
		keep(m.hot.wallets, id, w)
	}
	return w, ok, err
}

func (m *machine) putWallet(id command.AccountID, w *WalletRecord) error {
	keep(m.hot.wallets, id, *w)
	return m.put(bWallets, accountKey(id), w)
}

// seeds are an account's seeds; every account has them.
func (m *machine) seeds(id command.AccountID) (*SeedsRecord, error) {
	if s, ok := m.hot.seeds[id]; ok {
		return &s, nil
	}
	s, err := m.reader.seeds(id)
	if err == nil {
		keep(m.hot.seeds, id, *s)
	}
	return s, err
}

func (m *machine) putSeeds(id command.AccountID, s *SeedsRecord) error {
	keep(m.hot.seeds, id, *s)
	return m.put(bSeeds, accountKey(id), s)
}
