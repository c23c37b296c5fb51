package control

import (
	"context"
	"fmt"
	"time"

	"imperio/appliance/auth"
	"imperio/appliance/problem"
	"imperio/storage/command"
)

// NewInvitation is an invitation to be made: for Uses people (1 … 1,000,000), valid for Seconds (1 … 10 years).
type NewInvitation struct {
	Uses    int    `json:"uses"`
	Seconds int64  `json:"seconds"`
	Reason  string `json:"reason"`
}

// Invited is an invitation that was just made. Only this answer holds its code.
type Invited struct {
	ID        uint64    `json:"id,string"`
	Code      string    `json:"code"`
	Link      string    `json:"link"` // to the page on which to sign up
	ExpiresAt time.Time `json:"expires_at"`
}

// Invitation is a valid invitation, without its code, which nobody stores.
type Invitation struct {
	ID        uint64    `json:"id,string"`
	UsesLeft  int       `json:"uses_left"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
	Actor     string    `json:"actor"`
	Reason    string    `json:"reason"`
}

// InvitationList is all valid invitations, oldest first.
type InvitationList struct {
	Invitations []Invitation `json:"invitations"`
}

// Revocation ends an invitation.
type Revocation struct {
	ID     uint64 `json:"id,string"`
	Reason string `json:"reason"`
}

// The bounds of an invitation.
const (
	maxUses       = 1_000_000
	maxInvitation = 10 * 365 * 24 * time.Hour
)

func (c *Control) createInvitation(ctx context.Context, in NewInvitation) (Invited, error) {
	if in.Uses < 1 || in.Uses > maxUses {
		return Invited{}, problem.New("bad_request", "An invitation is for 1 to %d people.", maxUses)
	}
	if in.Seconds < 1 || in.Seconds > int64(maxInvitation/time.Second) {
		return Invited{}, problem.New("bad_request", "An invitation holds a second to ten years.")
	}
	if err := checkReason(in.Reason); err != nil {
		return Invited{}, err
	}
	code, hash, err := auth.NewToken(c.o.Random)
	if err != nil {
		return Invited{}, err
	}
	res, err := c.propose(ctx, 0, 0, command.CreateInvitation{Code: hash, Uses: in.Uses, Lifetime: in.Seconds * 1000, Actor: c.o.Actor(ctx), Reason: in.Reason})
	if err != nil {
		return Invited{}, err
	}
	made, err := command.ValueOf[command.InvitationCreated](res)
	if err != nil {
		return Invited{}, err
	}
	return Invited{uint64(made.ID), code, c.o.Origin() + "/sign-up#" + code, made.ExpiresAt}, nil
}

func (c *Control) listInvitations(context.Context, None) (InvitationList, error) {
	list, err := c.o.Casino.Invitations()
	if err != nil {
		return InvitationList{}, fmt.Errorf("list invitations: %w", err)
	}
	out := InvitationList{Invitations: make([]Invitation, len(list))}
	for i, v := range list {
		out.Invitations[i] = Invitation{uint64(v.ID), v.UsesLeft, v.CreatedAt, v.ExpiresAt, v.Actor, v.Reason}
	}
	return out, nil
}

func (c *Control) revokeInvitation(ctx context.Context, in Revocation) (None, error) {
	if err := checkReason(in.Reason); err != nil {
		return None{}, err
	}
	_, err := c.propose(ctx, 0, 0, command.RevokeInvitation{Invitation: command.InvitationID(in.ID), Actor: c.o.Actor(ctx), Reason: in.Reason})
	return None{}, err
}
