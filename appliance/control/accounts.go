package control

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"imperio/appliance/auth"
	"imperio/appliance/problem"
	"imperio/games"
	"imperio/storage/command"
)

// Account is an account as operators see it.
type Account struct {
	ID            uint64      `json:"id,string"`
	Username      string      `json:"username"`
	Email         string      `json:"email"`
	Role          string      `json:"role"`
	Coins         games.Coins `json:"coins"`
	HeldCoins     games.Coins `json:"held_coins"`
	OpenRound     uint64      `json:"open_round,string,omitzero"` // 0: none
	Locked        bool        `json:"locked"`
	CreatedAt     time.Time   `json:"created_at"`
	ExcludedUntil time.Time   `json:"excluded_until,omitzero"` // zero: not excluded
	DeletedAt     time.Time   `json:"deleted_at,omitzero"`     // zero: not deleted
}

// NewAccount is an account to be made.
type NewAccount struct {
	Username string      `json:"username"`
	Email    string      `json:"email"`    // may be empty
	Password string      `json:"password"` // empty: it has none yet, and nobody can sign in until CreatePasswordLink
	Role     string      `json:"role"`     // player or operator
	Coins    games.Coins `json:"coins"`
}

// List says which accounts to list: at most Limit (1 … 1000), in the order of their ids, beginning at From. With Search, only
// those whose name or e-mail address has this part, in any case of letters.
type List struct {
	From   uint64 `json:"from,string"`
	Limit  int    `json:"limit"`
	Search string `json:"search,omitzero"`
}

// AccountPage is a part of the list of accounts. A page of a search may be shorter than asked for, even empty, without being the last.
type AccountPage struct {
	Accounts []Account `json:"accounts"`
	Next     uint64    `json:"next,string,omitzero"` // where the next page begins; 0 if this is the last
}

// Who names an account: by username, by e-mail address, or by # and its id.
type Who struct {
	Who string `json:"who"`
}

// Grant gives coins to an account. Below 0 it takes them back.
type Grant struct {
	Who    string      `json:"who"`
	Coins  games.Coins `json:"coins"`
	Reason string      `json:"reason"`
}

// Lock locks an account, or unlocks it.
type Lock struct {
	Who    string `json:"who"`
	Locked bool   `json:"locked"`
	Reason string `json:"reason"`
}

// Email sets the e-mail address of an account; empty: it has none.
type Email struct {
	Who    string `json:"who"`
	Email  string `json:"email"`
	Reason string `json:"reason"`
}

// Deletion deletes an account.
type Deletion struct {
	Who    string `json:"who"`
	Reason string `json:"reason"`
}

// Role gives an account a role.
type Role struct {
	Who    string `json:"who"`
	Role   string `json:"role"` // player or operator
	Reason string `json:"reason"`
}

const (
	maxListed   = 1000 // entries of the longest page
	maxSearched = 5000 // accounts that a search reads for one page
	maxReason   = 1000 // bytes of a reason
)

func (c *Control) createAccount(ctx context.Context, in NewAccount) (Account, error) {
	body := command.OpenAccount{Role: command.Role(in.Role), WelcomeCoins: in.Coins, Actor: c.o.Actor(ctx)}
	var err error
	if body.Username, body.UsernameKey, err = auth.Username(in.Username); err != nil {
		return Account{}, err
	}
	if in.Email != "" {
		if body.Email, body.EmailKey, err = auth.Email(in.Email); err != nil {
			return Account{}, err
		}
	}
	if in.Coins < 0 || in.Coins > command.MaxAmount {
		return Account{}, problem.New("amount_out_of_range", "An account starts with 0 to %d coins.", command.MaxAmount)
	}
	if err := checkRole(in.Role); err != nil {
		return Account{}, err
	}
	if in.Password != "" {
		if err := auth.CheckPassword(in.Password, body.Username, body.Email); err != nil {
			return Account{}, err
		}
		if body.PasswordHash, err = c.o.Passwords.Hash(ctx, true, in.Password); err != nil {
			return Account{}, err
		}
	}
	res, err := c.propose(ctx, 0, 2*command.SeedSize, body)
	if err != nil {
		return Account{}, err
	}
	opened, err := command.ValueOf[command.AccountOpened](res)
	if err != nil {
		return Account{}, err
	}
	return view(&opened.Account), nil
}

func (c *Control) listAccounts(ctx context.Context, in List) (AccountPage, error) {
	if err := checkLimit(in.Limit); err != nil {
		return AccountPage{}, err
	}
	page := AccountPage{Accounts: []Account{}, Next: in.From}
	matches := auth.Search(in.Search)
	for searched := 0; len(page.Accounts) < in.Limit && searched < maxSearched; {
		list, next, err := c.o.Casino.Accounts(command.AccountID(page.Next), in.Limit-len(page.Accounts))
		if err != nil {
			return AccountPage{}, fmt.Errorf("list accounts: %w", err)
		}
		for i := range list {
			if matches(list[i].Username, list[i].Email) {
				page.Accounts = append(page.Accounts, view(&list[i]))
			}
		}
		searched += len(list)
		if page.Next = uint64(next); next == 0 || ctx.Err() != nil {
			return page, ctx.Err()
		}
	}
	// A list that is full ends before the next account, which there may not be.
	if _, ok, err := c.o.Casino.Account(command.AccountID(page.Next)); err != nil || !ok {
		page.Next = 0
		return page, err
	}
	return page, nil
}

// checkLimit checks the size of a page.
func checkLimit(limit int) error {
	if limit < 1 || limit > maxListed {
		return problem.New("bad_request", "A page holds 1 to %d entries.", maxListed)
	}
	return nil
}

func (c *Control) grantCoins(ctx context.Context, in Grant) (Account, error) {
	if in.Coins == 0 || in.Coins < -games.MaxCoins || in.Coins > command.MaxAmount {
		return Account{}, problem.New("amount_out_of_range", "An amount is 1 to %d coins, or below 0 to take coins back.", command.MaxAmount)
	}
	return c.change(ctx, in.Who, in.Reason, command.GrantCoins{Amount: in.Coins, Actor: c.o.Actor(ctx), Reason: in.Reason})
}

func (c *Control) setLock(ctx context.Context, in Lock) (Account, error) {
	return c.change(ctx, in.Who, in.Reason, command.SetLock{Locked: in.Locked, Actor: c.o.Actor(ctx), Reason: in.Reason})
}

func (c *Control) setEmail(ctx context.Context, in Email) (Account, error) {
	body := command.ChangeEmail{Actor: c.o.Actor(ctx), Reason: in.Reason}
	if in.Email != "" {
		var err error
		if body.Email, body.EmailKey, err = auth.Email(in.Email); err != nil {
			return Account{}, err
		}
	}
	return c.change(ctx, in.Who, in.Reason, body)
}

func (c *Control) deleteAccount(ctx context.Context, in Deletion) (Account, error) {
	id, err := c.find(in.Who)
	if err != nil {
		return Account{}, err
	}
	// Afterwards only the id leads to it.
	return c.change(ctx, fmt.Sprintf("#%d", id), in.Reason, command.DeleteAccount{Actor: c.o.Actor(ctx), Reason: in.Reason})
}

func (c *Control) setRole(ctx context.Context, in Role) (Account, error) {
	if err := checkRole(in.Role); err != nil {
		return Account{}, err
	}
	return c.change(ctx, in.Who, in.Reason, command.SetRole{Role: command.Role(in.Role), Actor: c.o.Actor(ctx), Reason: in.Reason})
}

// change proposes a change of an account and shows the account after it. The history keeps the reason.
func (c *Control) change(ctx context.Context, who, reason string, body command.Body) (Account, error) {
	id, err := c.find(who)
	if err != nil {
		return Account{}, err
	}
	if err := checkReason(reason); err != nil {
		return Account{}, err
	}
	if _, err := c.propose(ctx, id, 0, body); err != nil {
		return Account{}, err
	}
	return c.show(id)
}

// find returns the account that a Who names.
func (c *Control) find(who string) (command.AccountID, error) {
	if digits, ok := strings.CutPrefix(who, "#"); ok {
		if n, err := strconv.ParseUint(digits, 10, 64); err == nil {
			return command.AccountID(n), nil
		}
	}
	cred, ok, err := c.o.Casino.Credentials(auth.LoginKey(who))
	if err != nil {
		return 0, fmt.Errorf("find account: %w", err)
	}
	if ok {
		return cred.Account, nil
	}
	id, ok, err := c.o.Casino.ShownAs(auth.LoginKey(who))
	if err != nil {
		return 0, fmt.Errorf("find account by its shown name: %w", err)
	}
	if !ok {
		return 0, problem.New("account_not_found", "There is no account %q. Give a username, an e-mail address, a name that a player shows, or # and an id.", who)
	}
	return id, nil
}

func (c *Control) show(id command.AccountID) (Account, error) {
	a, ok, err := c.o.Casino.Account(id)
	if err != nil {
		return Account{}, fmt.Errorf("show account: %w", err)
	}
	if !ok {
		return Account{}, problem.New("account_not_found", "There is no account #%d.", id)
	}
	return view(&a), nil
}

func checkReason(reason string) error {
	if strings.TrimSpace(reason) == "" || len(reason) > maxReason {
		return problem.New("reason_missing", "Say why, in 1 to %d bytes: the history keeps the reason.", maxReason)
	}
	return nil
}

func checkRole(role string) error {
	if r := command.Role(role); r == command.RolePlayer || r == command.RoleOperator {
		return nil
	}
	return problem.New("invalid_role", "The roles are %q and %q.", command.RolePlayer, command.RoleOperator)
}

func view(a *command.Account) Account {
	return Account{
		ID: uint64(a.ID), Username: a.Username, Email: a.Email, Role: string(a.Role), Coins: a.Coins, HeldCoins: a.HeldCoins,
		OpenRound: uint64(a.OpenRound), Locked: a.Locked, CreatedAt: a.CreatedAt, ExcludedUntil: a.ExcludedUntil,
		DeletedAt: a.DeletedAt,
	}
}
