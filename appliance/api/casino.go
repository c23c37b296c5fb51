package api

import (
	"context"
	"time"

	"imperio/appliance/auth"
	"imperio/storage/command"
)

// Subjects tells the sign-in throttle whom it counts without telling it who that is: what people type into a sign-in form
// is never stored, not even for a minute. It also authenticates device cookies.
type Subjects interface {
	auth.DeviceSigner
	// Login is for a folded login that no account has.
	Login(folded string) command.Subject
	// Account is for all strangers who name an account.
	Account(id command.AccountID) command.Subject
	// Device and From are for a browser, and for a network, that an account has signed in from before.
	Device(id command.AccountID, device [16]byte) command.Subject
	From(id command.AccountID, network command.Subject) command.Subject
	// Session is for a session that changes the password.
	Session(id command.SessionID) command.Subject
	// Network is a client's network as accounts remember it.
	Network(network string) command.Subject
}

// Casino is what the API needs of the machine behind it. All methods are safe for concurrent use.
//
// Reads see this node's state. Their bool says whether what was asked for exists. An error is a fault of the casino.
type Casino interface {
	command.Proposer

	// Current returns when reads see everything that was answered before the call, on whatever node. The API calls it once
	// a request. The error wraps command.ErrUnavailable if the node can't tell now.
	Current(ctx context.Context) error

	// Session finds a session by the hash of its token. Every signed-in request calls it. It may find expired sessions: the
	// caller compares with the casino's time.
	Session(hash command.TokenHash) (command.Session, bool, error)
	// Credentials finds the data to check a sign-in with, by folded username or e-mail address.
	Credentials(login string) (command.Credentials, bool, error)
	Account(id command.AccountID) (command.Account, bool, error)
	// PasswordLink returns what a link to set the account's password is checked against; false if none is in force.
	PasswordLink(id command.AccountID) (command.PasswordLink, bool, error)
	// Invitation finds an invitation by the hash of its code. It may have expired.
	Invitation(code command.TokenHash) (command.Invitation, bool, error)
	// Sessions lists the sessions of an account, newest first.
	Sessions(id command.AccountID) ([]command.Session, error)
	// OpenRound finds the round that waits for its player's decision.
	OpenRound(id command.AccountID) (command.Round, bool, error)
	Fairness(id command.AccountID) (command.Fairness, bool, error)
	Statistics(id command.AccountID) ([]command.GameStatistics, error)
	// Limits returns the player's limits, and what counts against them at the given time.
	Limits(id command.AccountID, at time.Time) (command.Limits, error)

	// The histories, newest first. next is the cursor of the next page; 0 ends the list. A page may be shorter than asked
	// for, even empty, and still have a next one.
	Transfers(ctx context.Context, id command.AccountID, p command.Page) (list []command.Transfer, next uint64, err error)
	Rounds(ctx context.Context, id command.AccountID, p command.Page) (list []command.Round, next uint64, err error)
	RevealedPairs(ctx context.Context, id command.AccountID, p command.Page) (list []command.RevealedPair, next uint64, err error)
	// Round finds one round of an account, open or settled. A round of another account is not found.
	Round(ctx context.Context, id command.AccountID, round command.RoundID) (command.Round, bool, error)

	// Profile finds what an account says of itself to others, and what it has reached.
	Profile(id command.AccountID) (command.Profile, bool, error)
	// Seasons lists up to limit seasons, newest first, below the one numbered before; 0: from the newest.
	Seasons(before uint32, limit int) ([]command.Season, error)
	// Standings reads a board of a season, which may be a few seconds old. viewer is who asks; 0: nobody in particular.
	Standings(season uint32, b command.Board, viewer command.AccountID) (command.Standings, bool, error)
	// SeasonPlayer and SeasonRounds find a player in a season, and the rounds that count for her, most recently settled first.
	// PublicRound finds such a round. They find only players who take part and are listed.
	SeasonPlayer(season uint32, entry command.EntryID) (command.SeasonPlayer, bool, error)
	SeasonRounds(ctx context.Context, season uint32, entry command.EntryID, p command.Page) (list []command.Round, next uint64, ok bool, err error)
	// OwnFigures reads an account's own figures in a season, also while it is not listed.
	OwnFigures(season uint32, id command.AccountID) (command.SeasonPlayer, bool, error)
	PublicRound(id command.RoundID) (command.Round, bool, error)
}
