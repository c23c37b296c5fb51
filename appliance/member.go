package appliance

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"imperio/appliance/cluster"
	"imperio/appliance/config"
	"imperio/replication"
	"imperio/replication/network"
	"imperio/storage"
	"imperio/storage/engine"
	"imperio/storage/machine"
)

// membership says how a data directory takes part in a cluster. Offline verbs have none.
type membership struct {
	config   config.Cluster
	level    func() uint32 // the newest feature level that this program can work with now
	problems func() []string
	answer   func(ctx context.Context, from, method string, request []byte) ([]byte, error)
}

// JoinCluster makes an empty data directory that of a new member of the cluster that the configuration names: it asks for
// admission, and writes what the member's first start needs. Where a member is already, it does nothing; joined is false
// then.
func JoinCluster(ctx context.Context, c *config.Config, version string, log *slog.Logger) (joined bool, err error) {
	dir := c.Data.Dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, dirError("make the data directory", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := checkPrivate(dir); err != nil {
		return false, err
	}
	if member, err := isMember(dir); member || err != nil {
		return false, err
	}
	key := keyFrom(c.Data)
	j := cluster.Joining{
		Dir: dir, NodeID: randomName("node"), Member: c.Cluster.JoinAddress(), Token: c.Cluster.JoinToken.Reveal(),
		Address: c.Cluster.Address, Listen: c.Cluster.ListenAddr(), Program: version, Level: machine.NewestLevel,
	}
	switch keys, err := key.read(dir); {
	case err == nil:
		id := keys.ID()
		j.KeyID = id[:]
	case !errors.Is(err, fs.ErrNotExist) || key.given != "":
		return false, err
	}
	f, casinoKey, err := cluster.Join(ctx, j)
	if err != nil {
		return false, err
	}
	if casinoKey != "" {
		if err := engine.WriteFile(key.path(dir), []byte(casinoKey+"\n")); err != nil {
			return false, fmt.Errorf("write the casino's key: %w", err)
		}
	}
	if err := f.Write(dir); err != nil {
		return false, err
	}
	// Last, since it decides what the directory is.
	id := storage.Identity{NodeID: f.NodeID, ClusterID: f.ClusterID, Format: storage.FormatVersion, CreatedAt: time.Now().UTC()}
	if err := storage.WriteIdentity(dir, id); err != nil {
		return false, err
	}
	log.Info("this node is admitted to the cluster", "node", f.NodeID, "cluster", f.ClusterID, "members", f.Contacts)
	return true, nil
}

// isMember reports whether a directory belongs to a member of a cluster, whichever it is. It refuses one with a casino of
// its own.
func isMember(dir string) (bool, error) {
	d := dataDir{path: dir}
	if d.has(storage.NodeFile) && d.has(cluster.FileName) {
		return true, nil
	}
	for _, name := range []string{storage.NodeFile, storage.StateFile, replication.LogDir} {
		if d.has(name) {
			return false, fmt.Errorf("%s holds a casino of its own (%s), so it can't join a cluster. Leave out --join to start that casino, or name an empty directory with --data-dir. Nothing was changed", dir, name)
		}
	}
	return false, nil
}

// readMember reads cluster.json of the directory, and checks that it belongs to it. It returns nil if there is none.
func (d *dataDir) readMember() (*cluster.File, error) {
	f, err := cluster.ReadFile(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if f.NodeID != d.identity.NodeID || f.ClusterID != "" && f.ClusterID != d.identity.ClusterID {
		return nil, fmt.Errorf("%s in %s is that of %s in %s, and %s says that this is %s in %s. Put the files that belong together there. Nothing was changed",
			cluster.FileName, d.path, f.NodeID, f.ClusterID, storage.NodeFile, d.identity.NodeID, d.identity.ClusterID)
	}
	return f, nil
}

// joins reports whether the data of this node come from other members, and none are here yet.
func (d *dataDir) joins() bool { return !d.identity.Ready && d.member != nil && d.member.Joined }

// openPort opens the port for other members, if the node is to have one. It fills in what the node needs of it.
func (d *dataDir) openPort(o *dataDirOptions, to *replication.Options) error {
	c, f := &o.member.config, d.member
	if c.Address == "" && (f == nil || !f.Joined && len(f.Contacts) == 0) {
		return nil // alone
	}
	if f == nil {
		f = &cluster.File{NodeID: d.identity.NodeID}
	}
	f.ClusterID = d.identity.ClusterID
	if c.Address != "" {
		f.Address, f.Listen = c.Address, c.ListenAddr()
	}
	if err := f.Prepare(d.store, d.keys, !f.Joined, time.Now()); err != nil {
		return err
	}
	if err := f.Write(d.path); err != nil {
		return err
	}
	credentials, err := f.Credentials()
	if err != nil {
		return err
	}
	d.member, d.gone = f, make(chan error, 1)
	d.cluster = cluster.New(cluster.Options{
		State: d.store, Keys: d.keys, Dir: d.path, File: f, Credentials: credentials, Program: o.version, Newest: machine.NewestLevel,
		ReapAfter: c.ReapAfter, MinVoters: c.MinVoters, Log: o.log,
		Fail: func(err error) { d.gone <- err },
		CasinoKey: func() (string, error) {
			key, err := o.key.bytes(d.path)
			return hex.EncodeToString(key[:]), err
		},
	})
	d.port, err = network.Listen(network.Options{
		Listen: f.Listen, Advertise: f.Address, Credentials: credentials, Removed: d.cluster.Removed, Logger: o.log,
	})
	if err != nil {
		return err
	}
	to.Network, to.Address, to.Join, to.Contacts = d.port, f.Address, d.joins(), f.Contacts
	to.Admit, to.Program, to.Level, to.Problems, to.Answer = d.cluster.Admit, o.version, o.member.level, o.member.problems, o.member.answer
	to.KeepFor, to.TransferRate = c.LogTime, int64(c.TransferRate)
	return nil
}

// attach lets the cluster use the node.
func (d *dataDir) attach() {
	if d.cluster != nil {
		d.cluster.Attach(d.node, d.casino().propose)
		d.port.HandleJoin(d.cluster.HandleJoin)
	}
}
