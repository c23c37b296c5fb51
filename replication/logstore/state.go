package logstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"

	"github.com/fxamacker/cbor/v2"
)

// record is what the state file holds beside the witness. It is one value, written whole, so that no part of it can be
// lost alone.
type record struct {
	ClusterID string            `cbor:"1,keyasint"`
	NodeID    string            `cbor:"2,keyasint"`
	Salt      []byte            `cbor:"3,keyasint"` // see seed
	Stable    map[string][]byte `cbor:"4,keyasint,omitempty"`
	Snapshot  *snapshotRecord   `cbor:"5,keyasint,omitempty"`
}

type snapshotRecord struct {
	Index              uint64 `cbor:"1,keyasint"`
	Term               uint64 `cbor:"2,keyasint"`
	Configuration      []byte `cbor:"3,keyasint"` // raft.EncodeConfiguration
	ConfigurationIndex uint64 `cbor:"4,keyasint"`
	Installed          bool   `cbor:"5,keyasint,omitempty"` // see SaveInstalled
}

// The state file begins with the block of the witness. Two slots follow, each with a copy of the record:
//
//	 0  4  CRC-32C of the slot from byte 4 to the end of the record
//	 4  4  length of the record in bytes
//	 8  8  number of the change that wrote it; the higher one counts
//	16  2  format version of the log
//	18     the record, CBOR with integer keys
//
// These fields stay where they are in every future version. A change writes and syncs one slot, then the other. So at
// any moment one slot is whole, and damage to one of two equal slots loses nothing.
const (
	stateFile    = "state"
	slotSize     = 16 << 10
	slotHeader   = 18
	stateSize    = blockSize + 2*slotSize
	maxRecord    = slotSize - slotHeader
	witnessStart = 0
)

func slotStart(slot int) int64 { return blockSize + int64(slot)*slotSize }

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

// encodeSlot returns the content of a slot.
func encodeSlot(r record, change uint64) ([]byte, error) {
	body, err := recordEnc.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode the state record: %w", err)
	}
	if len(body) > maxRecord {
		return nil, fmt.Errorf("the state record has %d bytes, the limit is %d", len(body), maxRecord)
	}
	b := make([]byte, blocks(slotHeader+len(body)))
	binary.BigEndian.PutUint32(b[4:], uint32(len(body)))
	binary.BigEndian.PutUint64(b[8:], change)
	binary.BigEndian.PutUint16(b[16:], FormatVersion)
	copy(b[slotHeader:], body)
	binary.BigEndian.PutUint32(b, crc32.Checksum(b[4:slotHeader+len(body)], castagnoli))
	return b, nil
}

// decodeSlot returns ErrNewer for a whole record of a newer format.
func decodeSlot(b []byte) (r record, change uint64, err error) {
	if len(b) < slotHeader {
		return r, 0, fmt.Errorf("only %d bytes", len(b))
	}
	n := binary.BigEndian.Uint32(b[4:])
	if uint64(n) > uint64(len(b)-slotHeader) {
		return r, 0, fmt.Errorf("a record of %d bytes", n)
	}
	if binary.BigEndian.Uint32(b) != crc32.Checksum(b[4:slotHeader+n], castagnoli) {
		return r, 0, errors.New("checksum does not match")
	}
	switch version := binary.BigEndian.Uint16(b[16:]); {
	case version > FormatVersion:
		return r, 0, fmt.Errorf("%w: format %d, this version reads up to %d", ErrNewer, version, FormatVersion)
	case version == 0:
		return r, 0, errors.New("format version 0")
	}
	err = recordDec.Unmarshal(b[slotHeader:slotHeader+n], &r)
	return r, binary.BigEndian.Uint64(b[8:]), err
}

// state is the state file.
type state struct {
	file   *os.File
	change uint64 // number of the last change
	good   int    // the slot that certainly holds the last change
}

// read decodes the newest whole record of the file, and the block of the witness.
func (st *state) read() (rec record, witness []byte, err error) {
	whole := 0
	var errs []error
	for slot := range 2 {
		b := make([]byte, slotSize)
		n, _ := st.file.ReadAt(b, slotStart(slot)) // what can't be read doesn't decode
		r, change, err := decodeSlot(b[:n])
		if errors.Is(err, ErrNewer) {
			return rec, nil, err
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("copy %d: %w", slot+1, err))
			continue
		}
		if whole++; whole == 1 || change > st.change {
			rec, st.change, st.good = r, change, slot
		}
	}
	if whole == 0 {
		return rec, nil, errors.Join(errs...)
	}
	witness, _, err = readBlock(st.file)
	return rec, witness, err
}

// write makes a record durable in both slots. The slot that holds the last change is written last.
func (st *state) write(r record) error {
	b, err := encodeSlot(r, st.change+1)
	if err != nil {
		return err
	}
	st.change++
	for range 2 {
		st.good = 1 - st.good
		if err := st.writeSlot(b); err != nil {
			return err
		}
	}
	return nil
}

// again writes the record once more where it is.
func (st *state) again(r record) error {
	b, err := encodeSlot(r, st.change)
	if err != nil {
		return err
	}
	return st.writeSlot(b)
}

// writeSlot makes the good slot hold b.
func (st *state) writeSlot(b []byte) error {
	if err := writeAt(st.file, b, slotStart(st.good)); err != nil {
		return err
	}
	return syncData(st.file)
}
