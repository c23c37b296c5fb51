package api

import (
	"context"
	"time"

	"imperio/storage/command"
)

// Casino is what the API needs of the machine behind it. All methods are safe for concurrent use.
//
// Reads see everything that was proposed and answered before they began, on whatever node. Their bool says whether
// what was asked for exists. Their errors wrap command.ErrUnavailable where the node can't answer now; any other error
// is a fault of the casino.
type Casino interface {
	// Propose asks the machine for a change, and returns when its result is durable. The error wraps
	// command.ErrUnavailable if the command was not taken and never will be, and command.ErrUnknown if its fate is
	// unknown; a refusal is not an error but a Result. The id, the time and the entropy are already in the command.
	Propose(ctx context.Context, c command.Command) (command.Result, error)

	// Session finds a session by the hash of its token. It is called on every signed-in request. Sessions that have
	// expired may still be found: the caller compares with the casino's time.
	Session(hash command.TokenHash) (command.Session, bool, error)
	// Credentials finds what a sign-in is checked against, by folded username or folded e-mail address.
	Credentials(login string) (command.Credentials, bool, error)
	Account(id command.AccountID) (command.Account, bool, error)
	// Sessions lists the sessions of an account, newest first.
	Sessions(id command.AccountID) ([]command.Session, error)
	// OpenRound finds the round that waits for its player's decisions.
	OpenRound(id command.AccountID) (command.Round, bool, error)
	Fairness(id command.AccountID) (command.Fairness, bool, error)
	Statistics(id command.AccountID) ([]command.GameStatistics, error)
	// Limits gives the player's limits and what counts against them at the given time.
	Limits(id command.AccountID, at time.Time) (command.Limits, error)

	// The histories, newest first. next is the cursor of the page after; 0 ends the list. Pages may be shorter than
	// asked for, even empty, and still have a next one.
	Transfers(ctx context.Context, id command.AccountID, p command.Page) (list []command.Transfer, next uint64, err error)
	Rounds(ctx context.Context, id command.AccountID, p command.Page) (list []command.Round, next uint64, err error)
	RevealedPairs(ctx context.Context, id command.AccountID, p command.Page) (list []command.RevealedPair, next uint64, err error)
	// Round finds one round of an account, open or settled. A round of another account is not found.
	Round(ctx context.Context, id command.AccountID, round command.RoundID) (command.Round, bool, error)
}
