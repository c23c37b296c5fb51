package upgrade

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"imperio/appliance/control"
)

// CheckRolling returns a check for Options.Before: whether the casino can do without this node while it is upgraded. rolling
// says that the operator upgrades the members of a cluster one after another, and knows it. A package manager (inPlace)
// can't be asked, and may upgrade a member, too.
func (c *Client) CheckRolling(rolling, inPlace bool) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, lookPatience)
		defer cancel()
		s, err := call(ctx, c, control.GetClusterStatus, control.ClusterQuery{Fresh: true})
		if isRefusal(err, "cluster_off") || err == nil && len(s.Members) < 2 {
			if rolling {
				return errors.New("this casino runs on one node: leave out --rolling")
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("ask for the casino's other members: %w", err)
		}
		if !rolling && !inPlace {
			return fmt.Errorf("this casino runs on %d nodes. Upgrade one after another, with --rolling: each waits until the others are well", len(s.Members))
		}
		return canSpare(&s)
	}
}

// canSpare refuses to take a member away while others are not well, or too few voters would stay.
func canSpare(s *control.ClusterStatus) error {
	var unwell []string
	voters, ready := 0, 0
	for _, m := range s.Members {
		votes := m.Role != control.RoleNonVoter
		if votes {
			voters++
		}
		switch {
		case m.Self:
		case !m.Reached:
			unwell = append(unwell, m.ID+" does not answer")
		case !m.Ready:
			unwell = append(unwell, m.ID+" has not caught up")
		case votes:
			ready++
		}
	}
	if len(unwell) > 0 {
		return fmt.Errorf("the other members are not well: %s. See 'imperio cluster status', and upgrade this one when they are", strings.Join(unwell, "; "))
	}
	if need := voters/2 + 1; ready < need {
		return fmt.Errorf("the cluster would stop while this member restarts: %d of %d voters would be left, and %d are needed. Add a member first ('imperio cluster token')", ready, voters, need)
	}
	return nil
}
