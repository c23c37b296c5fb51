package cluster

import (
	"context"
	"errors"
	"fmt"

	"imperio/replication"
	"imperio/storage/command"
)

// Remove removes a member for good. Unless force is set, it is refused if the others could decide nothing then.
func (c *Cluster) Remove(ctx context.Context, actor, id, reason string, force bool) error {
	return c.act(ctx, func(a *acting) error {
		m, known, err := read[member](c, memberPrefix+id)
		if err != nil {
			return err
		}
		if !known && !c.isMember(id) {
			return noMember(id)
		}
		if err := c.node.RemoveMember(ctx, id, force); err != nil {
			return refusal(err)
		}
		return a.banish(command.RecordAct{Actor: actor, Act: "member_removed", Reason: reason, Before: id}, id, m.Address)
	})
}

// banish notes that a node is no member any more.
func (a *acting) banish(e command.RecordAct, id, address string) error {
	r := removed{Address: address, At: a.c.node.Now().UTC(), Actor: e.Actor, Reason: e.Reason}
	if err := a.put(removedPrefix+id, r); err != nil {
		return err
	}
	if err := a.drop(memberPrefix + id); err != nil {
		return err
	}
	a.c.o.Log.Warn("a member was removed from the cluster", "node", id, "address", address, "actor", e.Actor, "reason", e.Reason)
	return a.record(e)
}

// Promote gives a member a vote.
func (c *Cluster) Promote(ctx context.Context, actor, id string) error {
	return c.vote(ctx, command.RecordAct{Actor: actor, Act: "member_promoted", After: id}, id, false, c.node.Promote)
}

// Demote takes a member's vote, until an operator promotes it again.
func (c *Cluster) Demote(ctx context.Context, actor, id string, force bool) error {
	return c.vote(ctx, command.RecordAct{Actor: actor, Act: "member_demoted", After: id}, id, true,
		func(ctx context.Context, id string) error { return c.node.Demote(ctx, id, force) })
}

// vote changes whether a member votes. What is to be is noted first: otherwise a demoted member might be promoted at once.
func (c *Cluster) vote(ctx context.Context, e command.RecordAct, id string, demoted bool, change func(context.Context, string) error) error {
	return c.act(ctx, func(a *acting) error {
		m, ok, err := read[member](c, memberPrefix+id)
		if err != nil {
			return err
		}
		if !ok {
			return noMember(id)
		}
		before := m
		m.Demoted = demoted
		if err := a.put(memberPrefix+id, m); err != nil {
			return err
		}
		if err := change(ctx, id); err != nil {
			return errors.Join(refusal(err), a.put(memberPrefix+id, before))
		}
		return a.record(e)
	})
}

// Transfer hands leadership to a member; "" lets the leader choose.
func (c *Cluster) Transfer(ctx context.Context, actor, to string) error {
	if err := c.node.Transfer(ctx, to); err != nil {
		return refusal(err)
	}
	_, err := c.proposer(ctx, command.RecordAct{Actor: actor, Act: "leadership_transferred", After: to})
	if err != nil {
		return fmt.Errorf("leadership was handed over, but that could not be recorded: %w", err)
	}
	return nil
}

// refusal is the leader's reason not to change the membership, for whoever asked.
func refusal(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, replication.ErrNotReached) {
		return err
	}
	return refusef("%v", err)
}

func noMember(id string) error {
	return refusef("there is no member %q. 'imperio cluster status' lists them", id)
}
