package storage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"time"

	"imperio/storage/engine"
)

// NodeFile is the name of the file that identifies the owner of a data directory.
const NodeFile = "node.json"

// Identity says which node and cluster a data directory belongs to. It is made once.
type Identity struct {
	NodeID    string    `json:"node_id"`
	ClusterID string    `json:"cluster_id"`
	Format    int       `json:"format"`
	CreatedAt time.Time `json:"created_at"`
	// Ready is false while the directory is being set up: no command was ever taken.
	Ready bool `json:"ready"`
}

// encode is node.json: the identity and, as its last field, a checksum over the others.
func (id Identity) encode() ([]byte, error) {
	content, err := json.Marshal(id)
	if err != nil {
		return nil, err
	}
	data, err := json.MarshalIndent(struct {
		Identity
		Checksum string `json:"checksum"`
	}{id, fmt.Sprintf("%08x", crc32.Checksum(content, engine.Castagnoli))}, "", "  ")
	return append(data, '\n'), err
}

// ReadIdentity reads node.json. It returns fs.ErrNotExist if there is none. A file that differs in any byte from what
// WriteIdentity writes is damaged: a lost "ready" must not make a casino look like one that was never set up.
func ReadIdentity(dir string) (Identity, error) {
	path := filepath.Join(dir, NodeFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return Identity{}, err
	}
	var id Identity
	if err := json.Unmarshal(data, &id); err != nil {
		return Identity{}, &engine.DamageError{File: path, What: "it is not the JSON that was written", Err: err}
	}
	if id.Format > FormatVersion {
		return Identity{}, &engine.NewerFormatError{File: path, Version: id.Format, Known: FormatVersion}
	}
	written, err := id.encode()
	if err != nil {
		return Identity{}, fmt.Errorf("read %s: %w", path, err)
	}
	if !bytes.Equal(data, written) || id.Format < 1 || id.NodeID == "" || id.ClusterID == "" {
		return Identity{}, &engine.DamageError{File: path, What: "its content does not match its checksum"}
	}
	return id, nil
}

// WriteIdentity writes node.json durably. After a crash either the old or the new file is there.
func WriteIdentity(dir string, id Identity) error {
	data, err := id.encode()
	if err != nil {
		return fmt.Errorf("write %s: %w", NodeFile, err)
	}
	path := filepath.Join(dir, NodeFile)
	if err := engine.WriteFile(path, data); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
