package audit

import (
	"crypto/sha256"

	"imperio/storage/machine"
)

// keyed holds an event's place in its account's chain of events under idempotency keys. A page of keys must be that of
// the events since the page before: by it, a bet that is sent again is known.
func (acc *account) keyed(e *machine.StoredEvent) error {
	use := e.KeyUse()
	if e.KeyPage == nil {
		if e.KeyBack != acc.KeyLast {
			return violation(e.Seq, "the event under a key before it of account %d is %d, not %d", e.Account, acc.KeyLast, e.KeyBack)
		}
		acc.KeySince++
		acc.keys = foldKey(acc.keys, use)
	} else {
		var page [32]byte
		for at := 0; at+len(use) <= len(e.KeyPage); at += len(use) {
			page = foldKey(page, e.KeyPage[at:at+len(use)])
		}
		if e.KeyBack != acc.KeyPage || uint64(len(e.KeyPage)) != acc.KeySince*uint64(len(use)) || page != acc.keys {
			return violation(e.Seq, "its page of keys is not that of the %d events under keys since event %d", acc.KeySince, acc.KeyPage)
		}
		acc.KeyPage, acc.KeySince, acc.keys = e.Seq, 0, [32]byte{}
	}
	acc.KeyLast = e.Seq
	return nil
}

// foldKey is a hash over one more use of a key, so that the uses themselves need not be held for each account.
func foldKey(before [32]byte, use []byte) [32]byte { return sha256.Sum256(append(before[:], use...)) }
