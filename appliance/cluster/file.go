package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"imperio/replication/network"
	"imperio/storage/engine"
)

// FileName is the name of the file in the data directory that holds what a start needs. Only its owner may read it.
const FileName = "cluster.json"

// File is the content of cluster.json.
type File struct {
	ClusterID string `json:"cluster_id,omitempty"` // "" until the node was admitted
	NodeID    string `json:"node_id"`
	Address   string `json:"address"` // where other members reach this node
	Listen    string `json:"listen"`
	// The node's key and certificate, and the authority's certificate, all in PEM.
	Key         string `json:"key"`
	Certificate string `json:"certificate,omitempty"`
	Authority   string `json:"authority,omitempty"`
	// AuthorityKey is the authority's sealed key, as long as it may not be in the state yet.
	AuthorityKey []byte `json:"authority_key,omitempty"`
	// Contacts are addresses of other members: who is asked after a change of addresses.
	Contacts []string `json:"contacts,omitempty"`
	// Joined says that another member has admitted this node. Its data came from there.
	Joined bool `json:"joined,omitempty"`
}

// ReadFile reads cluster.json. It returns fs.ErrNotExist if there is none.
func ReadFile(dir string) (*File, error) {
	path := filepath.Join(dir, FileName)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f := new(File)
	if err == nil {
		err = json.Unmarshal(data, f)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w. If it is damaged, delete it: a member that has the casino's state makes a new one when it starts with --cluster-addr. A node that was still joining has to join again", path, err)
	}
	return f, nil
}

// Write writes cluster.json durably. After a crash either the old or the new file is there.
func (f *File) Write(dir string) error {
	data, err := json.MarshalIndent(f, "", "  ")
	if err == nil {
		err = engine.WriteFile(filepath.Join(dir, FileName), append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", FileName, err)
	}
	return nil
}

// Credentials are those in the file.
func (f *File) Credentials() (*network.Credentials, error) {
	c, err := network.NewCredentials([]byte(f.Certificate), []byte(f.Key), []byte(f.Authority))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", FileName, err)
	}
	return c, nil
}
