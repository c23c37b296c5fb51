package backup

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"filippo.io/age"
	"github.com/fxamacker/cbor/v2"

	"imperio/storage"
	"imperio/storage/machine"
)

// MaxSegment bounds the entries of one segment, in bytes. What is more goes into the next segment.
const MaxSegment = 16 << 20

// maxPlainSegment bounds what is read of a segment: an entry may be added when there is still room for one byte.
const maxPlainSegment = MaxSegment + 4<<20

// entryRecord is an entry in a segment: one CBOR array after the other.
type entryRecord struct {
	_           struct{} `cbor:",toarray"`
	Index, Term uint64
	Data        []byte
}

// Batch gathers entries of the log for one segment.
type Batch struct {
	First, Last, Term uint64
	Entries           uint64
	content           bytes.Buffer
}

// Add appends an entry, which must follow the last one.
func (b *Batch) Add(e storage.Entry) error {
	if b.Entries > 0 && e.Index != b.Last+1 {
		return fmt.Errorf("entry %d follows entry %d", e.Index, b.Last)
	}
	if b.Entries == 0 {
		b.First = e.Index
	}
	data, err := cbor.Marshal(entryRecord{Index: e.Index, Term: e.Term, Data: e.Data})
	if err != nil {
		return err
	}
	b.content.Write(data)
	b.Last, b.Term = e.Index, e.Term
	b.Entries++
	return nil
}

// Full reports whether the batch has as many bytes as a segment should have.
func (b *Batch) Full() bool { return b.content.Len() >= MaxSegment }

// WriteSegment writes a batch into a target and reads it back. from is the casino's time before its first entry. head is the
// machine's record after its last one.
func WriteSegment(ctx context.Context, t Target, b *Batch, from time.Time, head *machine.Record, w Writing) (s SegmentInfo, err error) {
	return writeSegment(ctx, t, b, from, head, PositionOf(head, storage.FormatVersion), w)
}

// writePartialSegment is WriteSegment for a batch after which the machine has moved on. to is the casino's time after its last
// entry. head is any record of the lineage.
func writePartialSegment(ctx context.Context, t Target, b *Batch, from, to time.Time, head *machine.Record, w Writing) (SegmentInfo, error) {
	return writeSegment(ctx, t, b, from, head, Position{Time: to, Partial: true}, w)
}

func writeSegment(ctx context.Context, t Target, b *Batch, from time.Time, head *machine.Record, at Position, w Writing) (s SegmentInfo, err error) {
	lineage := LineageName(head.Lineage)
	m := Manifest{
		Kind: KindSegment, Casino: w.Casino, Lineage: lineage, Program: w.Program, TakenAt: time.Now().UTC().Truncate(time.Millisecond),
		FirstIndex: b.First, Entries: b.Entries, From: from, Index: b.Last, Term: b.Term,
		Position: at, KeyID: hex.EncodeToString(head.Key[:]),
	}
	name := segmentName(w.Casino, lineage, b.First, b.Last, from, m.Time)
	c, err := w.create(ctx, t, name, func(int64) {})
	if err != nil {
		return s, err
	}
	defer c.abort()
	if err := c.part(PartEntries, func(to io.Writer) error { _, err := to.Write(b.content.Bytes()); return err }); err != nil {
		return s, err
	}
	if _, err := c.commit(ctx, m); err != nil {
		return s, err
	}
	s, _ = parseSegment(Object{Name: name, Size: c.size.size, Modified: m.TakenAt})
	return s, nil
}

// ReadSegment reads a segment, and checks all of it before it returns anything.
func ReadSegment(ctx context.Context, t Target, o Object, keys []age.Identity) (m Manifest, entries []storage.Entry, err error) {
	if m, err = ReadManifest(ctx, t, o); err != nil {
		return m, nil, err
	}
	what := nameOf(t, o)
	if p, _, ok := m.part(PartEntries); m.Kind != KindSegment || !ok || p.Size > maxPlainSegment {
		return m, nil, damaged(what, "it is no segment")
	}
	r, err := openPart(ctx, t, o, &m, PartEntries, keys)
	if err != nil {
		return m, nil, err
	}
	content, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		return m, nil, err
	}
	for next := m.FirstIndex; len(content) > 0; next++ {
		var e entryRecord
		rest, err := cbor.UnmarshalFirst(content, &e)
		if err != nil || e.Index != next {
			return m, nil, damaged(what, "entry %d in it can't be read", next)
		}
		entries = append(entries, storage.Entry{Index: e.Index, Term: e.Term, Data: e.Data})
		content = rest
	}
	if n := uint64(len(entries)); n == 0 || n != m.Entries || entries[n-1].Index != m.Index {
		return m, nil, damaged(what, "it has %d entries, its manifest says %d up to %d", n, m.Entries, m.Index)
	}
	return m, entries, nil
}
