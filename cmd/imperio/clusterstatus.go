package main

import (
	"errors"
	"fmt"
	"strings"

	"imperio/appliance/control"
	"imperio/appliance/terminal"
)

type clusterStatusCommand struct {
	Data     dataDirFlags `embed:""`
	jsonFlag `embed:""`
}

// Help explains the verb.
func (clusterStatusCommand) Help() string {
	return `It prints what the member on this machine knows, about a second old. It works without a leader, too. The exit code is 1 if no leader is known.

  ROLE     leader, voter, or non-voter: it receives everything, and has no vote
  STATE    ready if it serves players
  APPLIED  the newest entry of the log that is in its state, and how many are missing
  CLOCK    how far its clock is ahead of this machine's

Examples:

  imperio cluster status
  imperio cluster status --json`
}

// Run prints the members.
func (c *clusterStatusCommand) Run(env *environment) error {
	return env.cluster(func(client *control.Client) error {
		s, err := control.GetClusterStatus.Call(env.Ctx, client, control.ClusterQuery{})
		if err != nil {
			return err
		}
		if c.JSON {
			err = env.printJSON(s)
		} else {
			err = env.printCluster(&s)
		}
		if err == nil && s.Leader == "" {
			err = errors.New("no leader is known: a majority of the voters must run and reach one another. docs/CLUSTER.md says what to do if they can't")
		}
		return err
	})
}

func (env *environment) printCluster(s *control.ClusterStatus) error {
	fmt.Fprintf(env.Stdout, "cluster %s, term %d, %d voters: %s\n", s.ClusterID, s.Term, s.Voters, spareOf(s))
	var t terminal.Table
	t.Row("ID", "ADDRESS", "ROLE", "STATE", "APPLIED", "VERSION", "CLOCK")
	var notes []string
	for _, m := range s.Members {
		id := m.ID
		if m.Self {
			id += " *"
		}
		applied, clock := fmt.Sprintf("%d (-%d)", m.AppliedIndex, m.LagEntries), fmt.Sprintf("%+.3fs", m.ClockSkewSeconds)
		if m.Self {
			clock = "-"
		}
		t.Row(id, m.Address, m.Role, stateOf(&m), applied, m.Version, clock)
		if m.Error != "" {
			notes = append(notes, m.ID+": "+m.Error)
		}
		for _, p := range m.Problems {
			notes = append(notes, m.ID+": "+p)
		}
	}
	if err := env.printTable(&t); err != nil || len(notes) == 0 {
		return err
	}
	_, err := fmt.Fprintln(env.Stdout, "\n"+strings.Join(notes, "\n"))
	return err
}

func stateOf(m *control.MemberStatus) string {
	switch {
	case !m.Reached:
		return "no answer"
	case m.Fetched > 0 && m.Fetched < 1:
		return fmt.Sprintf("receives the state: %.0f %%", 100*m.Fetched)
	case m.Ready:
		return "ready"
	}
	return "catching up"
}

// spareOf says how many voters can be lost now.
func spareOf(s *control.ClusterStatus) string {
	answering := 0
	for _, m := range s.Members {
		if m.Role != control.RoleNonVoter && m.Reached {
			answering++
		}
	}
	switch spare := answering - (s.Voters/2 + 1); {
	case spare < 0:
		return fmt.Sprintf("%d answer, too few to decide anything", answering)
	case spare == 0:
		return "none can be lost"
	case spare == 1:
		return "one can be lost"
	default:
		return fmt.Sprintf("%d can be lost", spare)
	}
}
