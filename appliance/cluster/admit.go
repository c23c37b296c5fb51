package cluster

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"imperio/replication/network"
	"imperio/storage/command"
)

// HandleJoin admits a node that brings a token. It is for network.Network. The node then joins by itself: see Admit.
func (c *Cluster) HandleJoin(ctx context.Context, secretID string, r network.JoinRequest) (network.JoinAnswer, error) {
	answer, err := c.admit(ctx, secretID, r)
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		err = &network.JoinRefused{Message: refusal.message}
	}
	if err != nil {
		c.o.Log.Warn("a node was not admitted to the cluster", "node", r.NodeID, "address", r.Address, "error", err)
	}
	return answer, err
}

func (c *Cluster) admit(ctx context.Context, secretID string, r network.JoinRequest) (answer network.JoinAnswer, err error) {
	if err := c.node.Barrier(ctx); err != nil {
		return answer, err
	}
	if err := c.fits(&r); err != nil {
		return answer, err
	}
	authority, err := AuthorityIn(c.o.State, c.o.Keys)
	if err != nil {
		return answer, err
	}
	key, err := network.RequestKey([]byte(r.CSR))
	if err != nil {
		return answer, refusef("%v", err)
	}
	certificate, err := authority.Sign([]byte(r.CSR), r.NodeID, c.o.Wall())
	if err != nil {
		return answer, refusef("%v", err)
	}
	if err := c.act(ctx, func(a *acting) error { return a.admit(secretID, key, &r) }); err != nil {
		return answer, err
	}
	answer = network.JoinAnswer{ClusterID: c.o.File.ClusterID, Authority: string(authority.Certificate()), Certificate: string(certificate)}
	for _, m := range c.node.Members() {
		if m.Self { // the members may not have taken note of a new address yet: that of a lone node that was just given one
			m.Address = c.o.File.Address
		}
		answer.Contacts = append(answer.Contacts, m.Address)
	}
	if len(r.KeyID) == 0 {
		if answer.CasinoKey, err = c.o.CasinoKey(); err != nil {
			return answer, fmt.Errorf("read the casino's key for a node that joins: %w", err)
		}
	}
	return answer, nil
}

// fits refuses a node whose program or key is not that of the casino.
func (c *Cluster) fits(r *network.JoinRequest) error {
	if level := c.o.State.Level(); r.Level < level {
		return refusef("the casino needs feature level %d, and imperio %s knows %d. Install the version that the members run (%s), and try again", level, r.Program, r.Level, c.o.Program)
	}
	id := c.o.Keys.ID()
	if len(r.KeyID) != 0 && !bytes.Equal(r.KeyID, id[:]) {
		return refusef("the node has another casino's encryption key (%s). Give it this casino's key, or none: then it gets the key from the members", hex.EncodeToString(r.KeyID))
	}
	return nil
}

// admit uses up the token, and notes the member.
func (a *acting) admit(secretID, key string, r *network.JoinRequest) error {
	c := a.c
	t, ok, err := read[token](c, tokenPrefix+secretID)
	switch {
	case err != nil:
		return err
	case !ok:
		return refusef("this cluster has not made this token. Make one with 'imperio cluster token'")
	case t.Key != "" && (t.Key != key || t.Node != r.NodeID):
		return refusef("the token was used already, by %s. Make another one with 'imperio cluster token'", t.Node)
	case !c.node.Now().Before(t.Expires):
		return refusef("the token has expired. Make another one with 'imperio cluster token'")
	case c.Removed(r.NodeID):
		return refusef("%s was removed from the cluster. Empty its data directory, and join as a new node", r.NodeID)
	}
	old, ok, err := read[member](c, memberPrefix+r.NodeID)
	if err != nil {
		return err
	}
	if ok && old.Key != key || r.NodeID == c.o.File.NodeID {
		return refusef("another node has the id %s. Empty the data directory, and join as a new node", r.NodeID)
	}
	if t.Key == "" {
		t.Node, t.Key = r.NodeID, key
		if err := a.put(tokenPrefix+secretID, t); err != nil {
			return err
		}
	}
	if ok {
		return nil // its first request was answered, and the answer lost
	}
	if err := a.put(memberPrefix+r.NodeID, member{Address: r.Address, Key: key, Admitted: c.node.Now().UTC()}); err != nil {
		return err
	}
	c.o.Log.Info("a node is admitted to the cluster", "node", r.NodeID, "address", r.Address, "program", r.Program, "token_by", t.Actor)
	return a.record(command.RecordAct{Actor: t.Actor, Act: "member_admitted", After: r.NodeID + " at " + r.Address})
}
