package logstore

import (
	"encoding/binary"

	"github.com/hashicorp/raft"
)

// AppendEntryForTest is the encoding of an entry.
func AppendEntryForTest(buf []byte, l *raft.Log) []byte { return appendEntry(buf, l) }

// RecordForTest is the encoding of a state record.
func RecordForTest(id Identity, stable map[string][]byte) []byte {
	v, err := encodeRecord(record{ClusterID: id.ClusterID, NodeID: id.NodeID, Stable: stable})
	if err != nil {
		panic(err)
	}
	return v
}

// SealForTest puts a sound checksum in front of content.
func SealForTest(key, content []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, checksum(key, content)), content...)
}
