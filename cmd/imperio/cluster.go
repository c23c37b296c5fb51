package main

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"imperio/appliance"
	"imperio/appliance/config"
	"imperio/appliance/control"
)

// clusterCommand holds the verbs of clusters.
type clusterCommand struct {
	Status   clusterStatusCommand   `cmd:"" help:"Print the members: roles, how far they are, versions, clocks, problems."`
	Token    clusterTokenCommand    `cmd:"" help:"Make a token that admits one node."`
	Join     clusterJoinCommand     `cmd:"" help:"Prepare an empty data directory as a new member's."`
	Remove   clusterRemoveCommand   `cmd:"" help:"Remove a member for good."`
	Transfer clusterTransferCommand `cmd:"" help:"Hand leadership to another member."`
	Promote  clusterPromoteCommand  `cmd:"" help:"Give a member a vote."`
	Demote   clusterDemoteCommand   `cmd:"" help:"Take a member's vote."`
	Recover  clusterRecoverCommand  `cmd:"" help:"Go on after most members were lost for good. Offline, and the last resort."`
}

// Help explains the verb.
func (clusterCommand) Help() string {
	return `A cluster is one casino on several nodes. It takes bets as long as a majority of its voters run and reach one another. docs/CLUSTER.md explains the set-up, every failure, and what to do.

The verbs ask the member that runs on this machine. It passes on to the leader what only that can do.

Examples:

  imperio cluster status
  imperio cluster token
  imperio cluster remove node-0123456789abcdef --reason "the machine is gone"`
}

// cluster calls do with a client of the running member.
func (env *environment) cluster(do func(*control.Client) error) error {
	loaded, err := env.configuration()
	if err != nil {
		return err
	}
	client, err := control.Dial(env.Ctx, filepath.Join(loaded.Config.Data.Dir, appliance.SocketFile))
	if err != nil {
		return fmt.Errorf("no casino can be asked for its cluster: %w. Only its user and root may do that. If none runs, start it. If its data are elsewhere, name them with --data-dir", err)
	}
	defer client.Close()
	return do(client.ForSudo(env.sudoUser()))
}

type clusterTokenCommand struct {
	Data  dataDirFlags  `embed:""`
	Valid time.Duration `default:"1h" placeholder:"DURATION" help:"How long the token is valid, from 1m to 720h."`
}

// Help explains the verb.
func (clusterTokenCommand) Help() string {
	return `The token admits one node, once. It is printed alone on standard output; how to use it is printed on standard error. Whoever has it can become a member, and gets the casino's key: send it over a channel that you trust.

Examples:

  imperio cluster token
  imperio cluster token --valid 15m > join-token`
}

// Run makes a token.
func (c *clusterTokenCommand) Run(env *environment) error {
	return env.cluster(func(client *control.Client) error {
		t, err := control.CreateJoinToken.Call(env.Ctx, client, control.TokenRequest{ValidSeconds: int64(c.Valid / time.Second)})
		if err != nil {
			return err
		}
		fmt.Fprintf(env.Stderr, `The token admits one node until %s. Put it into a file on the new machine that only the casino's user can read, and start the casino there with an empty data directory:

  imperio serve --cluster-addr HOST:PORT --join https://%s --join-token-file FILE

HOST:PORT is where the other members reach the new machine.
`, bothTimes(t.Expires), t.Address)
		_, err = fmt.Fprintln(env.Stdout, t.Token)
		return err
	})
}

type clusterJoinCommand struct {
	URL       string        `arg:"" name:"url" help:"The cluster-addr of any member, such as https://node1:8443."`
	Address   string        `name:"cluster-addr" group:"Cluster" placeholder:"HOST:PORT" help:"Address at which other members reach this node."`
	Listen    string        `name:"cluster-listen" group:"Cluster" placeholder:"HOST:PORT" help:"Address to listen on for other members."`
	Token     config.Secret `name:"join-token" group:"Cluster" placeholder:"TOKEN" help:"Token that admits this node."`
	TokenFile string        `name:"join-token-file" group:"Cluster" placeholder:"FILE" help:"File that holds the token."`
	Data      dataDirFlags  `embed:""`
}

// Help explains the verb.
func (clusterJoinCommand) Help() string {
	return `It asks a member to admit this node, writes the node's certificate and the casino's key into the data directory, and ends. The next 'imperio serve' on this directory joins the cluster, and receives the state. Run it as the casino's user.

'imperio serve --join' does the same, and then serves.

Examples:

  imperio cluster join https://node1:8443 --cluster-addr node2:8443 --join-token-file join-token --data-dir /var/lib/imperio`
}

// Run prepares the directory.
func (c *clusterJoinCommand) Run(env *environment) error {
	env.flags["join"] = c.URL
	loaded, err := config.LoadValid(env.operatorsInput())
	if err != nil {
		return err
	}
	joined, err := appliance.JoinCluster(env.Ctx, &loaded.Config, thisBuild().version, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	dir := loaded.Config.Data.Dir
	if !joined {
		return fmt.Errorf("%s belongs to a member already: start it with 'imperio serve'", dir)
	}
	_, err = fmt.Fprintf(env.Stdout, "This node is admitted. Start the casino on %s: it joins the cluster then.\n", dir)
	return err
}

type clusterRemoveCommand struct {
	ID     string       `arg:"" name:"id" help:"The member, as 'imperio cluster status' names it."`
	Reason string       `required:"" placeholder:"TEXT" help:"Why, for the history."`
	Force  bool         `help:"Remove it though the others may be too few to decide anything then."`
	Data   dataDirFlags `embed:""`
}

// Help explains the verb.
func (clusterRemoveCommand) Help() string {
	return `The members talk to a removed node no more, and it ends with an error. It can only come back as a new node: with an empty data directory and a new token. A voter that other voters can't do without is not removed, unless --force is given.

A removed node had the casino's key. If somebody else may have its disk now, docs/SECURITY.md says what to do.

Examples:

  imperio cluster remove node-0123456789abcdef --reason "the machine is gone"`
}

// Run removes a member.
func (c *clusterRemoveCommand) Run(env *environment) error {
	return env.cluster(func(client *control.Client) error {
		if _, err := control.RemoveMember.Call(env.Ctx, client, control.MemberRemoval{ID: c.ID, Reason: c.Reason, Force: c.Force}); err != nil {
			return err
		}
		_, err := fmt.Fprintf(env.Stdout, "%s is no member any more.\n", c.ID)
		return err
	})
}

type clusterTransferCommand struct {
	To   string       `placeholder:"ID" help:"The voter that is to lead. The default is the one that is furthest."`
	Data dataDirFlags `embed:""`
}

// Help explains the verb.
func (clusterTransferCommand) Help() string {
	return `Nothing stops meanwhile: bets wait for a moment, until the new leader takes them. A leader that is stopped or restarted hands leadership over by itself.

Examples:

  imperio cluster transfer
  imperio cluster transfer --to node-0123456789abcdef`
}

// Run hands leadership over.
func (c *clusterTransferCommand) Run(env *environment) error {
	return env.cluster(func(client *control.Client) error {
		if _, err := control.TransferLeadership.Call(env.Ctx, client, control.MemberChange{ID: c.To}); err != nil {
			return err
		}
		s, err := control.GetClusterStatus.Call(env.Ctx, client, control.ClusterQuery{})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(env.Stdout, "%s leads.\n", orNobody(s.Leader))
		return err
	})
}

type clusterPromoteCommand struct {
	ID   string       `arg:"" name:"id" help:"The member, as 'imperio cluster status' names it."`
	Data dataDirFlags `embed:""`
}

// Help explains the verb.
func (clusterPromoteCommand) Help() string {
	return `A new member gets its vote by itself, once it has caught up. Only one whose vote was taken with 'imperio cluster demote' needs this.

Examples:

  imperio cluster promote node-0123456789abcdef`
}

// Run gives a member a vote.
func (c *clusterPromoteCommand) Run(env *environment) error {
	return env.cluster(func(client *control.Client) error {
		if _, err := control.PromoteMember.Call(env.Ctx, client, control.MemberChange{ID: c.ID}); err != nil {
			return err
		}
		_, err := fmt.Fprintf(env.Stdout, "%s votes.\n", c.ID)
		return err
	})
}

type clusterDemoteCommand struct {
	ID    string       `arg:"" name:"id" help:"The member, as 'imperio cluster status' names it."`
	Force bool         `help:"Take its vote though the others may be too few to decide anything then."`
	Data  dataDirFlags `embed:""`
}

// Help explains the verb.
func (clusterDemoteCommand) Help() string {
	return `The member goes on to receive everything and to serve players. It does not count in a majority any more, and never leads. It stays so until 'imperio cluster promote'.

Examples:

  imperio cluster demote node-0123456789abcdef`
}

// Run takes a member's vote.
func (c *clusterDemoteCommand) Run(env *environment) error {
	return env.cluster(func(client *control.Client) error {
		if _, err := control.DemoteMember.Call(env.Ctx, client, control.MemberChange{ID: c.ID, Force: c.Force}); err != nil {
			return err
		}
		_, err := fmt.Fprintf(env.Stdout, "%s does not vote any more.\n", c.ID)
		return err
	})
}

func orNobody(id string) string {
	if id == "" {
		return "nobody"
	}
	return id
}
