package logstore

import "github.com/hashicorp/raft"

// Sizes of the format.
const (
	BlockSize  = blockSize
	HeaderSize = headerSize
	SlotSize   = slotSize
)

// WithSegments sets how large segments are, in blocks.
func WithSegments(o Options, first, next int) Options {
	o.sizes = sizes{first * blockSize, next * blockSize}
	return o
}

// AppendEntryForTest is the encoding of an entry in the log of an identity with a salt.
func AppendEntryForTest(l *raft.Log, id Identity, salt []byte) []byte {
	return appendEntry(nil, l, newSeed(id, salt))
}

// HeaderForTest is the encoding of the header of a batch.
func HeaderForTest(id Identity, salt []byte) []byte {
	h := header{kind: entries, content: 1, segment: 2, index: 3, count: 4, length: 5, head: Head{Event: 6, Hash: [32]byte{7, 31: 8}, Index: 9}}
	b := make([]byte, headerSize)
	h.put(b, newSeed(id, salt))
	return b
}

// SlotForTest is the encoding of a slot of the state file.
func SlotForTest(id Identity, salt []byte, stable map[string][]byte) []byte {
	b, err := encodeSlot(record{ClusterID: id.ClusterID, NodeID: id.NodeID, Salt: salt, Stable: stable}, 9)
	if err != nil {
		panic(err)
	}
	return b
}

// SegmentsForTest is how many segments are in use, and how many wait to be used again.
func (s *Store) SegmentsForTest() (live, free int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.live), len(s.free)
}
