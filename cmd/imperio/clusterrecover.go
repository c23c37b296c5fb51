package main

import (
	"fmt"
	"io"
	"net"
	"strings"

	"imperio/appliance"
	"imperio/appliance/terminal"
)

type clusterRecoverCommand struct {
	Peers []string `placeholder:"ID=HOST:PORT" help:"The members that are left, this node too, with their addresses. Give the same list on each of them. The default is this node alone."`
	Yes   bool     `help:"Don't ask whether you are sure."`

	Data dataDirFlags `embed:""`
}

// Help explains the verb.
func (clusterRecoverCommand) Help() string {
	return `For the case that most members are lost for good, so that the cluster can decide nothing any more. Do everything else first: a member that can be started again with its disk is not lost.

Stop this node. The verb prints what this node has, and asks. It takes the end of the log as committed, and makes this node the only member. With --peers it makes a cluster of the members that are left; run it on each of them while all are stopped. Then start them. Nodes that you add later join as usual, with an empty data directory.

What only the lost members had is lost. They must never start again on their old data: they could form the old cluster, which then goes on beside this one. Delete their data directories.

A copy of the old log stays in the data directory, as before-recover-…. The history says who recovered the cluster, from what.

Examples:

  imperio cluster recover
  imperio cluster recover --peers node-0123456789abcdef=10.0.0.1:7400,node-fedcba9876543210=10.0.0.2:7400`
}

// Run recovers.
func (c *clusterRecoverCommand) Run(env *environment) error {
	peers, err := parsePeers(c.Peers)
	if err != nil {
		return err
	}
	loaded, err := env.configuration()
	if err != nil {
		return err
	}
	if !c.Yes && !terminal.Is(env.Stdin) {
		return usagef("nobody can be asked here whether a recovery is meant: give --yes")
	}
	report, err := appliance.Recover(env.Ctx, appliance.RecoverOptions{
		Data: loaded.Config.Data, Peers: peers, SudoUser: env.sudoUser(),
		Confirm: func(r *appliance.RecoverReport) error {
			tellRemains(env.Stdout, r)
			if c.Yes {
				return nil
			}
			return confirm(env, "Recover")
		},
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(env.Stdout, "Recovered: this node goes on from entry %d. A copy of the old log is in %s; delete it when you are sure.\n", report.LastIndex, report.Aside)
	if len(report.New) > 1 {
		fmt.Fprintln(env.Stdout, "Run the same on the other members that are left, and then start all of them.")
	} else {
		fmt.Fprintln(env.Stdout, "Start it with 'systemctl start imperio' or 'imperio serve'.")
	}
	return nil
}

// parsePeers reads members such as node-1=10.0.0.1:7400.
func parsePeers(list []string) (peers []appliance.ClusterPeer, err error) {
	for _, text := range list {
		id, address, found := strings.Cut(text, "=")
		host, port, err := net.SplitHostPort(address)
		if !found || id == "" || err != nil || host == "" || port == "" {
			return nil, usagef("--peers %q is not ID=HOST:PORT. 'imperio cluster status' on any member shows ids and addresses, and this verb does without --peers", text)
		}
		peers = append(peers, appliance.ClusterPeer{ID: id, Address: address})
	}
	return peers, nil
}

// tellRemains says what a recovery finds, and what may be lost.
func tellRemains(w io.Writer, r *appliance.RecoverReport) {
	fmt.Fprintf(w, "Recover the cluster from %s in %s.\n", r.NodeID, r.DataDir)
	fmt.Fprintf(w, "Its newest entry is number %d of term %d, at %s. Event %d is the newest that certainly counts.\n", r.LastIndex, r.LastTerm, bothTimes(r.LastTime), r.Events)
	if r.Uncertain > 0 {
		fmt.Fprintf(w, "The last %d entries, with %d commands, may not have been committed. They are taken as done.\n", r.Uncertain, r.Commands)
	}
	fmt.Fprintln(w, "Members so far:")
	for _, m := range r.Old {
		vote := ""
		if !m.Voter {
			vote = ", without a vote"
		}
		fmt.Fprintf(w, "  %s at %s%s\n", m.ID, m.Address, vote)
	}
	fmt.Fprintln(w, "Members afterwards:")
	for _, m := range r.New {
		fmt.Fprintf(w, "  %s at %s\n", m.ID, m.Address)
	}
	if len(r.Lost) == 0 {
		return
	}
	fmt.Fprintln(w, "WARNING: what only the others had is lost: bets that were acknowledged, too, if this node had not received them yet.")
	fmt.Fprintln(w, "If one of them has a newer entry, recover that one instead. None of them may ever start again on its old data: delete it.")
}
