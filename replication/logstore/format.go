package logstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/hashicorp/raft"
)

// FormatVersion is the version of the log that this package writes, and the newest that it reads.
const FormatVersion = 1

// MaxEntry bounds the data of one entry in bytes. It is far above any entry that the node makes.
const MaxEntry = 2 << 20

// blockSize is the unit in which segments are written. No block is ever written again once its content is durable.
const blockSize = 4096

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seed begins all checksums of one log. It is made of the log's identity and random salt, so content from another log or
// made-up content fails the checksums.
type seed uint32

func newSeed(id Identity, salt []byte) seed {
	sum := crc32.Checksum([]byte(id.ClusterID+"\x00"+id.NodeID+"\x00"), castagnoli)
	return seed(crc32.Update(sum, castagnoli, salt))
}

func (s seed) checksum(content []byte) uint32 {
	return crc32.Update(uint32(s), castagnoli, content)
}

// Head is how far the entries were applied at some moment, and the newest event of the casino's history then: its number,
// and its hash, which pins all events before it. Event 0 is a history without events.
type Head struct {
	Event uint64
	Hash  [32]byte
	Index uint64 // the last entry that was applied, so it is committed
}

// kind says what follows a header.
type kind byte

const (
	opening kind = 'S' // the first block of a segment
	entries kind = 'B' // a batch of entries
	witness kind = 'W' // the witness, in the state file
)

// header is the first part of a block, integers big-endian:
//
//	 0  7  magic
//	 7  1  kind
//	 8  4  CRC-32C of the rest of the header
//	12  4  CRC-32C of the content
//	16  8  sequence number of the segment
//	24  8  entries: index of the first one
//	       opening: the index that the segment begins with; 0: the log is empty here, and may go on with any
//	       witness: index of the last durable entry; 0: the log is empty
//	32  4  entries: how many; otherwise 0
//	36  4  entries: length of the content in bytes
//	       opening: size of the file in bytes
//	40  8  head of the history: number of the event
//	48 32  its hash
//	80  8  the last entry that was applied then
type header struct {
	kind    kind
	content uint32
	segment uint64
	index   uint64
	count   uint32
	length  uint32
	head    Head
}

const (
	magic      = "imperio"
	headerSize = 88
)

// put encodes the header into b.
func (h *header) put(b []byte, s seed) {
	copy(b, magic)
	b[7] = byte(h.kind)
	binary.BigEndian.PutUint32(b[12:], h.content)
	binary.BigEndian.PutUint64(b[16:], h.segment)
	binary.BigEndian.PutUint64(b[24:], h.index)
	binary.BigEndian.PutUint32(b[32:], h.count)
	binary.BigEndian.PutUint32(b[36:], h.length)
	binary.BigEndian.PutUint64(b[40:], h.head.Event)
	copy(b[48:80], h.head.Hash[:])
	binary.BigEndian.PutUint64(b[80:], h.head.Index)
	binary.BigEndian.PutUint32(b[8:], s.checksum(b[12:headerSize]))
}

// block returns the header as a block of its own.
func (h *header) block(s seed) []byte {
	b := make([]byte, blockSize)
	h.put(b, s)
	return b
}

// parseHeader decodes a header of the given kind. It returns false if b doesn't begin with one that is whole.
func parseHeader(b []byte, k kind, s seed) (header, bool) {
	if len(b) < headerSize || string(b[:7]) != magic || kind(b[7]) != k ||
		binary.BigEndian.Uint32(b[8:]) != s.checksum(b[12:headerSize]) {
		return header{}, false
	}
	return header{
		kind:    k,
		content: binary.BigEndian.Uint32(b[12:]),
		segment: binary.BigEndian.Uint64(b[16:]),
		index:   binary.BigEndian.Uint64(b[24:]),
		count:   binary.BigEndian.Uint32(b[32:]),
		length:  binary.BigEndian.Uint32(b[36:]),
		head:    Head{binary.BigEndian.Uint64(b[40:]), [32]byte(b[48:80]), binary.BigEndian.Uint64(b[80:])},
	}, true
}

// blocks rounds up to whole blocks.
func blocks(size int) int { return (size + blockSize - 1) / blockSize * blockSize }

// An entry is laid out as follows, integers big-endian:
//
//	 0  4  CRC-32C of the index and of everything after this field
//	 4  4  length of extensions and data
//	 8  4  length of the extensions
//	12  1  layout of the entry: entryLayout
//	13  1  raft.LogType
//	14  8  term
//	22  8  when the leader appended it, Unix nanoseconds; 0 if unknown
//	30     extensions, then data
const (
	entryLayout = 1
	entryHeader = 30
)

// entrySize is how long the encoding of an entry is.
func entrySize(l *raft.Log) int { return entryHeader + len(l.Extensions) + len(l.Data) }

// appendEntry appends the encoding of one entry to buf.
func appendEntry(buf []byte, l *raft.Log, s seed) []byte {
	start := len(buf)
	var h [entryHeader]byte
	binary.BigEndian.PutUint32(h[4:], uint32(len(l.Extensions)+len(l.Data)))
	binary.BigEndian.PutUint32(h[8:], uint32(len(l.Extensions)))
	h[12] = entryLayout
	h[13] = byte(l.Type)
	binary.BigEndian.PutUint64(h[14:], l.Term)
	if !l.AppendedAt.IsZero() {
		binary.BigEndian.PutUint64(h[22:], uint64(l.AppendedAt.UnixNano()))
	}
	buf = append(buf, h[:]...)
	buf = append(buf, l.Extensions...)
	buf = append(buf, l.Data...)
	binary.BigEndian.PutUint32(buf[start:], entryChecksum(buf[start:], l.Index, s))
	return buf
}

func entryChecksum(e []byte, index uint64, s seed) uint32 {
	var k [8]byte
	binary.BigEndian.PutUint64(k[:], index)
	return crc32.Update(s.checksum(k[:]), castagnoli, e[4:])
}

// entryLength returns how long the entry is that b begins with; false if b can't hold it.
func entryLength(b []byte) (int, bool) {
	if len(b) < entryHeader {
		return 0, false
	}
	n := uint64(entryHeader) + uint64(binary.BigEndian.Uint32(b[4:]))
	if n > uint64(len(b)) {
		return 0, false
	}
	return int(n), true
}

// checkEntry checks that e is what was written as the entry index.
func checkEntry(e []byte, index uint64, s seed) error {
	if n, ok := entryLength(e); !ok || n != len(e) {
		return fmt.Errorf("its length is not %d bytes", len(e))
	}
	if binary.BigEndian.Uint32(e) != entryChecksum(e, index, s) {
		return errors.New("checksum does not match")
	}
	if e[12] != entryLayout {
		return fmt.Errorf("layout %d is unknown; this version knows %d", e[12], entryLayout)
	}
	if binary.BigEndian.Uint32(e[8:]) > binary.BigEndian.Uint32(e[4:]) {
		return errors.New("extensions longer than the entry")
	}
	return nil
}

// decodeEntry checks e and copies it into l.
func decodeEntry(e []byte, index uint64, s seed, l *raft.Log) error {
	if err := checkEntry(e, index, s); err != nil {
		return err
	}
	*l = raft.Log{Index: index, Term: binary.BigEndian.Uint64(e[14:]), Type: entryType(e)}
	if at := int64(binary.BigEndian.Uint64(e[22:])); at != 0 {
		l.AppendedAt = time.Unix(0, at)
	}
	ext := int(binary.BigEndian.Uint32(e[8:]))
	if body := append([]byte(nil), e[entryHeader:]...); len(body) > 0 {
		if ext > 0 {
			l.Extensions = body[:ext:ext]
		}
		if ext < len(body) {
			l.Data = body[ext:]
		}
	}
	return nil
}

func entryType(e []byte) raft.LogType { return raft.LogType(e[13]) }
