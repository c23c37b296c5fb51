package storage

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"

	"imperio/storage/command"
)

// FormatVersion is the version of the data directory that this build writes: of state.db's tables and of node.json.
const FormatVersion = 1

// NodeFile is the name of the file that says whose data directory this is.
const NodeFile = "node.json"

// Identity is who a data directory belongs to. It is made once.
type Identity struct {
	NodeID    string    `json:"node_id"`
	ClusterID string    `json:"cluster_id"`
	Format    int       `json:"format"`
	CreatedAt time.Time `json:"created_at"`
	// Ready is false while the directory is being made: no command was ever taken.
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
	}{id, fmt.Sprintf("%08x", crc32.Checksum(content, castagnoli))}, "", "  ")
	return append(data, '\n'), err
}

// ReadIdentity reads node.json. fs.ErrNotExist is returned if there is none. What is not byte for byte what
// WriteIdentity writes is damaged: a lost "ready" must not make a casino look like one that was never begun.
func ReadIdentity(dir string) (Identity, error) {
	path := filepath.Join(dir, NodeFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return Identity{}, err
	}
	var id Identity
	if err := json.Unmarshal(data, &id); err != nil {
		return Identity{}, &DamageError{File: path, What: "it is not the JSON that was written", Err: err}
	}
	if id.Format > FormatVersion {
		return Identity{}, newerFormat(path, id.Format)
	}
	written, err := id.encode()
	if err != nil {
		return Identity{}, fmt.Errorf("read %s: %w", path, err)
	}
	if !bytes.Equal(data, written) || id.Format < 1 || id.NodeID == "" || id.ClusterID == "" {
		return Identity{}, &DamageError{File: path, What: "its content does not fit its checksum"}
	}
	return id, nil
}

// WriteIdentity writes node.json durably: the old one or the new one is there, whatever happens.
func WriteIdentity(dir string, id Identity) error {
	data, err := id.encode()
	if err != nil {
		return fmt.Errorf("write %s: %w", NodeFile, err)
	}
	path := filepath.Join(dir, NodeFile)
	if err := WriteFile(path, data); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// WriteFile writes a file durably, readable by its owner alone: the old content or the new one is there, whatever happens.
func WriteFile(path string, data []byte) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// SyncDir makes the names in a directory durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func newerFormat(path string, version int) error {
	return fmt.Errorf("%s has format version %d, and this imperio reads up to %d: it was written by a newer one. Run that version, or restore a backup made by this one. Nothing was changed", path, version, FormatVersion)
}

var formatKey = []byte("format")

// Create makes an empty state. It refuses to touch a file that exists. The file gets its name when it is whole and
// durable, so a state.db that can't be read was never left by a start that broke off.
func Create(dir string, id Identity) error {
	path := filepath.Join(dir, StateFile)
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("create %s: there is one already", path)
	}
	unfinished := path + ".new" // left by such a start, and of no value
	if err := os.Remove(unfinished); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("create %s: %w", path, err)
	}
	db, err := bbolt.Open(unfinished, 0o600, &bbolt.Options{Timeout: time.Second, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range bucketNames {
			if _, err := tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		meta := tx.Bucket([]byte(bucketNames[bMeta]))
		if err := meta.Put(formatKey, seal(bMeta, formatKey, binary.BigEndian.AppendUint32(nil, FormatVersion))); err != nil {
			return err
		}
		if err := meta.Put(clusterKey, seal(bMeta, clusterKey, []byte(id.ClusterID))); err != nil {
			return err
		}
		data, err := encode(&MachineRecord{NextAccount: command.FirstAccountID})
		if err != nil {
			return err
		}
		return meta.Put(machineKey, seal(bMeta, machineKey, data))
	})
	if err = errors.Join(err, db.Close()); err == nil {
		err = os.Rename(unfinished, path)
	}
	if err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	return SyncDir(dir)
}

var clusterKey = []byte("cluster")
