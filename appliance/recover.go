package appliance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"imperio/appliance/config"
	"imperio/appliance/control"
	"imperio/games/catalogue"
	"imperio/replication"
	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/engine"
)

const (
	recoveredFile  = "recovered.json"  // the act that the next start records in the history
	recoveredAside = "before-recover-" // and a time: a copy of the old log, for the operator to keep or to delete
)

// RecoverOptions say how to recover a cluster that has lost its majority for good.
type RecoverOptions struct {
	Data config.Data
	// Peers are the members of the recovered cluster, this node among them. None: this node is the only one.
	Peers    []ClusterPeer
	SudoUser string // SUDO_USER of the operator's environment; ""
	// Confirm is called once the report is known, before anything is changed. Its error ends the recovery.
	Confirm func(*RecoverReport) error
}

// ClusterPeer is a member of a cluster.
type ClusterPeer struct {
	ID      string
	Address string // host:port
	Voter   bool
}

// RecoverReport says what a recovery finds, and what it does.
type RecoverReport struct {
	DataDir, NodeID string
	Old, New        []ClusterPeer // the members before and after
	Lost            []ClusterPeer // old members that are not among the new ones
	LastIndex       uint64        // the newest entry of the log
	LastTerm        uint64        // its term
	LastTime        time.Time     // the casino's time of the newest entry
	Events          uint64        // the number of the newest event that certainly counts
	Uncertain       uint64        // entries at the end of the log that may not have been committed
	Commands        int           // commands in them
	Aside           string        // the directory with a copy of the old log
}

// Recover makes a cluster of the members that are left, of what this node has. The node must be stopped. It is offline work
// for the case that most members are lost for good; replication.Recover says what that means. The next start records it in
// the history.
func Recover(ctx context.Context, o RecoverOptions) (_ *RecoverReport, err error) {
	dir, key := o.Data.Dir, keyFrom(o.Data)
	socket := filepath.Join(dir, SocketFile)
	client, dial := control.Dial(ctx, socket)
	if dial == nil {
		client.Close()
		return nil, fmt.Errorf("the casino in %s is running. Stop it first ('systemctl stop imperio'): a node that runs may still find a majority", dir)
	}
	s, err := readStopped(ctx, dir, key, catalogue.Released(), noServer{socket, dial})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := errors.Join(checkPrivate(dir), checkOwnUser(dir, "cluster recover")); err != nil {
		return nil, err
	}
	if s.keys == nil {
		_, err := key.readExisting(dir)
		return nil, err
	}
	r, err := s.survey(dir, o.Peers)
	if err != nil {
		return nil, err
	}
	if o.Confirm != nil {
		if err := o.Confirm(r); err != nil {
			return nil, err
		}
	}
	return r, s.recover(ctx, r, o.SudoUser)
}

// survey reports what a recovery finds.
func (s *stopped) survey(dir string, peers []ClusterPeer) (*RecoverReport, error) {
	remains, err := replication.Survey(dir, s.logIdentity(), s.store)
	if err != nil {
		return nil, err
	}
	r := &RecoverReport{
		DataDir: dir, NodeID: s.identity.NodeID, LastIndex: remains.LastIndex, LastTerm: remains.LastTerm,
		LastTime: remains.Time, Uncertain: remains.Uncertain, Commands: remains.Commands,
	}
	r.Events, _ = s.store.Head()
	if now := s.store.Time(); now.After(r.LastTime) {
		r.LastTime = now
	}
	for _, m := range remains.Members {
		r.Old = append(r.Old, ClusterPeer{m.ID, m.Address, m.Voter})
	}
	if r.New, err = r.remaining(peers); err != nil {
		return nil, err
	}
	for _, old := range r.Old {
		if !slices.ContainsFunc(r.New, func(p ClusterPeer) bool { return p.ID == old.ID }) {
			r.Lost = append(r.Lost, old)
		}
	}
	return r, nil
}

// remaining returns the members of the recovered cluster.
func (r *RecoverReport) remaining(peers []ClusterPeer) ([]ClusterPeer, error) {
	old := make(map[string]ClusterPeer)
	for _, m := range r.Old {
		old[m.ID] = m
	}
	self, is := old[r.NodeID]
	switch {
	case len(r.Old) == 0:
		return nil, fmt.Errorf("%s was never added to a cluster: it has nothing to recover. Recover a member that has the casino's data", r.NodeID)
	case len(peers) == 0 && !is:
		return nil, fmt.Errorf("this node, %s, is no member of its cluster any more. Recover a member that is: %s", r.NodeID, listPeers(r.Old))
	case len(peers) == 0 && len(r.Old) == 1:
		return nil, fmt.Errorf("this node, %s, is the only member already: there is nothing to recover. Start it", r.NodeID)
	case len(peers) == 0:
		return []ClusterPeer{{self.ID, self.Address, true}}, nil
	}
	chosen := make([]ClusterPeer, 0, len(peers))
	for _, p := range peers {
		if _, known := old[p.ID]; !known {
			return nil, fmt.Errorf("%s is no member of this cluster. Its members are %s", p.ID, listPeers(r.Old))
		}
		chosen = append(chosen, ClusterPeer{p.ID, p.Address, true})
	}
	if !slices.ContainsFunc(chosen, func(p ClusterPeer) bool { return p.ID == r.NodeID }) {
		return nil, fmt.Errorf("this node, %s, is not among the peers. Name all survivors on each of them, this one too", r.NodeID)
	}
	return chosen, nil
}

// listPeers lists members for people.
func listPeers(peers []ClusterPeer) string {
	list := make([]string, len(peers))
	for i, p := range peers {
		list[i] = p.ID + " at " + p.Address
	}
	return strings.Join(list, ", ")
}

// recover does it. What the node had is in the copy of the log, and in the state, which only goes on.
func (s *stopped) recover(ctx context.Context, r *RecoverReport, sudoUser string) (err error) {
	if err := s.store.Close(); err != nil {
		return err
	}
	if s.store, err = storage.Open(r.DataDir, s.keys, storage.Options{Owner: s.identity.ClusterID}); err != nil {
		return err
	}
	if r.Aside, err = copyLogAside(r.DataDir, time.Now()); err != nil {
		return fmt.Errorf("keep a copy of the log: %w. Nothing was changed", err)
	}
	act := command.RecordAct{
		Actor: control.Self(sudoUser), Act: "cluster_recovered",
		Before: "members " + listPeers(r.Old),
		After:  fmt.Sprintf("members %s; %s went on from entry %d, and took the last %d entries as committed", listPeers(r.New), r.NodeID, r.LastIndex, r.Uncertain),
	}
	note, err := json.Marshal(act)
	if err == nil {
		err = engine.WriteFile(filepath.Join(r.DataDir, recoveredFile), note)
	}
	if err != nil {
		return fmt.Errorf("note the recovery for the history: %w", err)
	}
	members := make([]replication.Member, len(r.New))
	for i, p := range r.New {
		members[i] = replication.Member{ID: p.ID, Address: p.Address}
	}
	return replication.Recover(ctx, r.DataDir, s.logIdentity(), s.store, members)
}

// copyLogAside copies the log durably, and returns the name of the directory with the copy.
func copyLogAside(dir string, now time.Time) (aside string, err error) {
	aside = recoveredAside + now.UTC().Format("20060102T150405.000Z")
	to := filepath.Join(dir, aside, replication.LogDir)
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, aside)))
		}
	}()
	if err := os.MkdirAll(to, 0o700); err != nil {
		return "", err
	}
	files, err := os.ReadDir(filepath.Join(dir, replication.LogDir))
	for _, f := range files {
		if err == nil {
			err = copyDurably(filepath.Join(dir, replication.LogDir, f.Name()), filepath.Join(to, f.Name()))
		}
	}
	if err != nil {
		return "", err
	}
	return aside, errors.Join(engine.SyncDir(to), engine.SyncDir(filepath.Dir(to)), engine.SyncDir(dir))
}

// recordRecovery records a recovery in the history once this node takes commands again. If it is killed meanwhile, the history
// may have it twice.
func (a *App) recordRecovery(ctx context.Context) error {
	path := filepath.Join(a.config.Data.Dir, recoveredFile)
	note, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var act command.RecordAct
	if err == nil {
		err = json.Unmarshal(note, &act)
	}
	if err == nil {
		_, err = a.casino.propose(ctx, act)
	}
	if err == nil {
		err = os.Remove(path)
	}
	if err != nil {
		return fmt.Errorf("record the recovery of the cluster in the history, from %s: %w", path, err)
	}
	a.log.Warn("the cluster was recovered", "actor", act.Actor, "before", act.Before, "after", act.After)
	return nil
}
