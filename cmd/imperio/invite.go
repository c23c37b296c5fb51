package main

import (
	"fmt"
	"time"

	"imperio/appliance/control"
	"imperio/appliance/terminal"
)

type inviteCommand struct {
	Data dataDirFlags `embed:""`

	Create inviteCreateCommand `cmd:"" help:"Make an invitation, and print the link to hand out."`
	List   inviteListCommand   `cmd:"" help:"List the invitations that are valid."`
	Revoke inviteRevokeCommand `cmd:"" help:"End an invitation. Accounts that were opened with it stay."`
}

// Help explains the verb.
func (inviteCommand) Help() string {
	return `People need an invitation to sign up where --sign-up is 'invite'. It works through the server's socket while a server runs, and on the data directory otherwise.

Examples:

  imperio invite create --reason "friends of ana"
  imperio invite create --uses 50 --for 48h --reason "the party on Friday"
  imperio invite list
  imperio invite revoke 1204 --reason "the link leaked"`
}

type inviteCreateCommand struct {
	reasonFlag `embed:""`
	jsonFlag   `embed:""`
	Uses       int           `help:"How many people can sign up with it." default:"1" placeholder:"N"`
	For        time.Duration `help:"How long it holds." default:"168h" placeholder:"DURATION"`
}

// Help explains the verb.
func (inviteCreateCommand) Help() string {
	return `The link is shown this once; nobody can look it up later.

Examples:

  imperio invite create --uses 50 --for 48h --reason "the party on Friday"`
}

// Run makes the invitation.
func (c *inviteCreateCommand) Run(env *environment) error {
	reason, err := c.given()
	if err != nil {
		return err
	}
	return env.control(func(client *control.Client) error {
		made, err := control.CreateInvitation.Call(env.Ctx, client, control.NewInvitation{Uses: c.Uses, Seconds: int64(c.For / time.Second), Reason: reason})
		if err != nil {
			return err
		}
		if c.JSON {
			return env.printJSON(made)
		}
		var t terminal.Table
		t.Row("invitation", made.ID)
		t.Row("link", made.Link)
		t.Row("code", made.Code)
		t.Row("uses", c.Uses)
		t.Row("until", made.ExpiresAt.Format(time.RFC3339))
		return env.printTable(&t)
	})
}

type inviteListCommand struct {
	jsonFlag `embed:""`
}

// Help explains the verb.
func (inviteListCommand) Help() string {
	return `Examples:

  imperio invite list --json`
}

// Run lists invitations.
func (c *inviteListCommand) Run(env *environment) error {
	return env.control(func(client *control.Client) error {
		list, err := control.ListInvitations.Call(env.Ctx, client, control.None{})
		if err != nil {
			return err
		}
		if c.JSON {
			return env.printJSON(list)
		}
		var t terminal.Table
		t.Row("ID", "USES LEFT", "MADE", "UNTIL", "BY", "REASON")
		for _, i := range list.Invitations {
			t.Row(i.ID, i.UsesLeft, i.CreatedAt.Format(time.RFC3339), i.ExpiresAt.Format(time.RFC3339), i.Actor, i.Reason)
		}
		return env.printTable(&t)
	})
}

type inviteRevokeCommand struct {
	reasonFlag `embed:""`
	ID         uint64 `arg:"" help:"The invitation's id, as 'imperio invite list' shows it."`
}

// Help explains the verb.
func (inviteRevokeCommand) Help() string {
	return `Examples:

  imperio invite revoke 1204 --reason "the link leaked"`
}

// Run ends the invitation.
func (c *inviteRevokeCommand) Run(env *environment) error {
	reason, err := c.given()
	if err != nil {
		return err
	}
	return env.control(func(client *control.Client) error {
		if _, err := control.RevokeInvitation.Call(env.Ctx, client, control.Revocation{ID: c.ID, Reason: reason}); err != nil {
			return err
		}
		_, err := fmt.Fprintf(env.Stdout, "Invitation %d is revoked.\n", c.ID)
		return err
	})
}
