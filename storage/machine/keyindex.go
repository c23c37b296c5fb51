package machine

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"imperio/storage/command"
)

// The index of used idempotency keys says which event used a key. The cost of a look-up depends neither on how much an
// account has played nor on what is in memory, and storing a key never dirties a random page.
//
// The history is divided into runs of 2^18 events. The keys of a complete run are in the table, in buckets by hash; a
// look-up reads one bucket. Beside them is a filter of three bytes per key, which is also held in memory. It recognizes nearly
// all new keys (a blocked Bloom filter: Putze, Sanders, Singler, "Cache-, Hash- and Space-Efficient Bloom Filters", 2007).
// The keys of the newest run are held in memory. They are written in slices of 2^12 events, so a start reads the slices and
// less than one slice's worth of events. A run is dropped when its last key is older than keyPeriod.
//
// Runs and slices end at fixed event numbers only, so that every node has the same.
type keySizes struct{ slice, run uint64 } // events, each a power of two

// standardSizes are the sizes in every casino. Tests use smaller ones.
var standardSizes = keySizes{slice: 1 << 12, run: 1 << 18}

func (s keySizes) placeOf(event uint64) uint32 { return uint32((event - 1) % s.run) }
func (s keySizes) event(run, place uint32) uint64 {
	return uint64(run)*s.run + uint64(place) + 1
}

// The table's keys are the run's number, the part, and a number within the part.
const (
	partSlice  = 0 // the entries of the n-th slice of an incomplete run
	partAbout  = 1 // runRecord
	partFilter = 2 // the n-th chunk of the filter
	partBucket = 3 // the entries of the n-th bucket
)

const (
	entrySize     = 12 // a key's hash, and its event's place in the run
	lineWords     = 8  // all bits of a key in the filter are in one cache line
	chunkLines    = 64 // of the filter, in one value of the table
	keysPerLine   = 22 // 23 bits per key
	keysPerBucket = 64
)

// runRecord describes a complete run.
type runRecord struct {
	Keys uint32 `cbor:"1,keyasint"`
	Last int64  `cbor:"2,keyasint"` // time of the newest of them
}

// keyIndex is the part of the index that is held in memory. Only Apply uses it.
type keyIndex struct {
	keySizes
	runs       []*keyRun // complete, with keys, oldest first
	recent     recentKeys
	candidates []int32 // of a look-up; reused by the next one
	mostBytes  int     // of filters in memory
}

// keyRun is a complete run.
type keyRun struct {
	number uint32
	about  runRecord
	filter []uint64 // nil: not in memory

	lines uint64 // of the filter
}

func newKeyRun(number uint32, about runRecord) *keyRun {
	return &keyRun{number: number, about: about, lines: uint64(about.lines())}
}

// recentKeys are the keys of the incomplete run.
type recentKeys struct {
	run    uint32
	keys   []keyEntry        // in the order of their events
	newest map[uint64]uint32 // hash → place in keys
	older  map[uint32]uint32 // place in keys → place of an earlier one with the same hash
	sliced int               // how many of the keys are written in slices
	last   int64             // time of the newest
}

// keyEntry is a used key: its hash, and the place of its event in the run, from 0.
type keyEntry struct {
	hash  uint64
	place uint32
}

func indexKey(run uint32, part byte, n uint32) []byte {
	k := binary.BigEndian.AppendUint32(make([]byte, 0, 9), run)
	return binary.BigEndian.AppendUint32(append(k, part), n)
}

// keyHash is a well mixed hash of an account's key (the finalizer of SplitMix64 over both halves).
func keyHash(id command.AccountID, key command.Key) uint64 {
	mix := func(x uint64) uint64 {
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		return x ^ x>>31
	}
	return mix(mix(mix(uint64(id)+0x9e3779b97f4a7c15)^binary.LittleEndian.Uint64(key[:8])) ^ binary.LittleEndian.Uint64(key[8:]))
}

// use finds the newest event in which an account used a key.
func (m *Machine) use(id command.AccountID, key command.Key) (e Event, used bool, err error) {
	hash := keyHash(id, key)
	is := func(event uint64) (bool, error) {
		e, err = m.event(event)
		return err == nil && e.Account == id && e.Key == key, err
	}
	recent := &m.keys.recent
	for at, more := recent.newest[hash]; more; at, more = recent.older[at] {
		if found, err := is(m.keys.event(recent.run, recent.keys[at].place)); found || err != nil {
			return e, found, err
		}
	}
	m.keys.candidates = m.keys.mayHave(hash, m.keys.candidates[:0])
	for i := len(m.keys.candidates) - 1; i >= 0; i-- {
		run := m.keys.runs[m.keys.candidates[i]]
		maybe, err := m.maybe(run, hash)
		if err != nil {
			return e, false, err
		}
		if !maybe {
			continue
		}
		bucket, err := m.bucket(run.number, run.about, bucketOf(hash, run.about))
		if err != nil {
			return e, false, err
		}
		for at := len(bucket) - 1; at >= 0; at-- {
			if bucket[at].hash != hash {
				continue
			}
			if found, err := is(m.keys.event(run.number, bucket[at].place)); found || err != nil {
				return e, found, err
			}
		}
	}
	return Event{}, false, nil
}

// mayHave appends the runs whose filters have the first bit of a hash. A look-up spends nearly all its time waiting for
// memory. So the loop has no branch on the bit, and the processor fetches all lines at once.
func (x *keyIndex) mayHave(hash uint64, candidates []int32) []int32 {
	candidates = slices.Grow(candidates, len(x.runs))[:len(x.runs)]
	word, bit := firstBit(hash)
	n := 0
	for i, run := range x.runs {
		candidates[n] = int32(i)
		if run.filter == nil {
			n++
			continue
		}
		n += int(run.filter[lineOf(hash, run.lines)*lineWords+word] >> bit & 1)
	}
	return candidates[:n]
}

// noteKey adds an event that is being recorded to the index. The event's number decides whether a slice or run ends.
func (m *Machine) noteKey(e *Event) error {
	r := &m.keys.recent
	if e.Key != (command.Key{}) {
		r.add(keyEntry{keyHash(e.Account, e.Key), m.keys.placeOf(e.Seq)}, e.Time)
	}
	if e.Seq%m.keys.slice != 0 {
		return nil
	}
	if e.Seq%m.keys.run != 0 {
		if new := r.keys[r.sliced:]; len(new) > 0 {
			m.state.Put(tableUsedKeys, indexKey(r.run, partSlice, m.keys.placeOf(e.Seq)/uint32(m.keys.slice)), encodeEntries(new))
			r.sliced = len(r.keys)
		}
		return nil
	}
	return m.completeRun()
}

// completeRun writes the run that has ended, and begins the next.
func (m *Machine) completeRun() error {
	r := &m.keys.recent
	for n := range uint32(m.keys.run / m.keys.slice) {
		m.state.Delete(tableUsedKeys, indexKey(r.run, partSlice, n))
	}
	if len(r.keys) > 0 {
		run := newKeyRun(r.run, runRecord{Keys: uint32(len(r.keys)), Last: r.last})
		if err := m.put(tableUsedKeys, indexKey(r.run, partAbout, 0), &run.about); err != nil {
			return err
		}
		buckets := make([][]byte, run.about.buckets())
		run.filter = make([]uint64, run.about.lines()*lineWords)
		for _, k := range r.keys {
			b := bucketOf(k.hash, run.about)
			buckets[b] = appendEntry(buckets[b], k)
			addTo(run.filter[lineOf(k.hash, run.lines)*lineWords:], k.hash)
		}
		for n, entries := range buckets {
			if len(entries) > 0 {
				m.state.Put(tableUsedKeys, indexKey(r.run, partBucket, uint32(n)), entries)
			}
		}
		const chunk = chunkLines * lineWords
		for n := 0; n*chunk < len(run.filter); n++ {
			m.state.Put(tableUsedKeys, indexKey(r.run, partFilter, uint32(n)), encodeWords(run.filter[n*chunk:min((n+1)*chunk, len(run.filter))]))
		}
		m.keys.runs = append(m.keys.runs, run)
	}
	*r = newRecentKeys(r.run + 1)
	m.keys.forget(m.head.Time - m.is().keyPeriod)
	m.head.KeysFrom = r.run
	if len(m.keys.runs) > 0 {
		m.head.KeysFrom = m.keys.runs[0].number
	}
	m.keys.bound()
	return nil
}

// forget drops the runs whose keys are all older than a time.
func (x *keyIndex) forget(before int64) {
	for len(x.runs) > 0 && x.runs[0].about.Last < before {
		x.runs = x.runs[1:]
	}
}

// bound frees the oldest filters if all of them take too much memory. Those are then read from the state, at about two
// microseconds per run and look-up.
func (x *keyIndex) bound() {
	held := 0
	for i := len(x.runs) - 1; i >= 0; i-- {
		if held += 8 * len(x.runs[i].filter); held > x.mostBytes {
			x.runs[i].filter = nil
		}
	}
}

// oldestUsedKeys is the key of the first run that is still needed.
func oldestUsedKeys(r *Record) []byte { return binary.BigEndian.AppendUint32(nil, r.KeysFrom) }

func newRecentKeys(run uint32) recentKeys {
	return recentKeys{run: run, newest: make(map[uint64]uint32), older: make(map[uint32]uint32)}
}

func (r *recentKeys) add(k keyEntry, time int64) {
	at := uint32(len(r.keys))
	if before, known := r.newest[k.hash]; known {
		r.older[at] = before
	}
	r.keys, r.newest[k.hash], r.last = append(r.keys, k), at, time
}

// Load reads what a new machine holds in memory, so that the first commands are as quick as later ones. It takes some tens
// of milliseconds.
func (m *Machine) Load(v View) error {
	m.view = v
	events := m.head.Events
	index := &keyIndex{keySizes: m.sizes, mostBytes: m.caches.filters(), recent: newRecentKeys(uint32(events / m.sizes.run))}
	for n := m.head.KeysFrom; n < index.recent.run; n++ {
		run, err := m.loadRun(n)
		if err != nil {
			return err
		}
		if run != nil {
			index.runs = append(index.runs, run)
			index.bound()
		}
	}
	from := uint64(index.recent.run) * m.sizes.run // the last event before the newest run
	for n := range uint32(events % m.sizes.run / m.sizes.slice) {
		data, err := m.view.Get(tableUsedKeys, indexKey(index.recent.run, partSlice, n))
		if err != nil {
			return err
		}
		entries, err := m.decodeEntries(data)
		if err != nil {
			return err
		}
		for _, k := range entries {
			index.recent.add(k, 0)
		}
		from += m.sizes.slice
	}
	index.recent.sliced = len(index.recent.keys)
	if n := len(index.recent.keys); n > 0 {
		e, err := m.event(index.event(index.recent.run, index.recent.keys[n-1].place))
		if err != nil {
			return err
		}
		index.recent.last = e.Time
	}
	for seq := from + 1; seq <= events; seq++ {
		e, err := m.event(seq)
		if err != nil {
			return err
		}
		if e.Key != (command.Key{}) {
			index.recent.add(keyEntry{keyHash(e.Account, e.Key), index.placeOf(seq)}, e.Time)
		}
	}
	m.keys = index
	return nil
}

// loadRun reads the part of a complete run that is held in memory; nil if the run has no keys.
func (m *Machine) loadRun(n uint32) (*keyRun, error) {
	about, ok, err := load[runRecord](&m.Reader, tableUsedKeys, indexKey(n, partAbout, 0))
	if err != nil || !ok {
		return nil, err
	}
	run := newKeyRun(n, about)
	run.filter = make([]uint64, 0, about.lines()*lineWords)
	for c := uint32(0); int(c)*chunkLines < about.lines(); c++ {
		words, err := m.filterChunk(n, c)
		if err != nil {
			return nil, err
		}
		for ; len(words) > 0; words = words[8:] {
			run.filter = append(run.filter, binary.LittleEndian.Uint64(words))
		}
	}
	if len(run.filter) != about.lines()*lineWords {
		return nil, m.Damage("the filter of used keys %d has %d words, not %d", n, len(run.filter), about.lines()*lineWords)
	}
	return run, nil
}

func (r *Reader) filterChunk(run, n uint32) ([]byte, error) {
	words, err := r.view.Get(tableUsedKeys, indexKey(run, partFilter, n))
	if err == nil && (len(words) == 0 || len(words)%(8*lineWords) != 0) {
		err = r.Damage("the filter of used keys %d lacks its part %d", run, n)
	}
	return words, err
}

// maybe reports whether a run may have a key with this hash. If it returns false, the run has none.
func (m *Machine) maybe(run *keyRun, hash uint64) (bool, error) {
	line := int(lineOf(hash, run.lines))
	if run.filter != nil {
		return isIn(run.filter[line*lineWords:], hash), nil
	}
	chunk, err := m.filterChunk(run.number, uint32(line/chunkLines))
	if err != nil {
		return false, err
	}
	at := line % chunkLines * lineWords * 8
	if at+lineWords*8 > len(chunk) {
		return false, m.Damage("the filter of used keys %d is cut short", run.number)
	}
	var words [lineWords]uint64
	for i := range words {
		words[i] = binary.LittleEndian.Uint64(chunk[at+8*i:])
	}
	return isIn(words[:], hash), nil
}

// bucket reads the entries of a bucket of a run.
func (r *Reader) bucket(run uint32, about runRecord, n int) ([]keyEntry, error) {
	data, err := r.view.Get(tableUsedKeys, indexKey(run, partBucket, uint32(n)))
	if err != nil {
		return nil, err
	}
	return r.decodeEntries(data)
}

// lines is the number of lines in a run's filter.
func (r runRecord) lines() int { return int((r.Keys-1)/keysPerLine) + 1 }

// buckets is the number of a run's buckets, a power of two.
func (r runRecord) buckets() int { return 1 << bits.Len32((r.Keys-1)/keysPerBucket) }

func bucketOf(hash uint64, r runRecord) int { return int(hash & uint64(r.buckets()-1)) }

// lineOf takes the high bits of the hash, and bucketOf the low ones.
func lineOf(hash, lines uint64) uint64 { return hash >> 32 * lines >> 32 }

// A key has seven bits in its line, each given by nine bits of a product of the hash.
const keyBits = 7

func addTo(line []uint64, hash uint64) {
	for i, h := 0, bitsOf(hash); i < keyBits; i, h = i+1, h>>9 {
		line[h>>6&7] |= 1 << (h & 63)
	}
}

func bitsOf(hash uint64) uint64 { return hash * 0x9e3779b97f4a7c15 }

func firstBit(hash uint64) (word, bit uint64) { h := bitsOf(hash); return h >> 6 & 7, h & 63 }

func isIn(line []uint64, hash uint64) bool {
	for i, h := 0, bitsOf(hash); i < keyBits; i, h = i+1, h>>9 {
		if line[h>>6&7]&(1<<(h&63)) == 0 {
			return false
		}
	}
	return true
}

func appendEntry(b []byte, k keyEntry) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(b, k.hash), k.place)
}

func encodeEntries(keys []keyEntry) []byte {
	b := make([]byte, 0, len(keys)*entrySize)
	for _, k := range keys {
		b = appendEntry(b, k)
	}
	return b
}

func (r *Reader) decodeEntries(data []byte) ([]keyEntry, error) {
	if len(data)%entrySize != 0 {
		return nil, r.Damage("the index of used keys has a part of %d bytes", len(data))
	}
	keys := make([]keyEntry, 0, len(data)/entrySize)
	for ; len(data) > 0; data = data[entrySize:] {
		keys = append(keys, keyEntry{binary.BigEndian.Uint64(data), binary.BigEndian.Uint32(data[8:])})
	}
	return keys, nil
}

func encodeWords(words []uint64) []byte {
	b := make([]byte, 0, 8*len(words))
	for _, w := range words {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}
