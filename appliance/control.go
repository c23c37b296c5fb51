package appliance

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"imperio/appliance/api"
	"imperio/appliance/auth"
	"imperio/storage/audit"
	"imperio/storage/command"
)

// SocketFile is the name of the control socket in the data directory. Only its owner may open it.
const SocketFile = "imperio.sock"

// longestSocketPath is the longest name of a socket that all systems of the Unix family allow (BSD's 104 bytes with
// the final NUL).
const longestSocketPath = 103

// listenControl opens the socket through which the command line reaches this server.
func (a *App) listenControl(context.Context) error {
	path := filepath.Join(a.config.Data.Dir, SocketFile)
	if len(path) > longestSocketPath {
		return fmt.Errorf("the path of the control socket, %s, is %d bytes long, and the system allows %d. Choose a shorter --data-dir, or a relative one", path, len(path), longestSocketPath)
	}
	// The directory is ours alone (it is locked), so a socket in it was left by a process that was killed.
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the old control socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("open the control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return errors.Join(fmt.Errorf("protect the control socket: %w", err), l.Close())
	}
	operator := a.operator(a.casino)
	operator.Live = a.api
	a.addServer(&server{name: "operator's commands", on: l, http: &http.Server{
		Handler:     api.NewControl(operator, house{a}, a.log),
		ConnContext: api.ControlContext,
		// An audit of a large casino takes minutes; whoever may open this socket may keep it busy.
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: time.Minute, WriteTimeout: time.Hour,
	}})
	return nil
}

func (a *App) operator(c casino) api.Operator {
	return api.Operator{Casino: c, Passwords: a.passwords, Random: rand.Reader, Actor: "operator"}
}

// Accounts lists accounts by rising id.
func (c casino) Accounts(from command.AccountID, limit int) ([]command.Account, command.AccountID, error) {
	if err := c.current(); err != nil {
		return nil, 0, err
	}
	return c.store.Accounts(from, limit)
}

// house is what the operator can ask of the server itself.
type house struct{ app *App }

// Checkpoint writes what is in memory into state.db.
func (h house) Checkpoint(ctx context.Context) error {
	_, err := h.app.dir.store.Checkpoint(ctx)
	return err
}

// Status says how the server does.
func (h house) Status(context.Context) (api.Status, error) {
	store, node := h.app.dir.store, h.app.dir.node.Status()
	f := store.Figures()
	event, head := store.Head()
	return api.Status{
		Version: h.app.version, Node: node.NodeID, StartedAt: h.app.started, Leader: node.Ready,
		AppliedIndex: node.AppliedIndex, DurableIndex: node.Durable.Index, Events: event, HistoryHead: fmt.Sprintf("%x", head),
		Accounts: f.Accounts, Sessions: f.Sessions, OpenRounds: f.OpenRounds, LedgerSum: f.LedgerSum,
	}, nil
}

// Audit proves the books while the casino runs.
func (h house) Audit(ctx context.Context) (api.AuditReport, error) {
	snapshot, err := h.app.dir.store.Snapshot(ctx)
	if err != nil {
		return api.AuditReport{}, err
	}
	defer snapshot.Close()
	report, err := audit.Run(ctx, snapshot, audit.Options{Workers: 1}) // the other processors are the players'
	var violation *audit.Violation
	if err != nil && !errors.As(err, &violation) {
		return api.AuditReport{}, fmt.Errorf("audit: %w", err)
	}
	out := api.AuditReport{Proved: report.Lines(), Events: report.Events, HistoryHead: fmt.Sprintf("%x", report.Head)}
	if violation != nil {
		out.Violation = violation.Error()
	}
	return out, nil
}

// Operations are an operator's work on a casino: through the socket of a running server, else on the data directory.
type Operations struct {
	api.Operations
	close func() error
}

// Close gives the connection or the data directory back.
func (o *Operations) Close() error { return o.close() }

// OpenOperations finds the server that runs on a data directory, or opens the directory itself. actor is who does the
// work, for the history.
func OpenOperations(ctx context.Context, dir, actor string, o Options) (*Operations, error) {
	client, err := api.DialControl(ctx, filepath.Join(dir, SocketFile))
	if err == nil {
		return &Operations{client, func() error { client.Close(); return nil }}, nil
	}
	a := &App{config: o.Config}
	a.log = newLog(o.Config.Logs, o.Logs)
	d, err := openDataDir(dataDirOptions{path: dir, log: a.log})
	if err != nil {
		return nil, err
	}
	if err := d.node.Barrier(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("wait for the node to lead: %w", err), d.close(ctx))
	}
	if a.passwords, err = auth.NewPasswords(auth.PasswordOptions{Cost: o.Config.Accounts.BcryptCost}); err != nil {
		return nil, errors.Join(err, d.close(ctx))
	}
	operator := a.operator(casino{store: d.store, node: d.node})
	operator.Actor = actor
	return &Operations{&operator, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), closePatience)
		defer cancel()
		return d.close(ctx)
	}}, nil
}
