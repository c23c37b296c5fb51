package appliance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"imperio/appliance/cluster"
	"imperio/appliance/control"
	"imperio/appliance/ops"
	"imperio/appliance/problem"
	"imperio/replication"
)

// Cluster implements control.Server.
func (h house) Cluster() control.Cluster {
	if h.app.dir.cluster == nil {
		return nil
	}
	return members{h.app.dir}
}

// members is the cluster as operators see it.
type members struct{ dir *dataDir }

// Status implements control.Cluster.
func (m members) Status() control.ClusterStatus {
	node := m.dir.node.Status()
	s := control.ClusterStatus{ClusterID: m.dir.identity.ClusterID, NodeID: node.NodeID, Leader: node.Leader, Term: node.Term, Voters: node.Voters, Members: []control.MemberStatus{}}
	list := m.dir.node.Members()
	var committed uint64
	for _, member := range list {
		committed = max(committed, member.Report.CommitIndex)
	}
	for _, member := range list {
		s.Members = append(s.Members, memberStatus(&member, committed))
	}
	return s
}

func memberStatus(m *replication.Member, committed uint64) control.MemberStatus {
	r := &m.Report
	s := control.MemberStatus{
		ID: m.ID, Address: m.Address, Role: control.RoleNonVoter, Self: m.Self, Reached: m.Err == nil,
		State: r.State, Ready: r.Ready && m.Err == nil, Term: r.Term, LastIndex: r.LastIndex, CommitIndex: r.CommitIndex, AppliedIndex: r.AppliedIndex,
		LagEntries: committed - min(r.AppliedIndex, committed), Version: r.Program, FeatureLevel: r.Level,
		ClockSkewSeconds: m.Skew.Seconds(), RoundTripSeconds: m.Trip.Seconds(), Problems: append([]string{}, r.Problems...), Fetched: r.Fetched,
	}
	if m.Voter {
		s.Role = control.RoleVoter
	}
	if m.Leader {
		s.Role = control.RoleLeader
	}
	if m.Err != nil {
		s.Error = m.Err.Error()
	}
	return s
}

// NewToken implements control.Cluster.
func (m members) NewToken(ctx context.Context, actor string, valid time.Duration) (control.JoinToken, error) {
	t, expires, err := m.dir.cluster.NewToken(ctx, actor, valid)
	if err != nil {
		return control.JoinToken{}, clusterProblem(err)
	}
	return control.JoinToken{Token: t.String(), Expires: expires, Address: m.dir.member.Address}, nil
}

// RemoveMember implements control.Cluster.
func (m members) RemoveMember(ctx context.Context, actor string, r control.MemberRemoval) error {
	return clusterProblem(m.dir.cluster.Remove(ctx, actor, r.ID, r.Reason, r.Force))
}

// TransferLeadership implements control.Cluster.
func (m members) TransferLeadership(ctx context.Context, actor, to string) error {
	return clusterProblem(m.dir.cluster.Transfer(ctx, actor, to))
}

// PromoteMember implements control.Cluster.
func (m members) PromoteMember(ctx context.Context, actor, id string) error {
	return clusterProblem(m.dir.cluster.Promote(ctx, actor, id))
}

// DemoteMember implements control.Cluster.
func (m members) DemoteMember(ctx context.Context, actor, id string, force bool) error {
	return clusterProblem(m.dir.cluster.Demote(ctx, actor, id, force))
}

// clusterProblem tells a refusal to whoever asked.
func clusterProblem(err error) error {
	if refused, ok := errors.AsType[*cluster.Refusal](err); ok {
		return problem.New("cluster_refused", "%s.", refused.Error())
	}
	return err
}

// answerMember answers calls of other members that are not about the log.
func (a *App) answerMember(_ context.Context, _, method string, _ []byte) ([]byte, error) {
	return nil, fmt.Errorf("this member does not know the call %q", method)
}

// membersCheck is the leader's check of the other members.
func (a *App) membersCheck() ops.Check {
	return ops.MembersCheck(func() (found ops.Members, leads bool) {
		if !a.dir.node.Leads() {
			return found, false
		}
		for _, m := range a.dir.node.Members() {
			if m.Voter {
				found.Voters++
			}
			switch {
			case m.Self:
			case m.Err != nil:
				found.Silent = append(found.Silent, m.ID)
				if m.Voter {
					found.Silenced++
				}
			default:
				for _, p := range m.Report.Problems {
					found.Problems = append(found.Problems, m.ID+": "+p)
				}
			}
		}
		return found, true
	})
}
