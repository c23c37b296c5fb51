package control

import (
	"context"
	"time"

	"imperio/appliance/problem"
)

// Cluster is the cluster that the server is a member of. Its methods are safe for concurrent use. actor is who asks, for
// the history. Refusals are problems.
type Cluster interface {
	// Status says what this member knows. It waits for nothing, unless fresh has it ask the other members first, for seconds
	// where one does not answer.
	Status(fresh bool) ClusterStatus
	// NewToken makes a token that admits one node.
	NewToken(ctx context.Context, actor string, valid time.Duration) (JoinToken, error)
	// RemoveMember removes a member for good.
	RemoveMember(ctx context.Context, actor string, r MemberRemoval) error
	// TransferLeadership hands leadership to a voter; "" lets the leader choose.
	TransferLeadership(ctx context.Context, actor, to string) error
	PromoteMember(ctx context.Context, actor, id string) error
	DemoteMember(ctx context.Context, actor, id string, force bool) error
}

// ClusterStatus is what a member knows of its cluster.
type ClusterStatus struct {
	ClusterID string         `json:"cluster_id"`
	NodeID    string         `json:"node_id"` // of the member that was asked
	Leader    string         `json:"leader"`  // "": none is known
	Term      uint64         `json:"term"`
	Voters    int            `json:"voters"`
	Members   []MemberStatus `json:"members"` // sorted by id
}

// The roles of members.
const (
	RoleLeader   = "leader"
	RoleVoter    = "voter"
	RoleNonVoter = "non-voter" // it receives the log, and has no vote
)

// MemberStatus is what a member has last said of itself.
type MemberStatus struct {
	ID               string   `json:"id"`
	Address          string   `json:"address"`
	Role             string   `json:"role"`
	Self             bool     `json:"self"`
	Reached          bool     `json:"reached"` // it answers
	Error            string   `json:"error,omitzero"`
	State            string   `json:"state"` // leader, candidate, follower or shutdown; "": not known yet
	Ready            bool     `json:"ready"` // it serves players
	Term             uint64   `json:"term"`
	LastIndex        uint64   `json:"last_index"`
	CommitIndex      uint64   `json:"commit_index"`
	AppliedIndex     uint64   `json:"applied_index"`
	LagEntries       uint64   `json:"lag_entries"` // how far it has applied less than was committed
	Version          string   `json:"version"`     // of its program
	FeatureLevel     uint32   `json:"feature_level"`
	ClockSkewSeconds float64  `json:"clock_skew_seconds"` // how far its clock is ahead of the asked member's
	RoundTripSeconds float64  `json:"round_trip_seconds"`
	Problems         []string `json:"problems"`
	Fetched          float64  `json:"fetched"` // the share of the state that it has received, while it needs that; 0: it doesn't
}

// ClusterQuery asks for the status of the cluster.
type ClusterQuery struct {
	Fresh bool `json:"fresh,omitzero"` // ask the other members now; else what they said last counts, about a second ago
}

// mayBeStale lets it be answered without a leader.
func (ClusterQuery) mayBeStale() {}

// TokenRequest asks for a token that admits one node.
type TokenRequest struct {
	ValidSeconds int64 `json:"valid_seconds"`
}

// JoinToken is a new token.
type JoinToken struct {
	Token   string    `json:"token"` // secret
	Expires time.Time `json:"expires"`
	Address string    `json:"address"` // of the member that was asked, to join at
}

// MemberRemoval asks to remove a member.
type MemberRemoval struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
	Force  bool   `json:"force"` // though too few of the others answer
}

// MemberChange asks for a change of a member's vote, or for a transfer of leadership to it.
type MemberChange struct {
	ID    string `json:"id"`
	Force bool   `json:"force"` // of a demotion: though too few of the others answer
}

// cluster is the cluster, or the reason why there is none.
func (c *Control) cluster() (Cluster, error) {
	s, err := c.server()
	if err != nil {
		return nil, err
	}
	cluster := s.Cluster()
	if cluster == nil {
		return nil, problem.New("cluster_off", "This casino runs on one node, and has no address for other members. Set --cluster-addr (IMPERIO_CLUSTER_ADDR), and restart it.")
	}
	return cluster, nil
}

func (c *Control) getClusterStatus(_ context.Context, q ClusterQuery) (ClusterStatus, error) {
	cluster, err := c.cluster()
	if err != nil {
		return ClusterStatus{}, err
	}
	return cluster.Status(q.Fresh), nil
}

func (c *Control) createJoinToken(ctx context.Context, r TokenRequest) (JoinToken, error) {
	cluster, err := c.cluster()
	if err != nil {
		return JoinToken{}, err
	}
	return cluster.NewToken(ctx, c.o.Actor(ctx), time.Duration(r.ValidSeconds)*time.Second)
}

func (c *Control) removeMember(ctx context.Context, r MemberRemoval) (None, error) {
	cluster, err := c.cluster()
	if err != nil {
		return None{}, err
	}
	if r.Reason == "" {
		return None{}, problem.New("reason_missing", "Say why the member is removed: the history keeps it.")
	}
	return None{}, cluster.RemoveMember(ctx, c.o.Actor(ctx), r)
}

func (c *Control) transferLeadership(ctx context.Context, r MemberChange) (None, error) {
	cluster, err := c.cluster()
	if err != nil {
		return None{}, err
	}
	return None{}, cluster.TransferLeadership(ctx, c.o.Actor(ctx), r.ID)
}

func (c *Control) promoteMember(ctx context.Context, r MemberChange) (None, error) {
	cluster, err := c.cluster()
	if err != nil {
		return None{}, err
	}
	return None{}, cluster.PromoteMember(ctx, c.o.Actor(ctx), r.ID)
}

func (c *Control) demoteMember(ctx context.Context, r MemberChange) (None, error) {
	cluster, err := c.cluster()
	if err != nil {
		return None{}, err
	}
	return None{}, cluster.DemoteMember(ctx, c.o.Actor(ctx), r.ID, r.Force)
}
