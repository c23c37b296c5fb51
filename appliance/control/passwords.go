package control

import (
	"context"
	"fmt"
	"time"

	"imperio/appliance/auth"
	"imperio/storage/command"
)

// Password sets the password of an account.
type Password struct {
	Who      string `json:"who"`
	Password string `json:"password"`
	Reason   string `json:"reason"`
}

// NewPasswordLink asks for a link with which an account's password can be set, once.
type NewPasswordLink struct {
	Who    string `json:"who"`
	Reason string `json:"reason"`
}

// PasswordLink is a link that was just made. Only this answer holds it. Whoever has it can set the password.
type PasswordLink struct {
	Link      string    `json:"link"`
	ExpiresAt time.Time `json:"expires_at"`
}

// linkLifetime is how long a link to set a password holds.
const linkLifetime = 24 * time.Hour

func (c *Control) setPassword(ctx context.Context, in Password) (Account, error) {
	id, err := c.find(in.Who)
	if err != nil {
		return Account{}, err // before the work of hashing
	}
	if err := checkReason(in.Reason); err != nil {
		return Account{}, err
	}
	account, err := c.show(id)
	if err != nil {
		return Account{}, err
	}
	if err := auth.CheckPassword(in.Password, account.Username, account.Email); err != nil {
		return Account{}, err
	}
	hash, err := c.o.Passwords.Hash(ctx, true, in.Password)
	if err != nil {
		return Account{}, err
	}
	return c.change(ctx, in.Who, in.Reason, command.ChangePassword{NewHash: hash, Actor: c.o.Actor(ctx), Reason: in.Reason})
}

func (c *Control) createPasswordLink(ctx context.Context, in NewPasswordLink) (PasswordLink, error) {
	id, err := c.find(in.Who)
	if err != nil {
		return PasswordLink{}, err
	}
	if err := checkReason(in.Reason); err != nil {
		return PasswordLink{}, err
	}
	secret, hash, err := auth.NewToken(c.o.Random)
	if err != nil {
		return PasswordLink{}, err
	}
	res, err := c.propose(ctx, id, 0, command.CreatePasswordLink{Link: hash, Lifetime: linkLifetime.Milliseconds(), Actor: c.o.Actor(ctx), Reason: in.Reason})
	if err != nil {
		return PasswordLink{}, err
	}
	made, err := command.ValueOf[command.PasswordLink](res)
	if err != nil {
		return PasswordLink{}, err
	}
	return PasswordLink{fmt.Sprintf("%s/reset-password#%d.%s", c.o.Origin(), id, secret), made.ExpiresAt}, nil
}
