package appliance

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"imperio/appliance/control"
	"imperio/appliance/ops"
	"imperio/storage/machine"
)

// membership says how this node takes part in a cluster.
func (a *App) membership() *membership {
	return &membership{
		config: a.config.Cluster,
		level: func() uint32 {
			if a.onTrial.Load() { // the program before may come back
				return min(a.dir.store.Level(), machine.NewestLevel)
			}
			return machine.NewestLevel
		},
		problems: func() []string {
			if p := a.problems.Load(); p != nil {
				return *p
			}
			return nil
		},
		answer: a.answerMember,
	}
}

// awaitCurrent waits until the node leads, or follows a leader and has caught up. Meanwhile a member of a cluster answers
// operators: health says what it waits for, and so does 'imperio cluster status'.
func (a *App) awaitCurrent(ctx context.Context) error {
	patience := stillPatience
	if a.dir.cluster != nil {
		a.inCluster.Store(a.dir.node)
		a.tendCluster()
		patience = 0 // it waits for other machines
		stop, err := a.serveWaiting(ctx)
		if err != nil {
			return err
		}
		defer stop()
	}
	defer a.progress(patience, a.replaying)()
	current := make(chan error, 1)
	waiting, cancel := context.WithCancel(ctx)
	var owned group
	owned.run(func() { current <- a.dir.node.Barrier(waiting) })
	defer owned.wait()
	defer cancel()
	select {
	case err := <-current:
		if err != nil {
			return fmt.Errorf("wait for a leader: %w", err)
		}
		return nil
	case err := <-a.dir.node.Failed():
		return err
	case err := <-a.dir.gone:
		return err
	}
}

// tendCluster looks after the cluster until the data directory closes.
func (a *App) tendCluster() {
	ctx, stop := context.WithCancel(context.Background())
	var owned group
	owned.run(func() { a.dir.cluster.Run(ctx) })
	a.cleanups.add("care of the cluster", func() error { stop(); owned.wait(); return nil })
}

// serveWaiting answers operators while the node waits for its cluster, until stop is called.
func (a *App) serveWaiting(ctx context.Context) (stop func(), err error) {
	health := ops.NewHealth(ops.HealthOptions{Version: a.version})
	health.Add(a.leaderCheck())
	socket, err := a.openSocket()
	if err != nil {
		return nil, err
	}
	waiting := control.NewWaiting(control.Options{Log: a.log, Now: a.dir.node.Now, Server: house{a}, Actor: func(context.Context) string { return "operator" }})
	servers := []*server{{on: socket, http: &http.Server{
		Handler: withHealth(health, waiting), ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: time.Minute, WriteTimeout: time.Minute,
	}}}
	l, err := a.listenForOps(ctx)
	if err != nil {
		socket.Close()
		return nil, err
	}
	if l != nil {
		servers = append(servers, a.opsServer(l, nil, health))
	}
	var owned group
	for _, s := range servers {
		owned.run(func() { s.serve() }) // ends with ErrServerClosed
	}
	return func() {
		for _, s := range servers {
			s.http.Close()
		}
		owned.wait()
		health.Close()
	}, nil
}

// openSocket opens the control socket.
func (a *App) openSocket() (net.Listener, error) {
	path := filepath.Join(a.config.Data.Dir, SocketFile)
	// The directory is locked, so an existing socket is left over from a killed process.
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return nil, socketError(err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, socketError(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("protect the control socket: %w", err)
	}
	return l, nil
}

// handOverPatience bounds how long a stopping leader tries to hand leadership over.
const handOverPatience = 5 * time.Second

// handOver hands leadership to another member before this node stops. Without that, the others notice its end only after a
// moment without a leader.
func (a *App) handOver() {
	if a.dir.cluster == nil || !a.dir.node.Leads() || a.dir.node.Status().Voters < 2 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), handOverPatience)
	defer cancel()
	if err := a.dir.node.Transfer(ctx, ""); err != nil {
		a.log.Warn("leadership could not be handed over; the other members elect a leader once this node is gone", "error", err)
	}
}

// problemsLook is how often other members' view of this node's checks is renewed.
const problemsLook = 2 * time.Second

// watchProblems notes which checks fail, for the reports to other members, until ctx ends.
func (a *App) watchProblems(ctx context.Context) {
	tick := time.NewTicker(problemsLook)
	defer tick.Stop()
	for {
		var failing []string
		for name, r := range a.health.Report().Checks {
			if r.Status != ops.Healthy && name != ops.MembersCheckName {
				failing = append(failing, name+": "+r.Detail)
			}
		}
		slices.Sort(failing)
		a.problems.Store(&failing)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
