package appliance

import (
	"context"
	"encoding/json"
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
func (m members) Status(fresh bool) control.ClusterStatus {
	if fresh {
		m.dir.node.HearAll()
	}
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

// callControl is the call that has the leader do an operation.
const callControl = "control"

// answerMember answers calls of other members that are not about the log.
func (a *App) answerMember(ctx context.Context, _, method string, request []byte) ([]byte, error) {
	c := a.control.Load()
	switch {
	case method != callControl:
		return nil, fmt.Errorf("this member does not know the call %q", method)
	case c == nil:
		return nil, errors.New("this member is still starting")
	}
	var f control.Forwarded
	if err := json.Unmarshal(request, &f); err != nil {
		return nil, fmt.Errorf("read an operation of another member: %w", err)
	}
	answer, err := c.Serve(ctx, f)
	if err != nil {
		return nil, err
	}
	return json.Marshal(answer)
}

// askLeader has the leader do an operation, unless this node leads.
func (c casino) askLeader(ctx context.Context, f control.Forwarded) (answer control.ForwardedAnswer, done bool, err error) {
	if c.node.Leads() {
		return answer, false, nil
	}
	request, err := json.Marshal(f)
	if err != nil {
		return answer, false, err
	}
	data, err := c.node.Ask(ctx, "", callControl, request)
	if err != nil {
		return answer, false, fmt.Errorf("ask the leader: %w", err)
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return answer, false, fmt.Errorf("read the leader's answer: %w", err)
	}
	return answer, true, nil
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
