package machine

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"slices"

	"imperio/storage/command"
)

// KeyAudit checks the index of used keys, by which the machine recognizes a repeated bet, against the history. It sees all
// events in order, and its memory grows only with the number of runs.
type KeyAudit struct {
	keySizes
	runs   []expectedRun // complete, by number
	now    expectedRun   // the run that is not complete
	sum    hash.Hash     // over its entries so far
	sliced [sha256.Size]byte
}

// expectedRun is what the index must hold for a run.
type expectedRun struct {
	runRecord
	sum [sha256.Size]byte // over its entries, in the order of their events
}

// NewKeyAudit begins an audit.
func NewKeyAudit() *KeyAudit {
	k := &KeyAudit{keySizes: standardSizes, sum: sha256.New()}
	k.sum.Sum(k.sliced[:0])
	return k
}

// Event takes the next event of the history.
func (k *KeyAudit) Event(e *Event) {
	if e.Key != (command.Key{}) {
		k.sum.Write(appendEntry(nil, keyEntry{keyHash(e.Account, e.Key), k.placeOf(e.Seq)}))
		k.now.Keys++
		k.now.Last = e.Time
	}
	if e.Seq%k.slice == 0 {
		k.sum.Sum(k.sliced[:0])
	}
	if e.Seq%k.run == 0 {
		k.now.sum = k.sliced
		k.runs = append(k.runs, k.now)
		k.now = expectedRun{}
		k.sum.Reset()
		k.sum.Sum(k.sliced[:0])
	}
}

// Compare checks the index of a state against the events so far. what says what is wrong; "" if nothing is. err is an error
// of reading.
func (k *KeyAudit) Compare(r *Reader) (what string, err error) {
	for n, want := range k.runs {
		run := uint32(n)
		if run < r.head.KeysFrom {
			if want.Keys > 0 && want.Last >= r.head.Time-r.head.constants().keyPeriod {
				return fmt.Sprintf("the used keys of events %d to %d were dropped too early", k.event(run, 0), k.event(run+1, 0)-1), nil
			}
			continue
		}
		if what, err := k.compareRun(r, run, want); what != "" || err != nil {
			return what, err
		}
	}
	sum := sha256.New()
	run := uint32(len(k.runs))
	for n := range uint32(k.run / k.slice) {
		data, err := r.view.Get(tableUsedKeys, indexKey(run, partSlice, n))
		if err != nil {
			return "", err
		}
		sum.Write(data)
	}
	if [sha256.Size]byte(sum.Sum(nil)) != k.sliced {
		return fmt.Sprintf("the newest used keys, of events from %d on, are not those of the history", k.event(run, 0)), nil
	}
	return "", nil
}

// compareRun checks a complete run.
func (k *KeyAudit) compareRun(r *Reader, n uint32, want expectedRun) (what string, err error) {
	about, ok, err := load[runRecord](r, tableUsedKeys, indexKey(n, partAbout, 0))
	switch {
	case err != nil:
		return "", err
	case ok != (want.Keys > 0) || about != want.runRecord:
		return fmt.Sprintf("run %d of used keys has %d keys up to %d ms, by the history %d up to %d", n, about.Keys, about.Last, want.Keys, want.Last), nil
	case !ok:
		return "", nil
	}
	m := Machine{Reader: *r}
	run, err := m.loadRun(n)
	if err != nil {
		return "", err
	}
	var entries []keyEntry
	for b := range about.buckets() {
		bucket, err := r.bucket(n, about, b)
		if err != nil {
			return "", err
		}
		for _, e := range bucket {
			if bucketOf(e.hash, about) != b || !isIn(run.filter[lineOf(e.hash, run.lines)*lineWords:], e.hash) {
				return fmt.Sprintf("the used key of event %d is not found", k.event(n, e.place)), nil
			}
		}
		entries = append(entries, bucket...)
	}
	slices.SortFunc(entries, func(a, b keyEntry) int { return int(a.place) - int(b.place) })
	if sha256.Sum256(encodeEntries(entries)) != want.sum {
		return fmt.Sprintf("run %d of used keys is not of the keys of the history", n), nil
	}
	return "", nil
}
