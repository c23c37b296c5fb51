// Package appliance is the composition root: the only place where the parts of the casino meet. New acquires everything in
// order. Run serves until it is told to stop or the node fails. Everything is released in reverse order.
package appliance

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/idna"

	"imperio/appliance/api"
	"imperio/appliance/auth"
	"imperio/appliance/config"
	"imperio/appliance/control"
	"imperio/appliance/edge"
	"imperio/appliance/legacy"
	"imperio/appliance/ops"
	"imperio/appliance/service"
	"imperio/appliance/upgrade"
	"imperio/games"
	"imperio/games/catalogue"
	"imperio/replication"
	"imperio/storage"
	"imperio/storage/backup"
	"imperio/storage/command"
	"imperio/storage/machine"
	"imperio/storage/mirror"
	"imperio/tls/certs"
)

// Options configure a casino.
type Options struct {
	Config          config.Config // validated
	Version, Commit string        // shown in /health and /metrics
	Logs            io.Writer
	LimitHeap       func(bytes int64) // limits the process's heap, such as debug.SetMemoryLimit; nil: it has its limit already
	Games           *games.Catalogue  // nil: all released games
	Tables          []config.Table    // how the games are offered; nil: as the configuration says
	// Reload reads all sources of the configuration again, and validates it; nil: a reload is refused.
	Reload func() (*config.Loaded, error)
	Clock  replication.Clock // the source of the casino's time; nil: the system's clock
	// Space returns the free bytes and the size of the data directory's disk; nil: the system says.
	Space func() (free, total uint64, err error)
	// Hold is how long a change of health must hold before operators get a message; 0: 30 seconds.
	Hold time.Duration
	// Sockets are listening sockets that the process was started with. New takes those that its listeners want, and closes the rest.
	Sockets *service.Sockets // nil: none
	// Supervisor is told when the casino is ready, stops, and lives.
	Supervisor *service.Supervisor // nil: nobody
	// Program is the path of this program's file, for a restart, and beside which the journal of an upgrade may be; "": it can't
	// restart itself, and no upgrade is looked for.
	Program string
}

// App is a casino that is ready to serve.
type App struct {
	config  config.Config // at the start
	reload  func() (*config.Loaded, error)
	games   *games.Catalogue
	tables  []config.Table // nil: as the configuration says
	version string
	commit  string
	clock   replication.Clock
	space   func() (free, total uint64, err error)
	hold    time.Duration
	// sockets are those that the process was started with; preflight takes what the listeners want into taken, by address.
	sockets    *service.Sockets
	taken      map[string]net.Listener
	supervisor *service.Supervisor
	program    string
	output     io.Writer      // where the logs go
	successors chan successor // gets the program that is to replace this one
	stopping   atomic.Bool    // listeners close
	started    time.Time
	memory     Memory
	logs       *edge.LogBuffer
	// accessLogs have their own buffer, so that a flood of requests can't displace errors.
	accessLogs *edge.LogBuffer
	log        *slog.Logger
	level      slog.LevelVar
	// inForce is config with what reloads have changed. Its values are never changed, only replaced; reloading is held meanwhile.
	inForce   atomic.Pointer[config.Config]
	reloading sync.Mutex
	cleanups  cleanups

	gate    *ops.Gate
	escrow  *ops.Escrow
	health  *ops.Health
	metrics *ops.Metrics

	notifier *ops.Notifier
	alarms   *ops.Alarms

	dir       *dataDir
	copies    stateCopies
	trial     *trial                           // this program is on trial; nil: it is not
	cameBack  *upgrade.Journal                 // an upgrade has failed, and this is the program before; nil: none has
	backups   atomic.Pointer[backup.Service]   // nil: none are configured, or the data directory is not open yet
	mirror    *mirror.Mirror                   // nil: none is configured
	onTrial   atomic.Bool                      // trial is not nil and has not ended; the mirror and the feature level wait for that
	inCluster atomic.Pointer[replication.Node] // the node, if it has a port for other members; nil before it is open
	problems  atomic.Pointer[[]string]         // the checks that fail, for other members; nil: not known yet
	events    *storage.Follower                // follows from the start, for countRounds
	casino    casino
	certs     *certs.Source
	control   atomic.Pointer[control.Control] // what other members ask too; nil until it is open
	edge      *edge.Edge
	passwords *auth.Passwords
	api       *api.API
	legacy    *legacy.Legacy
	pages     *edge.Static
	prepared  prepared
	servers   []*server
}

// server is an HTTP server with the listener it serves.
type server struct {
	name    string
	socket  socket // what it listens on, for the next program; without an address it is not handed on
	http    *http.Server
	on      net.Listener
	tls     bool
	last    bool          // stops last, since it serves health while the others finish
	silent  *silent       // nil: the edge knows its connections
	accepts chan struct{} // closed when it accepts no more
}

// socket is a listening socket and the configured address that it has.
type socket struct {
	net.Listener
	address string
}

// New first checks all that the configuration names. Then it waits until the disk has room, opens the data directory, waits until the node leads, and listens. If it fails,
// nothing is left open. If ctx ends meanwhile, its error is in the chain.
func New(ctx context.Context, o Options) (_ *App, err error) {
	a := &App{config: o.Config, reload: o.Reload, games: o.Games, tables: o.Tables, version: o.Version, commit: o.Commit, clock: o.Clock, space: o.Space, hold: o.Hold, started: time.Now(),
		sockets: o.Sockets, taken: make(map[string]net.Listener), supervisor: o.Supervisor,
		program: o.Program, output: o.Logs, successors: make(chan successor, 1)}
	if a.games == nil {
		a.games = catalogue.Released()
	}
	if a.space == nil {
		a.space = func() (free, total uint64, err error) { return ops.SpaceOf(a.config.Data.Dir) }
	}
	a.logs = edge.NewLogBuffer(o.Logs, logBufferBytes)
	a.inForce.Store(&a.config)
	a.level.Set(o.Config.Logs.Level)
	a.log = newLog(o.Config.Logs.Format, &a.level, a.logs)
	a.accessLogs = edge.NewLogBuffer(o.Logs, logBufferBytes)
	a.cleanups.log = a.log
	a.cleanups.add("logs", a.logs.Close)
	a.cleanups.add("access log", a.accessLogs.Close)
	a.cleanups.add("log of the end", func() error { a.log.Info("stopped"); return nil })
	defer func() {
		if err != nil {
			err = errors.Join(err, a.cleanups.run())
		}
	}()
	for _, warning := range o.Config.Warnings() {
		a.log.Warn("the configuration is risky", "warning", warning)
	}
	for _, domain := range o.Config.Listen.Domains {
		if unicode, err := idna.Display.ToUnicode(domain); err == nil && unicode != domain {
			a.log.Info("certificates, cookies and redirects use the ASCII form of the domain", "domain", unicode, "ascii", domain)
		}
	}
	a.memory = PlanMemory(int64(a.config.Data.Memory))
	a.memory.log(a.log, int64(a.config.Data.Memory))
	if err := a.findTrial(o.Program); err != nil {
		return nil, err
	}
	if o.LimitHeap != nil {
		o.LimitHeap(a.memory.Heap)
	}
	a.prepare()
	for _, step := range []func(context.Context) error{
		a.takeSockets, a.preflight, a.openOps, a.awaitRoom, a.openState, a.openBackups, a.openMirror, a.openEdge, a.openAPI, a.openListeners, a.openCertificates, a.addChecks,
	} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// logBufferBytes bounds the lines of each log that wait to be written. Further lines are dropped and counted.
const logBufferBytes = 1 << 20

func newLog(format config.LogFormat, level slog.Leveler, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == config.LogJSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

func (a *App) openState(ctx context.Context) (err error) {
	began := time.Now()
	if a.config.Cluster.Join != "" {
		joined, err := JoinCluster(ctx, &a.config, a.version, a.log)
		if err != nil {
			return err
		}
		if !joined {
			a.log.Info("this directory belongs to a member already, so --join is ignored", "directory", a.config.Data.Dir)
		}
	}
	opened := a.progress(openPatience, opening)
	a.dir, err = openDataDir(dataDirOptions{
		path: a.config.Data.Dir, create: true, key: keyFrom(a.config.Data), games: a.games, log: a.log, observer: a.observeLog(), stallLimit: a.config.Data.DiskStallLimit, clock: a.clock,
		trial: a.trial != nil, version: a.version, member: a.membership(), caches: a.memory.Caches, hold: a.heldUpTo, holdBytes: int64(a.config.Backups.LogLimit),
		store: storage.Options{
			CheckpointInterval: a.config.Data.CheckpointInterval, CheckpointBytes: a.memory.Checkpoint, MappedBytes: a.memory.Mapped,
			StallLimit: max(time.Minute, a.config.Data.DiskStallLimit), Logger: a.log,
		},
	})
	opened()
	if err != nil {
		return err
	}
	a.cleanups.add("data directory", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), closePatience)
		defer cancel()
		return a.dir.close(ctx)
	})
	for _, copies := range []string{tryDir, exportDir} {
		if err := os.RemoveAll(filepath.Join(a.config.Data.Dir, copies)); err != nil {
			return fmt.Errorf("remove what an earlier upgrade or export has left: %w", err)
		}
	}
	a.cleanups.add("copies of the state", a.copies.close)
	a.casino = a.dir.casino()
	if err := a.awaitCurrent(ctx); err != nil {
		return err
	}
	if a.trial == nil && a.dir.node.Alone() {
		if err := a.raiseLevel(ctx); err != nil {
			return err
		}
	}
	if err := a.recordRecovery(ctx); err != nil {
		return err
	}
	a.events = a.dir.store.Follow() // replayed events are not news
	index, _ := a.dir.store.Applied()
	event, head := a.dir.store.Head()
	a.log.Info("the state is open", "directory", a.config.Data.Dir, "made", a.dir.made, "applied_index", index,
		"events", event, "history_head", fmt.Sprintf("%x", head), "took", time.Since(began).Round(time.Millisecond))
	return nil
}

// raiseLevel raises the casino's feature level to what this program knows. It is for a lone node, which need not ask other
// members.
func (a *App) raiseLevel(ctx context.Context) error {
	if a.dir.store.Level() >= machine.NewestLevel {
		return nil
	}
	_, err := a.casino.propose(ctx, command.RaiseLevel{Level: machine.NewestLevel, Program: a.version})
	if err != nil {
		return fmt.Errorf("raise the casino's feature level: %w", err)
	}
	return nil
}

// closePatience bounds how long a part may take to close.
const closePatience = 10 * time.Second

func (a *App) openAPI(context.Context) error {
	var err error
	if a.passwords, err = auth.NewPasswords(auth.PasswordOptions{Cost: a.config.Accounts.BcryptCost, Seal: a.dir.keys, Patience: a.config.Accounts.PasswordWait}); err != nil {
		return err
	}
	a.api, err = api.New(api.Options{
		Casino: a.casino, Events: a.dir.store.Follow(), Passwords: a.passwords, Subjects: a.dir.keys, Log: a.log, Now: a.dir.node.Now, Random: rand.Reader,
		Games: a.games, Offer: a.offer(a.inForce.Load()),
		AnswerWithin: a.config.Listen.WriteTimeout * 2 / 3,
		Client:       func(r *http.Request) netip.Addr { return edge.ClientAddress(r.Context()) },
		Secure:       func(r *http.Request) bool { return edge.Secure(r.Context()) },
		Admit:        a.admit,
		Observe:      a.observe,
		NewBets:      a.gate.NewBets, Writes: a.gate.Writes, Spare: a.gate.Spare,
	})
	if err != nil {
		return err
	}
	a.cleanups.add("API", func() error { a.api.Close(); return nil })
	return a.openLegacy()
}

// offer is what a reload can change in the API.
func (a *App) offer(c *config.Config) api.Offer {
	failed := c.Limits.FailedSignIns
	if !c.Limits.On {
		failed.Events = 0
	}
	return api.Offer{
		Tables:       apiTables(a.offered(c)),
		WelcomeCoins: c.Accounts.WelcomeCoins, DailyCoins: c.Accounts.DailyCoins,
		SessionLifetime: c.Accounts.SessionLifetime, SignUp: api.SignUp(c.Accounts.SignUp), Seasons: c.Accounts.Season == config.SeasonMonth,
		SignInTries: int64(failed.Events), SignInRefill: failed.Per / time.Duration(max(failed.Events, 1)),
		Origins: c.Access.CORSOrigins,
	}
}

// offered says how the games are offered by a configuration.
func (a *App) offered(c *config.Config) []config.Table {
	if a.tables != nil {
		return a.tables
	}
	return c.Games.Tables()
}

func apiTables(tables []config.Table) []api.Table {
	list := make([]api.Table, len(tables))
	for i, t := range tables {
		list[i] = api.Table{
			Game: t.Game, Rules: t.Rules, Enabled: t.Enabled, MinStake: t.MinStake, MaxStake: t.MaxTotal, MaxBet: t.MaxStake, AbandonAfter: t.AbandonAfter,
		}
	}
	return list
}

// observe passes a request's account and route to the edge, and counts sign-ins and panics.
func (a *App) observe(r *http.Request, o api.Observation) {
	if o.Panicked {
		a.metrics.Panicked()
	}
	if o.Account != 0 {
		edge.NoteAccount(r.Context(), strconv.FormatUint(uint64(o.Account), 10))
	}
	route := o.Route
	if route == "" {
		route = "none"
	}
	edge.NoteRoute(r.Context(), route)
	switch o.Code {
	case "busy", "rate_limited", "sign_in_throttled":
		edge.NoteRefusal(r.Context()) // a flood of these must not fill the disk with lines
	}
	if route == signInRoute && r.Method == http.MethodPost {
		a.metrics.SignIn(o.Code)
	}
}

const signInRoute = "/api/v1/sessions"

// Run serves until ctx ends or something fails; it returns nil if ctx ended. It stops accepting, finishes requests in flight
// within the configured time, writes a checkpoint and closes everything. If an operator asks for a restart, it ends in the same
// way, and then replaces the process.
func (a *App) Run(ctx context.Context) error {
	background, stop := context.WithCancel(context.Background())
	var owned group
	life, end := context.WithCancel(context.Background())
	defer end()
	owned.run(func() { a.proveLife(life) })
	owned.run(func() { a.settleAbandoned(background) })
	owned.run(func() { a.turnSeasons(background) })
	owned.run(func() { a.gate.Run(background) })
	if s := a.backups.Load(); s != nil {
		owned.run(func() { s.Run(background, backupSource{a.casino}) })
	}
	if a.mirror != nil {
		owned.run(func() { a.mirror.Run(background, a.mirrorSource()) })
	}
	owned.run(func() { a.escrow.Run(background) })
	owned.run(func() { a.health.Run(background) })
	owned.run(func() { a.countRounds(background, a.events) })
	owned.run(func() { a.watchLeader(background) })
	owned.run(func() { a.watchTrial(background); a.onTrial.Store(false) })
	if a.dir.cluster != nil {
		owned.run(func() { a.watchProblems(background) })
	}
	failed := make(chan error, len(a.servers)+1)
	owned.run(func() {
		if err := a.dir.watch(background); err != nil {
			failed <- err
		}
	})
	for _, s := range a.servers {
		s.accepts = make(chan struct{})
		owned.run(func() {
			defer close(s.accepts)
			if err := s.serve(); !errors.Is(err, http.ErrServerClosed) && !a.stopping.Load() {
				failed <- fmt.Errorf("serve %s on %s: %w", s.name, s.on.Addr(), err)
			}
		})
		a.log.Info("serving", "what", s.name, "address", s.on.Addr().String())
	}

	a.tellReady()
	if err := a.supervisor.Err(); err != nil {
		a.log.Warn("the service manager can't be told that the casino serves. It may end it. Check that the unit lets it use AF_UNIX sockets", "error", err)
	}

	var err error
	var next *successor
	select {
	case <-ctx.Done():
		a.log.Info("stopping")
	case s := <-a.successors:
		next = &s
		a.log.Info("restarting", "program", s.program)
	case err = <-failed:
		a.log.Error("stopping because a part failed", "error", err)
	case err = <-a.dir.node.Failed():
		a.log.Error("stopping because the node failed", "error", err)
	case err = <-a.dir.gone:
		a.log.Error("stopping because this node is no member any more", "error", err)
	case <-a.dir.store.Failed():
		err = a.dir.store.Err()
		a.log.Error("stopping because the state failed", "error", err)
	}
	if err != nil {
		a.alarms.Stopped()
	}
	a.health.Stop() // before anything else, so that load balancers notice
	a.stopping.Store(true)
	if next != nil {
		a.supervisor.Reloading("restarting")
	} else {
		a.supervisor.Stopping("closing")
	}
	a.supervisor.ExtendTime(a.config.Listen.ShutdownTimeout + finishPatience + 2*closePatience)
	stop()
	a.handOver()
	a.stopServing()
	end()
	owned.wait()
	if err == nil && next == nil {
		a.finishBackups()
	}
	err = errors.Join(err, a.close())
	if next == nil {
		return err
	}
	if ctx.Err() != nil { // told to stop meanwhile
		next.sockets.Close()
		return err
	}
	if err != nil {
		newLog(a.config.Logs.Format, &a.level, a.output).Error("the casino did not close well before its restart", "error", err)
	}
	return a.succeed(*next)
}

// close releases everything, but does not wait for ever: a hung disk must not keep the process alive.
func (a *App) close() error {
	closed := make(chan error, 1)
	go func() { closed <- a.cleanups.run() }()
	select {
	case err := <-closed:
		return err
	case <-time.After(2 * closePatience):
		return fmt.Errorf("the data directory could not be closed within %s: the disk does not respond. Everything that was answered is in the log, and the next start reads it", 2*closePatience)
	}
}

func (s *server) serve() error {
	if s.tls {
		return s.http.ServeTLS(s.on, "", "")
	}
	return s.http.Serve(s.on)
}
