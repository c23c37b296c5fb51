package machine

import "imperio/storage/command"

// recordCache holds the decoded wallets and opened seeds that Apply used recently. Every bet needs one of each, and finding,
// decoding and opening them is the largest part of its cost. Only Apply uses the cache, so it needs no lock; whatever Apply
// stores goes through it, so it is never stale.
type recordCache struct {
	wallets map[command.AccountID]WalletRecord
	seeds   map[command.AccountID]activeSeed
	most    int // records of each kind
}

func newRecordCache(most int) *recordCache {
	return &recordCache{wallets: make(map[command.AccountID]WalletRecord), seeds: make(map[command.AccountID]activeSeed), most: most}
}

// keep adds a record to one of the maps. A full map starts over.
func keep[T any](c *recordCache, records map[command.AccountID]T, id command.AccountID, record T) {
	if len(records) >= c.most {
		clear(records)
	}
	records[id] = record
}

// wallet reads an account's wallet.
func (m *Machine) wallet(id command.AccountID) (WalletRecord, bool, error) {
	if w, ok := m.records.wallets[id]; ok {
		return w, true, nil
	}
	w, ok, err := loadOf[WalletRecord](&m.Reader, tableWallets, id)
	if ok && err == nil {
		keep(m.records, m.records.wallets, id, w)
	}
	return w, ok, err
}

func (m *Machine) putWallet(id command.AccountID, w *WalletRecord) error {
	keep(m.records, m.records.wallets, id, *w)
	return m.put(tableWallets, accountKey(id), w)
}

// activeSeed is an account's active pair, opened: what a bet needs of its seeds. It is never stored.
func (m *Machine) activeSeed(id command.AccountID) (*activeSeed, error) {
	if s, ok := m.records.seeds[id]; ok {
		return &s, nil
	}
	record, err := m.seedsOf(id)
	if err != nil {
		return nil, err
	}
	s, err := m.openActive(record)
	if err == nil {
		keep(m.records, m.records.seeds, id, *s)
	}
	return s, err
}

func (m *Machine) putSeeds(id command.AccountID, s *SeedsRecord) error {
	delete(m.records.seeds, id)
	return m.put(tableSeeds, accountKey(id), s)
}
