// Package control is the operators' API. Each operation is one line in the table below and one method in its resource's
// file. The command line calls operations through the control socket of a running server, or, if no server runs, on a Control
// of its own.
package control

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"

	"imperio/appliance/auth"
	"imperio/appliance/problem"
	"imperio/appliance/request"
	"imperio/storage/command"
)

// The table of operations: the name in the path, and the method that does it.
var (
	CreateAccount = Operation[NewAccount, Account]{"create-account", (*Control).createAccount}
	ListAccounts  = Operation[List, AccountPage]{"list-accounts", (*Control).listAccounts}
	ShowAccount   = Operation[Who, AccountDetails]{"show-account", (*Control).showAccount}
	ListRounds    = Operation[RoundList, RoundPage]{"list-rounds", (*Control).listRounds}
	ListEvents    = Operation[EventQuery, EventPage]{"list-events", (*Control).listEvents}
	GrantCoins    = Operation[Grant, Account]{"grant-coins", (*Control).grantCoins}
	SetLock       = Operation[Lock, Account]{"set-lock", (*Control).setLock}
	SetPassword   = Operation[Password, Account]{"set-password", (*Control).setPassword}
	SetRole       = Operation[Role, Account]{"set-role", (*Control).setRole}
	SetEmail      = Operation[Email, Account]{"set-email", (*Control).setEmail}
	DeleteAccount = Operation[Deletion, Account]{"delete-account", (*Control).deleteAccount}

	FindImported   = Operation[ImportLookup, ImportsFound]{"find-imported", (*Control).findImported}
	ImportAccounts = Operation[ImportBatch, ImportsDone]{"import-accounts", (*Control).importAccounts}

	CreatePasswordLink = Operation[NewPasswordLink, PasswordLink]{"create-password-link", (*Control).createPasswordLink}
	CreateInvitation   = Operation[NewInvitation, Invited]{"create-invitation", (*Control).createInvitation}
	ListInvitations    = Operation[None, InvitationList]{"list-invitations", (*Control).listInvitations}
	RevokeInvitation   = Operation[Revocation, None]{"revoke-invitation", (*Control).revokeInvitation}

	EndSeason = Operation[SeasonEnd, SeasonEnded]{"end-season", (*Control).endSeason}

	GetStatus          = Operation[None, Status]{"get-status", (*Control).getStatus}
	GetRootCertificate = Operation[None, RootCertificate]{"get-root-certificate", (*Control).getRootCertificate}
	WriteCheckpoint    = Operation[None, None]{"write-checkpoint", (*Control).writeCheckpoint}
	Audit              = Operation[None, AuditReport]{"audit", (*Control).audit}
	CopyState          = Operation[CopyRequest, StateCopy]{"copy-state", (*Control).copyState}
	RemoveStateCopy    = Operation[CopyName, None]{"remove-state-copy", (*Control).removeStateCopy}
	Reload             = Operation[None, Reloaded]{"reload", (*Control).reload}

	Restart = Operation[RestartRequest, Restarting]{"restart", (*Control).restart}

	StartBackup     = Operation[None, BackupRun]{"start-backup", (*Control).startBackup}
	StartDrill      = Operation[None, None]{"start-drill", (*Control).startDrill}
	GetBackupStatus = Operation[None, BackupStatus]{"get-backup-status", (*Control).getBackupStatus}

	GetMirrorStatus = Operation[None, MirrorStatus]{"get-mirror-status", (*Control).getMirrorStatus}
	RebuildMirror   = Operation[None, None]{"rebuild-mirror", (*Control).rebuildMirror}

	GetClusterStatus   = Operation[ClusterQuery, ClusterStatus]{"get-cluster-status", (*Control).getClusterStatus}
	CreateJoinToken    = Operation[TokenRequest, JoinToken]{"create-join-token", (*Control).createJoinToken}
	RemoveMember       = Operation[MemberRemoval, None]{"remove-member", (*Control).removeMember}
	TransferLeadership = Operation[MemberChange, None]{"transfer-leadership", (*Control).transferLeadership}
	PromoteMember      = Operation[MemberChange, None]{"promote-member", (*Control).promoteMember}
	DemoteMember       = Operation[MemberChange, None]{"demote-member", (*Control).demoteMember}
)

// operations is all that a Control serves.
var operations = []operation{
	CreateAccount, ListAccounts, ShowAccount, ListRounds, ListEvents, GrantCoins, SetLock, SetPassword, SetRole, SetEmail, DeleteAccount,
	FindImported, ImportAccounts,
	CreatePasswordLink, CreateInvitation, ListInvitations, RevokeInvitation, EndSeason,
	GetStatus, GetRootCertificate, WriteCheckpoint, Audit, CopyState, RemoveStateCopy, Reload,
	Restart,
	StartBackup, StartDrill, GetBackupStatus, GetMirrorStatus, RebuildMirror,
	GetClusterStatus, CreateJoinToken, RemoveMember, TransferLeadership, PromoteMember, DemoteMember,
}

// Operation is one thing that operators can ask for. In is its request and Out its answer, both JSON objects.
type Operation[In, Out any] struct {
	name string
	do   func(*Control, context.Context, In) (Out, error)
}

// operation is an Operation of any types.
type operation interface {
	path() string
	mostBytes() int // of a request
	mayBeStale() bool
	serve(ctx context.Context, c *Control, body []byte) (any, error)
}

// None is an empty request or answer.
type None struct{}

// Casino is what operations need of the machine. All methods are safe for concurrent use. The bool of a read says whether
// what was asked for exists.
type Casino interface {
	command.Proposer
	// Current returns when reads see everything that was answered before the call, on whatever node.
	Current(ctx context.Context) error
	// Credentials finds an account by folded username or folded e-mail address.
	Credentials(login string) (command.Credentials, bool, error)
	Account(id command.AccountID) (command.Account, bool, error)
	// Profile finds what an account says of itself to others. ShownAs finds who shows a folded name that is no username.
	Profile(id command.AccountID) (command.Profile, bool, error)
	ShownAs(key string) (command.AccountID, bool, error)
	CredentialsOf(id command.AccountID) (command.Credentials, bool, error)
	// LookUpRow reads what became of a row of another casino's database, and whether a name and an address are taken.
	LookUpRow(command.RowLookup) (command.RowFound, error)
	// Accounts lists accounts in the order of their ids. next is where the next page begins; 0 after the last.
	Accounts(from command.AccountID, limit int) (list []command.Account, next command.AccountID, err error)
	// Invitations lists the valid invitations, oldest first.
	Invitations() ([]command.Invitation, error)
	// Seasons lists up to limit seasons, newest first, below the one numbered before; 0: from the newest.
	Seasons(before uint32, limit int) ([]command.Season, error)
	Statistics(id command.AccountID) ([]command.GameStatistics, error)
	// Limits reads a player's own limits at a time.
	Limits(id command.AccountID, now time.Time) (command.Limits, error)
	// Sessions lists the sessions of an account, newest first, including expired ones.
	Sessions(id command.AccountID) ([]command.Session, error)
	// Rounds lists an account's rounds, most recently opened first.
	Rounds(ctx context.Context, id command.AccountID, p command.Page) (list []command.Round, next uint64, err error)
	// History lists events of the history, newest first.
	History(ctx context.Context, q command.HistoryQuery) (list []command.Event, next uint64, err error)
}

// Keys seal and open what an import of accounts brings, with the casino's key. They are safe for concurrent use.
type Keys interface {
	auth.Seal
	// ImportedName is a keyed hash of the folded name that an account had in another casino's database.
	ImportedName(name string) command.Subject
}

// Options configure a Control.
type Options struct {
	Casino    Casino
	Passwords *auth.Passwords
	Keys      Keys
	Log       *slog.Logger
	Now       func() time.Time // the casino's time
	Random    io.Reader        // of seeds and command ids: unpredictable, safe for concurrent use
	// Server answers the operations that concern the running server; nil: no server runs, and they are refused.
	Server Server
	// Backups makes backups; nil: none are configured.
	Backups Backups
	// Admit is called before each batch of an import. It may wait until the casino has caught up with the batches before, or refuse
	// the batch. nil: it does neither.
	Admit func(context.Context) error
	// Origin returns where players find the casino, such as https://casino.example, for links.
	Origin func() string
	// Leader has the leader of the cluster do an operation. done is false if this member leads, and does it itself. nil: there are
	// no other members.
	Leader func(ctx context.Context, f Forwarded) (answer ForwardedAnswer, done bool, err error)
	// Actor returns who sent a request, for the history. The context is the request's.
	Actor func(context.Context) string
}

// Control does the operators' work on a casino. Whoever can call it may do everything. It is safe for concurrent use.
type Control struct {
	o        Options
	mux      *http.ServeMux
	imported atomic.Uint64 // the newest event of the last batch of accounts; 0: there was none
}

// New makes a Control.
func New(o Options) *Control {
	c := &Control{o: o, mux: http.NewServeMux()}
	for _, op := range operations {
		c.mux.HandleFunc("POST "+op.path(), func(w http.ResponseWriter, r *http.Request) { c.answer(w, r, op) })
	}
	return c
}

// NewWaiting makes a Control of a member that waits for its cluster. It does only what needs no leader, and refuses the rest.
// Casino, Passwords and Keys may be nil.
func NewWaiting(o Options) *Control {
	c := &Control{o: o, mux: http.NewServeMux()}
	for _, op := range operations {
		c.mux.HandleFunc("POST "+op.path(), func(w http.ResponseWriter, r *http.Request) {
			if !op.mayBeStale() {
				c.refuse(w, r, problem.New("unavailable", "This member waits for its cluster: it needs a leader, and must catch up with it. See 'imperio cluster status'."))
				return
			}
			c.answer(w, r, op)
		})
	}
	return c
}

// ServeHTTP does the operation that a request names.
func (c *Control) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.mux.ServeHTTP(w, r) }

func (c *Control) answer(w http.ResponseWriter, r *http.Request, op operation) {
	r = r.WithContext(context.WithValue(r.Context(), sudoKey{}, r.Header.Get(sudoHeader)))
	body, err := request.ReadUpTo(op.mostBytes(), r, nil)
	if err == nil {
		var done bool
		if done, err = c.forward(w, r, op, body); done {
			return
		}
	}
	var out any
	if err == nil {
		out, err = op.serve(r.Context(), c, body)
	}
	var data []byte
	if err == nil {
		data, err = json.Marshal(out)
	}
	if err != nil {
		c.refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(data) // a client that is gone needs no answer
}

// refuse answers with a problem. An operator may know the cause.
func (c *Control) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := problem.Of(err)
	if p.Status >= http.StatusInternalServerError {
		c.o.Log.Error("operation failed", "operation", r.URL.Path, "actor", c.o.Actor(r.Context()), "error", err)
	}
	d := p.Document("", c.o.Now())
	if p.Cause != nil {
		d.Detail += " (" + p.Cause.Error() + ")"
	}
	d.Write(w, r)
}

func (op Operation[In, Out]) path() string { return "/control/" + op.name }

// large is a request that may be larger than others.
type large interface{ mostBytes() int }

func (op Operation[In, Out]) mostBytes() int {
	var in In
	if l, ok := any(in).(large); ok {
		return l.mostBytes()
	}
	return request.MaxBody
}

// stale is a request that is answered from what is known here, without a leader.
type stale interface{ mayBeStale() }

func (op Operation[In, Out]) mayBeStale() bool {
	var in In
	_, ok := any(in).(stale)
	return ok
}

func (op Operation[In, Out]) serve(ctx context.Context, c *Control, body []byte) (any, error) {
	var in In
	if err := request.Decode(body, &in); err != nil {
		return nil, err
	}
	if !op.mayBeStale() {
		if err := c.o.Casino.Current(ctx); err != nil {
			return nil, err
		}
	}
	return op.do(c, ctx, in)
}

// propose asks the machine for a change of an account; 0: a new one.
func (c *Control) propose(ctx context.Context, account command.AccountID, entropy int, body command.Body) (command.Result, error) {
	return command.Propose(ctx, c.o.Casino, c.o.Random, command.Command{Account: account, Body: body}, entropy)
}
