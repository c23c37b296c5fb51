package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"imperio/appliance/auth"
	"imperio/games"
	"imperio/storage/command"
)

// Operations is an operator's work on accounts. *Operator does it on a casino, *ControlClient asks a running server to.
// Accounts are named by username, by e-mail address, or by "#" and their id. Refusals are *OperationError.
type Operations interface {
	CreateAccount(ctx context.Context, a AccountOrder) (AccountRecord, error)
	// ListAccounts lists accounts by rising id from the given one on, at most limit (1 … 1000). next is where to go
	// on; 0 at the end.
	ListAccounts(ctx context.Context, from uint64, limit int) (list []AccountRecord, next uint64, err error)
	ShowAccount(ctx context.Context, who string) (AccountRecord, error)
	// Grant gives coins, or takes them back if negative.
	Grant(ctx context.Context, who string, coins games.Coins, reason string) (AccountRecord, error)
	SetLock(ctx context.Context, who string, locked bool, reason string) (AccountRecord, error)
	SetPassword(ctx context.Context, who, password, reason string) (AccountRecord, error)
	SetRole(ctx context.Context, who, role, reason string) (AccountRecord, error)
}

// AccountOrder is an account to be made.
type AccountOrder struct {
	Username string      `json:"username"`
	Email    string      `json:"email"` // may be empty
	Password string      `json:"password"`
	Role     string      `json:"role"` // player or operator
	Coins    games.Coins `json:"coins"`
}

// AccountRecord is an account as the operator sees it.
type AccountRecord struct {
	ID            uint64      `json:"id,string"`
	Username      string      `json:"username"`
	Email         string      `json:"email"`
	Role          string      `json:"role"`
	Coins         games.Coins `json:"coins"`
	HeldCoins     games.Coins `json:"held_coins"`
	OpenRound     uint64      `json:"open_round,string"` // 0: none
	Locked        bool        `json:"locked"`
	CreatedAt     time.Time   `json:"created_at"`
	ExcludedUntil time.Time   `json:"excluded_until"` // zero: not excluded
}

// OperationError is why an operation was not done.
type OperationError struct {
	Code    string // stable, e.g. "account_not_found"
	Message string // one sentence for people
	Cause   error  // what is behind a failure; nil for a refusal and behind the socket
}

func (e *OperationError) Error() string {
	if e.Cause != nil {
		return e.Message + " (" + e.Cause.Error() + ")"
	}
	return e.Message
}

func (e *OperationError) Unwrap() error { return e.Cause }

// OperatorCasino is what an Operator needs of the machine. See Casino.
type OperatorCasino interface {
	Propose(ctx context.Context, c command.Command) (command.Result, error)
	Credentials(login string) (command.Credentials, bool, error)
	Account(id command.AccountID) (command.Account, bool, error)
	Accounts(from command.AccountID, limit int) (list []command.Account, next command.AccountID, err error)
}

// Operator does an operator's work directly on a casino: in a server, or on a data directory that no server runs on.
// What it changes stands in the history with the actor and the reason. It is safe for concurrent use.
type Operator struct {
	Casino    OperatorCasino
	Passwords *auth.Passwords
	Random    io.Reader
	Actor     string // who does it, e.g. the user of the operating system
	Live      *API   // whose live connections are told; nil without a server
}

var _ Operations = (*Operator)(nil)

// CreateAccount implements Operations.
func (o *Operator) CreateAccount(ctx context.Context, order AccountOrder) (AccountRecord, error) {
	body, err := newAccount(order.Username, order.Email)
	if err == nil {
		err = checkFree(o.Casino, body)
	}
	if err == nil && (order.Coins < 0 || order.Coins > games.MaxCoins) {
		err = refuse("amount_out_of_range", "An account starts with 0 to %d coins.", games.MaxCoins)
	}
	if err != nil {
		return AccountRecord{}, operationError(err)
	}
	body.Role, body.WelcomeCoins, body.Actor = command.Role(order.Role), order.Coins, o.Actor
	if err := checkRole(body.Role); err != nil {
		return AccountRecord{}, operationError(err)
	}
	if body.PasswordHash, err = o.hash(ctx, order.Password); err != nil {
		return AccountRecord{}, operationError(err)
	}
	res, err := o.propose(ctx, 0, 2*command.SeedSize, *body)
	if err != nil {
		return AccountRecord{}, operationError(err)
	}
	opened, err := valueOf[command.AccountOpened](res)
	if err != nil {
		return AccountRecord{}, operationError(err)
	}
	return recordOf(&opened.Account), nil
}

// ListAccounts implements Operations.
func (o *Operator) ListAccounts(_ context.Context, from uint64, limit int) ([]AccountRecord, uint64, error) {
	if limit < 1 || limit > maxAccountsListed {
		return nil, 0, operationError(refuse("bad_request", "1 to %d accounts can be listed at once.", maxAccountsListed))
	}
	list, next, err := o.Casino.Accounts(command.AccountID(from), limit)
	if err != nil {
		return nil, 0, operationError(fmt.Errorf("list accounts: %w", err))
	}
	records := make([]AccountRecord, len(list))
	for i := range list {
		records[i] = recordOf(&list[i])
	}
	return records, uint64(next), nil
}

const maxAccountsListed = 1000

// ShowAccount implements Operations.
func (o *Operator) ShowAccount(_ context.Context, who string) (AccountRecord, error) {
	id, err := o.find(who)
	if err != nil {
		return AccountRecord{}, err
	}
	return o.show(id)
}

// Grant implements Operations.
func (o *Operator) Grant(ctx context.Context, who string, coins games.Coins, reason string) (AccountRecord, error) {
	if coins == 0 || coins < -games.MaxCoins || coins > command.MaxAmount {
		return AccountRecord{}, operationError(refuse("amount_out_of_range", "An amount is 1 to %d coins, or what is taken back of a balance.", command.MaxAmount))
	}
	return o.change(ctx, who, command.GrantCoins{Amount: coins, Actor: o.Actor, Reason: reason}, (*API).BalanceChanged)
}

// SetLock implements Operations.
func (o *Operator) SetLock(ctx context.Context, who string, locked bool, reason string) (AccountRecord, error) {
	return o.change(ctx, who, command.SetLock{Locked: locked, Actor: o.Actor, Reason: reason}, sessionsEnded)
}

// SetPassword implements Operations.
func (o *Operator) SetPassword(ctx context.Context, who, password, reason string) (AccountRecord, error) {
	if _, err := o.find(who); err != nil {
		return AccountRecord{}, err // before the work of hashing
	}
	hash, err := o.hash(ctx, password)
	if err != nil {
		return AccountRecord{}, operationError(err)
	}
	return o.change(ctx, who, command.ChangePassword{NewHash: hash, Actor: o.Actor, Reason: reason}, sessionsEnded)
}

// SetRole implements Operations.
func (o *Operator) SetRole(ctx context.Context, who, role, reason string) (AccountRecord, error) {
	if err := checkRole(command.Role(role)); err != nil {
		return AccountRecord{}, operationError(err)
	}
	return o.change(ctx, who, command.SetRole{Role: command.Role(role), Actor: o.Actor, Reason: reason}, sessionsEnded)
}

// sessionsEnded is for commands that end all sessions, if they change anything at all.
func sessionsEnded(a *API, id command.AccountID, event uint64) {
	if event != 0 {
		a.SessionsEnded(id)
	}
}

// change proposes a change of an account, tells its live connections, and shows what became of it.
func (o *Operator) change(ctx context.Context, who string, body command.Body, tell func(*API, command.AccountID, uint64)) (AccountRecord, error) {
	id, err := o.find(who)
	if err != nil {
		return AccountRecord{}, err
	}
	res, err := o.propose(ctx, id, 0, body)
	if err != nil {
		return AccountRecord{}, operationError(err)
	}
	if o.Live != nil && tell != nil {
		tell(o.Live, id, res.Event)
	}
	return o.show(id)
}

func (o *Operator) propose(ctx context.Context, id command.AccountID, entropy int, body command.Body) (command.Result, error) {
	return propose(ctx, o.Casino, o.Random, command.Command{Account: id, Body: body}, entropy)
}

func (o *Operator) hash(ctx context.Context, password string) (string, error) {
	hash, err := o.Passwords.Hash(ctx, password)
	if errors.Is(err, auth.ErrPasswordLength) {
		return "", refuse("invalid_password", "%s.", sentence(err))
	}
	return hash, err
}

// find finds the account that somebody means.
func (o *Operator) find(who string) (command.AccountID, error) {
	if digits, ok := strings.CutPrefix(who, "#"); ok {
		if n, err := strconv.ParseUint(digits, 10, 64); err == nil {
			return command.AccountID(n), nil
		}
	}
	cred, ok, err := o.Casino.Credentials(auth.LoginKey(who))
	if err != nil {
		return 0, operationError(fmt.Errorf("find account: %w", err))
	}
	if !ok {
		return 0, operationError(refuse("account_not_found", "There is no account %q. Give a username, an e-mail address, or # and an id.", who))
	}
	return cred.Account, nil
}

func (o *Operator) show(id command.AccountID) (AccountRecord, error) {
	a, ok, err := o.Casino.Account(id)
	if err != nil {
		return AccountRecord{}, operationError(fmt.Errorf("show account: %w", err))
	}
	if !ok {
		return AccountRecord{}, operationError(refuse("account_not_found", "There is no account #%d.", id))
	}
	return recordOf(&a), nil
}

func checkRole(r command.Role) error {
	if r == command.RolePlayer || r == command.RoleOperator {
		return nil
	}
	return refuse("invalid_role", "The roles are %q and %q.", command.RolePlayer, command.RoleOperator)
}

func recordOf(a *command.Account) AccountRecord {
	return AccountRecord{
		ID: uint64(a.ID), Username: a.Username, Email: a.Email, Role: string(a.Role), Coins: a.Coins, HeldCoins: a.HeldCoins,
		OpenRound: uint64(a.OpenRound), Locked: a.Locked, CreatedAt: a.CreatedAt, ExcludedUntil: a.ExcludedUntil,
	}
}

func operationError(err error) error {
	p := problemOf(err)
	return &OperationError{Code: p.code, Message: p.detail, Cause: p.cause}
}
