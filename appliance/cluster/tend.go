package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"imperio/replication"
	"imperio/replication/network"
	"imperio/storage/command"
)

const (
	tendEvery = time.Second
	// promoteAfter is how long a member without a vote must have been well before it gets one.
	promoteAfter = 3 * time.Second
	// promoteLag is how many entries it may be behind meanwhile.
	promoteLag = 1000
	// tendPatience bounds one look, whose acts may wait for a leader.
	tendPatience = 20 * time.Second
)

// Run looks after the cluster until ctx ends. Each member keeps its own certificate; the leader keeps the rest.
func (c *Cluster) Run(ctx context.Context) {
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	for {
		c.look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (c *Cluster) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, tendPatience)
	defer cancel()
	members := c.node.Members()
	c.noticeRemoval(members)
	err := c.keepFile(members)
	if c.node.Leads() {
		err = errors.Join(err, c.establish(ctx))
		if err == nil {
			err = errors.Join(c.reconcile(ctx, members), c.promote(ctx, members), c.reap(ctx, members), c.raiseLevel(ctx, members))
		}
	} else {
		clear(c.well)
		clear(c.silent)
	}
	switch {
	case err == nil:
		c.told = ""
	case ctx.Err() == nil && err.Error() != c.told:
		c.told = err.Error()
		c.o.Log.Warn("the cluster could not be looked after; trying again each second", "error", err)
	}
}

// fail ends this node's membership.
func (c *Cluster) fail(err error) {
	if !c.failed {
		c.failed = true
		c.o.Fail(err)
	}
}

// noticeRemoval ends a node that was removed: the others talk to it no more, or its own state says so.
func (c *Cluster) noticeRemoval(members []replication.Member) {
	gone := c.Removed(c.o.File.NodeID)
	for _, m := range members {
		gone = gone || errors.Is(m.Err, network.ErrRemoved) || errors.Is(m.Err, replication.ErrRemoved)
	}
	if gone {
		c.fail(fmt.Errorf("%w. If it is to be a member again, empty its data directory, and join with a new token ('imperio cluster token')", replication.ErrRemoved))
	}
}

// keepFile renews this node's certificate at half of its life, and keeps the others' addresses for the next start.
func (c *Cluster) keepFile(members []replication.Member) error {
	f, now := c.o.File, c.o.Wall()
	var contacts []string
	for _, m := range members {
		if !m.Self {
			contacts = append(contacts, m.Address)
		}
	}
	changed := !slices.Equal(contacts, f.Contacts) && len(members) > 0 && c.isMember(f.NodeID)
	authority, err := AuthorityIn(c.o.State, c.o.Keys)
	switch {
	case errors.Is(err, ErrNoAuthority):
		return nil // this member is still to receive the state, or is about to make it
	case err != nil:
		return err
	case authority.Fingerprint() != c.o.Credentials.Fingerprint():
		next := *f
		next.AuthorityKey = nil
		if err := errors.Join(next.issue(authority, now), next.Write(c.o.Dir)); err != nil {
			return err
		}
		c.fail(fmt.Errorf("%s was that of another authority than the casino's. It was written again: start the casino again", FileName))
		return nil
	case !now.Before(c.o.Credentials.Renew()):
		if err := f.issue(authority, now); err != nil {
			return err
		}
		if err := c.o.Credentials.Replace([]byte(f.Certificate), []byte(f.Key)); err != nil {
			return err
		}
		changed = true
		c.o.Log.Info("this node's certificate for the cluster was renewed", "expires", c.o.Credentials.Expires())
	}
	if f.AuthorityKey != nil {
		f.AuthorityKey, changed = nil, true // it is in the state
	}
	if !changed {
		return nil
	}
	f.Contacts = contacts
	return f.Write(c.o.Dir)
}

// establish puts this node's authority into the state of a casino that has none, and notes its first member.
func (c *Cluster) establish(ctx context.Context) error {
	f := c.o.File
	_, known, err := read[member](c, memberPrefix+f.NodeID)
	if err != nil || known {
		return err
	}
	return c.act(ctx, func(a *acting) error {
		_, err := AuthorityIn(c.o.State, c.o.Keys)
		if errors.Is(err, ErrNoAuthority) {
			if f.AuthorityKey == nil {
				return fmt.Errorf("%s holds no key of the cluster's authority. Delete it, and start the casino again", FileName)
			}
			err = a.put(authorityName, authorityRecord{Certificate: f.Authority, Key: f.AuthorityKey})
			if err == nil {
				err = a.record(command.RecordAct{Actor: "house", Act: "cluster_formed", After: f.NodeID + " at " + f.Address})
			}
		}
		if err != nil {
			return err
		}
		return a.put(memberPrefix+f.NodeID, member{Address: f.Address, Admitted: c.node.Now().UTC(), Joined: true})
	})
}

// reconcile notes which members raft's configuration has, and where. One that it has no more was removed by a recovery.
func (c *Cluster) reconcile(ctx context.Context, members []replication.Member) error {
	in := make(map[string]string)
	for _, m := range members {
		in[m.ID] = m.Address
	}
	return each(c, memberPrefix, func(id string, m member) error {
		address, is := in[id]
		if is && m.Joined && m.Address == address || !is && !m.Joined {
			return nil
		}
		return c.act(ctx, func(a *acting) error {
			now, ok, err := read[member](c, memberPrefix+id)
			if err != nil || !ok || c.isMember(id) != is {
				return err
			}
			if !is {
				return a.banish(command.RecordAct{Actor: "house", Act: "member_removed", Reason: "the cluster was recovered without it", Before: id}, id, m.Address)
			}
			moved := command.RecordAct{Actor: "house", Act: "member_moved", Before: id + " at " + now.Address, After: id + " at " + address}
			told := now.Address != address
			now.Joined, now.Address = true, address
			if err := a.put(memberPrefix+id, now); err != nil || !told {
				return err
			}
			return a.record(moved)
		})
	})
}

// promote gives a vote to members that have been well for a while, unless an operator took it.
func (c *Cluster) promote(ctx context.Context, members []replication.Member) error {
	now := time.Now()
	newest := newestIndex(members)
	for _, m := range members {
		if m.Voter || m.Err != nil || !m.Report.Ready || m.Report.AppliedIndex+promoteLag < newest {
			delete(c.well, m.ID)
			continue
		}
		since, seen := c.well[m.ID]
		if !seen {
			c.well[m.ID] = now
		}
		record, ok, err := read[member](c, memberPrefix+m.ID)
		if err != nil {
			return err
		}
		if !seen || now.Sub(since) < promoteAfter || !ok || record.Demoted {
			continue
		}
		delete(c.well, m.ID)
		if err := c.Promote(ctx, "house", m.ID); err != nil {
			return fmt.Errorf("give %s a vote: %w", m.ID, err)
		}
		c.o.Log.Info("a member has caught up, and votes now", "node", m.ID, "address", m.Address)
	}
	return nil
}

func newestIndex(members []replication.Member) (newest uint64) {
	for _, m := range members {
		if m.Self || m.Err == nil {
			newest = max(newest, m.Report.CommitIndex)
		}
	}
	return newest
}

// reap removes one member that has not answered for the configured time, if enough voters stay.
func (c *Cluster) reap(ctx context.Context, members []replication.Member) error {
	if c.o.ReapAfter <= 0 {
		return nil
	}
	now, answering := time.Now(), 0
	for _, m := range members {
		if m.Voter && m.Err == nil {
			answering++
		}
	}
	for _, m := range members {
		if m.Err == nil {
			delete(c.silent, m.ID)
			continue
		}
		since, seen := c.silent[m.ID]
		if !seen {
			c.silent[m.ID] = now
		}
		if !seen || now.Sub(since) < c.o.ReapAfter || m.Voter && answering < c.o.MinVoters {
			continue
		}
		delete(c.silent, m.ID)
		reason := fmt.Sprintf("it has not answered for %s", c.o.ReapAfter)
		if err := c.Remove(ctx, "house", m.ID, reason, false); err != nil {
			return fmt.Errorf("remove %s, which does not answer: %w", m.ID, err)
		}
		return nil
	}
	return nil
}

// raiseLevel raises the casino's feature level once the programs of all members know a newer one. While a program is on
// trial, its member reports the level from before.
func (c *Cluster) raiseLevel(ctx context.Context, members []replication.Member) error {
	common := c.o.Newest
	for _, m := range members {
		if m.Err != nil {
			return nil
		}
		common = min(common, m.Report.Level)
	}
	if len(members) == 0 || common <= c.o.State.Level() {
		return nil
	}
	if _, err := c.proposer(ctx, command.RaiseLevel{Level: common, Program: c.o.Program}); err != nil {
		return fmt.Errorf("raise the casino's feature level: %w", err)
	}
	c.o.Log.Info("the feature level was raised: the programs of all members know it", "feature_level", common)
	return nil
}
