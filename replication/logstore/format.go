package logstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/hashicorp/raft"
)

// FormatVersion is the version of the file that this package writes, and the newest that it reads.
const FormatVersion = 1

// MaxEntry bounds the data of one entry in bytes. It is far above any command, and well below what would make one
// transaction slow.
const MaxEntry = 4 << 20

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)

	bucketLog   = []byte("log")   // 8-byte big-endian index → entry
	bucketState = []byte("state") // keyRecord → record
	keyRecord   = []byte("record")
)

// An entry is laid out as follows, integers big-endian:
//
//	 0  4  CRC-32C of the key (the index) and of everything after this field
//	 4  1  layout of the entry: entryLayout
//	 5  1  raft.LogType
//	 6  8  term
//	14  8  when the leader appended it, Unix nanoseconds; 0 if unknown
//	22  4  length of the extensions
//	26     extensions, then data
const (
	entryLayout = 1
	entryHeader = 26
)

func key(index uint64) [8]byte {
	var k [8]byte
	binary.BigEndian.PutUint64(k[:], index)
	return k
}

// appendEntry appends the encoding of one entry to buf.
func appendEntry(buf []byte, l *raft.Log) []byte {
	start := len(buf)
	var h [entryHeader]byte
	h[4] = entryLayout
	h[5] = byte(l.Type)
	binary.BigEndian.PutUint64(h[6:], l.Term)
	if !l.AppendedAt.IsZero() {
		binary.BigEndian.PutUint64(h[14:], uint64(l.AppendedAt.UnixNano()))
	}
	binary.BigEndian.PutUint32(h[22:], uint32(len(l.Extensions)))
	buf = append(buf, h[:]...)
	buf = append(buf, l.Extensions...)
	buf = append(buf, l.Data...)
	k := key(l.Index)
	binary.BigEndian.PutUint32(buf[start:], checksum(k[:], buf[start+4:]))
	return buf
}

// checkEntry tells whether v is what was written under k, without copying it.
func checkEntry(k, v []byte) error {
	if len(k) != 8 {
		return fmt.Errorf("a key of %d bytes", len(k))
	}
	if len(v) < entryHeader {
		return fmt.Errorf("only %d bytes", len(v))
	}
	if binary.BigEndian.Uint32(v) != checksum(k, v[4:]) {
		return errors.New("checksum does not match")
	}
	if v[4] != entryLayout {
		return fmt.Errorf("layout %d, known is %d", v[4], entryLayout)
	}
	if uint64(binary.BigEndian.Uint32(v[22:])) > uint64(len(v)-entryHeader) {
		return errors.New("extensions longer than the entry")
	}
	return nil
}

// decodeEntry checks v and copies it into l.
func decodeEntry(k, v []byte, l *raft.Log) error {
	if err := checkEntry(k, v); err != nil {
		return err
	}
	*l = raft.Log{
		Index: binary.BigEndian.Uint64(k),
		Term:  entryTerm(v),
		Type:  entryType(v),
	}
	if at := int64(binary.BigEndian.Uint64(v[14:])); at != 0 {
		l.AppendedAt = time.Unix(0, at)
	}
	ext := int(binary.BigEndian.Uint32(v[22:]))
	if body := append([]byte(nil), v[entryHeader:]...); len(body) > 0 {
		if ext > 0 {
			l.Extensions = body[:ext:ext]
		}
		if ext < len(body) {
			l.Data = body[ext:]
		}
	}
	return nil
}

func entryType(v []byte) raft.LogType { return raft.LogType(v[5]) }

func entryTerm(v []byte) uint64 { return binary.BigEndian.Uint64(v[6:]) }

func checksum(key, content []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, content)
}

// record is all that the file holds beside the entries. It is one value, written whole, so that no part of it can be
// lost alone.
type record struct {
	ClusterID string            `cbor:"1,keyasint"`
	NodeID    string            `cbor:"2,keyasint"`
	Stable    map[string][]byte `cbor:"3,keyasint,omitempty"`
	Snapshot  *snapshotRecord   `cbor:"4,keyasint,omitempty"`
}

type snapshotRecord struct {
	Index              uint64 `cbor:"1,keyasint"`
	Term               uint64 `cbor:"2,keyasint"`
	Configuration      []byte `cbor:"3,keyasint"` // raft.EncodeConfiguration
	ConfigurationIndex uint64 `cbor:"4,keyasint"`
}

// The record is laid out as follows: CRC-32C of its key and of everything after this field (4 bytes), format version
// of the file (2 bytes), CBOR with integer keys. The first two fields stay where they are in every future version.
const recordHeader = 6

var (
	recordEnc = mode(cbor.CoreDetEncOptions().EncMode())
	recordDec = mode(cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
	}.DecMode())
)

func mode[T any](m T, err error) T {
	if err != nil {
		panic(err) // an option in this file is wrong
	}
	return m
}

func encodeRecord(r record) ([]byte, error) {
	body, err := recordEnc.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode state record: %w", err)
	}
	v := make([]byte, recordHeader, recordHeader+len(body))
	binary.BigEndian.PutUint16(v[4:], FormatVersion)
	v = append(v, body...)
	binary.BigEndian.PutUint32(v, checksum(keyRecord, v[4:]))
	return v, nil
}

// decodeRecord returns ErrNewer for a sound record of a newer format.
func decodeRecord(v []byte) (record, error) {
	var r record
	if len(v) < recordHeader {
		return r, fmt.Errorf("only %d bytes", len(v))
	}
	if binary.BigEndian.Uint32(v) != checksum(keyRecord, v[4:]) {
		return r, errors.New("checksum does not match")
	}
	switch version := binary.BigEndian.Uint16(v[4:]); {
	case version > FormatVersion:
		return r, fmt.Errorf("%w: format %d, this version reads up to %d", ErrNewer, version, FormatVersion)
	case version == 0:
		return r, errors.New("format version 0")
	}
	if err := recordDec.Unmarshal(v[recordHeader:], &r); err != nil {
		return r, err
	}
	return r, nil
}
