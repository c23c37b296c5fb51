package endtoend

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"imperio/appliance"
	"imperio/cmd/imperio/clustertest"
	"imperio/storage"
	"imperio/storage/seal"
)

// leftover is what a stopped node has on disk. Equal states are equal leftovers.
type leftover struct {
	index uint64   // of the newest entry that the state has
	state [32]byte // the hash of all its records
	head  string   // of the history
}

// leftBy audits the data directory of a stopped node and describes it.
func leftBy(ctx context.Context, n *clustertest.Node) (left leftover, err error) {
	out, err := n.Run(ctx, "audit", "--json")
	if err != nil {
		return left, err
	}
	var report struct {
		HistoryHead string `json:"history_head"`
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		return left, fmt.Errorf("audit of %s: %w", n.Name, err)
	}
	left.head = report.HistoryHead
	identity, err := storage.ReadIdentity(n.Dir)
	if err != nil {
		return left, err
	}
	text, err := os.ReadFile(filepath.Join(n.Dir, appliance.KeyFile))
	if err != nil {
		return left, err
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != seal.KeySize {
		return left, fmt.Errorf("the key of %s has %d bytes: %w", n.Name, len(key), err)
	}
	store, err := storage.Open(n.Dir, seal.New([seal.KeySize]byte(key)), storage.Options{Owner: identity.ClusterID, ReadOnly: true})
	if err != nil {
		return left, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	snapshot, err := store.Snapshot(ctx)
	if err != nil {
		return left, err
	}
	defer func() { err = errors.Join(err, snapshot.Close()) }()
	left.index, _ = snapshot.Applied()
	left.state, err = snapshot.Hash()
	return left, err
}
