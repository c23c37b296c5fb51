package appliance

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"imperio/appliance/auth"
	"imperio/appliance/config"
	"imperio/appliance/control"
	"imperio/appliance/ops"
	"imperio/appliance/problem"
	"imperio/storage/audit"
	"imperio/storage/backup"
)

// SocketFile is the name of the control socket in the data directory. Only its owner may open it.
const SocketFile = config.SocketFile

// listenControl opens the socket for the command line.
func (a *App) listenControl(context.Context) error {
	l, err := a.openSocket()
	if err != nil {
		return err
	}
	c := newControl(a.casino, a.passwords, a.log, house{a}, backupsOf(a.backups.Load()), a.importRoom(), a.URL, "operator")
	a.control.Store(c)
	s := &server{name: "operator's commands", on: l, http: &http.Server{
		Handler:     withHealth(a.health, c),
		ConnContext: control.PeerContext,
		ErrorLog:    slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
		// An audit of a large casino takes minutes.
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: time.Minute, WriteTimeout: time.Hour,
	}}
	s.silent = silentConnections(s.http)
	a.addServer(s)
	return nil
}

// withHealth answers the probes on the control socket as well. So "imperio health" works whatever the other listeners are: with TLS,
// behind a proxy, or without a certificate.
func withHealth(h *ops.Health, c *control.Control) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/health", h)
	mux.Handle("/health/", h)
	mux.Handle("/", c)
	return mux
}

// newControl makes the operators' API. actor is the name in the history if the system doesn't say who asks. server is nil if
// none runs. imports is the room on the disk that imports of accounts leave.
func newControl(c casino, p *auth.Passwords, log *slog.Logger, server control.Server, backups control.Backups, imports room, origin func() string, actor string) *control.Control {
	var leader func(context.Context, control.Forwarded) (control.ForwardedAnswer, bool, error)
	if !c.alone {
		leader = c.askLeader
	}
	return control.New(control.Options{
		Casino: c, Passwords: p, Keys: c.keys, Log: log, Now: c.node.Now, Random: rand.Reader, Server: server, Backups: backups, Origin: origin,
		Admit: func(ctx context.Context) error {
			if err := imports.check(0); err != nil {
				return problem.New("low_disk_space", "No more accounts are imported for now: %s.", err)
			}
			return c.Calm(ctx)
		},
		Actor:  func(ctx context.Context) string { return cmp.Or(control.ForwardedFrom(ctx), control.Peer(ctx), actor) },
		Leader: leader,
	})
}

// importRoom is the room that an import into the running casino leaves on its disk.
func (a *App) importRoom() room { return room{a.space, uint64(a.config.Data.DiskReserve)} }

// importRoom is that of an import into a directory that no server runs on.
func importRoom(dir string, c *config.Config) room {
	return room{func() (free, total uint64, err error) { return ops.SpaceOf(dir) }, uint64(c.Data.DiskReserve)}
}

// house is the running server, as operators see it.
type house struct{ app *App }

// Checkpoint implements control.Server.
func (h house) Checkpoint(ctx context.Context) error {
	_, err := h.app.dir.store.Checkpoint(ctx)
	return err
}

// Status implements control.Server.
func (h house) Status() control.Status {
	store, node := h.app.dir.store, h.app.dir.node.Status()
	f := store.Figures()
	event, head := store.Head()
	var addresses []string
	for _, s := range h.app.servers {
		if on := s.on.Addr(); on.Network() == "tcp" {
			addresses = append(addresses, on.String())
		}
	}
	if h.app.dir.cluster != nil {
		addresses = append(addresses, h.app.dir.member.Listen)
	}
	program, _ := os.Executable() // "" if the system does not know
	return control.Status{
		Addresses: addresses,
		Version:   h.app.version, Program: program, Node: node.NodeID, StartedAt: h.app.started, Leader: h.app.dir.node.Leads(),
		AppliedIndex: node.AppliedIndex, DurableIndex: node.Durable.Index, Events: event, HistoryHead: fmt.Sprintf("%x", head),
		Accounts: f.Accounts, Sessions: f.Sessions, OpenRounds: f.OpenRounds, LedgerSum: f.LedgerSum,
	}
}

// Audit implements control.Server.
func (h house) Audit(ctx context.Context) (control.AuditReport, error) {
	snapshot, err := h.app.dir.store.Snapshot(ctx)
	if err != nil {
		return control.AuditReport{}, err
	}
	defer snapshot.Close()
	report, err := audit.Run(ctx, snapshot, audit.Options{Workers: 1}) // leave the other processors to the players
	var violation *audit.Violation
	if err != nil && !errors.As(err, &violation) {
		return control.AuditReport{}, fmt.Errorf("audit: %w", err)
	}
	out := tellAudit(&report)
	if violation != nil {
		out.Violation = violation.Error()
	}
	return out, nil
}

// OpenControl returns a client for operators' work on a data directory. It connects to the server that runs on the
// directory. Without one it opens the directory itself. sudoUser is SUDO_USER of the operator's environment, or "". Call close at the
// end.
func OpenControl(ctx context.Context, dir, sudoUser string, o Options) (client *control.Client, close func() error, err error) {
	client, err = control.Dial(ctx, filepath.Join(dir, SocketFile))
	if err == nil {
		return client.ForSudo(sudoUser), func() error { client.Close(); return nil }, nil
	}
	return openControl(ctx, dir, sudoUser, o, err, nil)
}

// openControl opens a directory that no server runs on, as dial says. backups makes the service of backups, which runs until
// close; nil: there is none, and the log keeps what it would ship.
func openControl(ctx context.Context, dir, sudoUser string, o Options, dial error, backups func(*dataDir) (*backup.Service, error)) (client *control.Client, close func() error, err error) {
	log := newLog(o.Config.Logs.Format, o.Config.Logs.Level, o.Logs)
	var service *backup.Service
	d, err := openDataDir(dataDirOptions{
		path: dir, version: o.Version, key: keyFrom(o.Config.Data), log: log, stallLimit: o.Config.Data.DiskStallLimit,
		hold: holdAll(&o.Config), holdBytes: int64(o.Config.Backups.LogLimit),
	})
	if err != nil {
		return nil, nil, noServerError(filepath.Join(dir, SocketFile), dial, err)
	}
	opened := cleanups{log: log}
	opened.add("data directory", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), closePatience)
		defer cancel()
		return d.close(ctx)
	})
	if err := d.node.Barrier(ctx); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("wait for the node to lead: %w", err), opened.run())
	}
	passwords, err := auth.NewPasswords(auth.PasswordOptions{Cost: o.Config.Accounts.BcryptCost, Seal: d.keys})
	if err != nil {
		return nil, nil, errors.Join(err, opened.run())
	}
	if backups != nil {
		if service, err = backups(d); err != nil {
			return nil, nil, errors.Join(err, opened.run())
		}
	}
	if service != nil {
		opened.add("backups", service.Close)
		running, stop := context.WithCancel(ctx)
		var owned group
		owned.run(func() { service.Run(running, backupSource{d.casino()}) })
		opened.add("work on backups", func() error { stop(); owned.wait(); return nil })
	}
	c := newControl(d.casino(), passwords, log, nil, backupsOf(service), importRoom(dir, &o.Config), func() string { return configuredURL(&o.Config) }, control.Self(sudoUser))
	return control.Local(c), opened.run, nil
}
