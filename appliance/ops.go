package appliance

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"time"

	"imperio/appliance/config"
	"imperio/appliance/edge"
	"imperio/appliance/ops"
	"imperio/games"
	"imperio/replication"
	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/ledger"
	"imperio/storage/machine"
	"imperio/tls/certs"
)

// openOps makes health, metrics and the gate for a full disk. It comes first, since all other parts report to these. They
// query the other parts only once the casino serves.
func (a *App) openOps(context.Context) error {
	dir := a.config.Data.Dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return dirError("make the data directory", err)
	}
	a.gate = ops.NewGate(ops.GateOptions{
		Space: a.space, Reserve: uint64(a.config.Data.DiskReserve), Log: a.log,
	})
	if err := a.openNotifier(); err != nil {
		return err
	}
	a.health = ops.NewHealth(ops.HealthOptions{
		Version: a.version, Log: a.log, Now: time.Now, Changed: a.alarms.HealthChanged,
		Progress: func() (uint64, string) {
			index, _ := a.dir.store.Applied()
			_, head := a.dir.store.Head()
			return index, fmt.Sprintf("%x", head)
		},
	})
	a.cleanups.add("health", a.health.Close)
	a.escrow = ops.NewEscrow(ops.EscrowOptions{Look: a.openStakes, Log: a.log, Changed: a.alarms.BooksChanged})
	var backups func() ops.Backups
	if len(a.config.Backups.To) > 0 {
		backups = a.backupFigures
	}
	var mirrored func() ops.Mirror
	if a.config.Mirror.To != "" {
		mirrored = a.mirrorFigures
	}
	a.metrics = ops.NewMetrics(ops.Sources{
		Version: a.version, Commit: a.commit, Gate: a.gate, Escrow: a.escrow, Health: a.health, Returns: a.prepared.returns(),
		Figures:              func() command.Figures { return a.dir.store.Figures() },
		Replication:          a.replicationFigures,
		Checkpoints:          a.checkpointFigures,
		Certificates:         a.certificates,
		Backups:              backups,
		Mirror:               mirrored,
		Buckets:              func(f func(zone, by string, clients int)) { a.edge.Buckets(f) },
		LiveConnections:      func() int { return a.api.LiveConnections() },
		PasswordsWaiting:     func() int { return a.passwords.Waiting() },
		NotificationsWaiting: a.notifier.Waiting,
		DroppedLogLines:      func() uint64 { return a.logs.Dropped() + a.accessLogs.Dropped() },
	})
	return nil
}

// observeLog counts the work of the log in the metrics.
func (a *App) observeLog() replication.Observer {
	return replication.Observer{Synced: a.metrics.LogSynced, Gathered: a.metrics.LogGathered, Applied: a.metrics.Applied}
}

// countRounds counts every settled round in the metrics, until ctx ends.
func (a *App) countRounds(ctx context.Context, f *storage.Follower) {
	for {
		events, missed, err := f.Next(ctx)
		if err != nil {
			return
		}
		if missed > 0 {
			a.log.Warn("events were missed: too many came at once, or another member's state took the place of this one; the metrics may lack rounds", "events", missed)
		}
		for _, e := range events {
			if r := e.Round; r != nil && r.Settled {
				a.metrics.RoundSettled(r.Rules, int64(r.Staked), int64(r.Payout))
			}
		}
	}
}

// theoreticalReturns are the exact returns, by rules.
func theoreticalReturns(c *games.Catalogue) map[string]float64 {
	returns := make(map[string]float64)
	for _, g := range c.Games() {
		for _, v := range g.Versions {
			returns[v.Rules()] = v.SheetFor(games.Words{}).Figures.ReturnDecimal
		}
	}
	return returns
}

func (a *App) replicationFigures() ops.Replication {
	s := a.dir.node.Status()
	var others []ops.Member
	for _, m := range a.dir.node.Members() {
		if !m.Self {
			behind := s.CommitIndex - min(m.Report.AppliedIndex, s.CommitIndex)
			others = append(others, ops.Member{ID: m.ID, Reached: m.Err == nil, Voter: m.Voter, Lag: behind, Skew: m.Skew, Fetched: m.Report.Fetched})
		}
	}
	return ops.Replication{
		Members: others,
		Leads:   a.dir.node.Leads(), Voters: s.Voters, Term: s.Term, LastIndex: s.LastIndex, CommitIndex: s.CommitIndex,
		AppliedIndex: s.AppliedIndex, SnapshotIndex: s.SnapshotIndex, InFlight: s.InFlight, Writing: s.Writing,
	}
}

// openStakes returns the open rounds and their stakes at the newest checkpoint: as the books have them, and as the rounds
// themselves add up.
func (a *App) openStakes(ctx context.Context) (books, rounds ops.OpenStakes, err error) {
	snapshot, err := a.dir.store.LastSnapshot()
	if err != nil {
		return books, rounds, err
	}
	defer func() { err = errors.Join(err, snapshot.Close()) }()
	head := snapshot.Machine()
	books = ops.OpenStakes{Rounds: head.OpenRounds, Stakes: head.Books.Of(ledger.Escrow)}
	err = snapshot.OpenRounds(func(_ command.RoundID, o *machine.OpenRoundRecord) error {
		rounds.Rounds++
		rounds.Stakes += o.Round.Staked
		return ctx.Err()
	})
	return books, rounds, err
}

func (a *App) checkpointFigures() ops.Checkpoints {
	f := a.dir.store.CheckpointFigures()
	return ops.Checkpoints{
		Count: f.Count, Records: f.Records, Last: f.Last, Longest: f.Longest, Lag: f.Lag, HeldBytes: f.HeldSize,
		Index: a.dir.store.Durable().Index,
	}
}

func (a *App) certificates() []ops.Certificate {
	if a.certs == nil {
		return nil
	}
	var list []ops.Certificate
	for _, v := range a.certs.Expiry() {
		list = append(list, ops.Certificate{
			Name: v.Name, NotBefore: v.NotBefore, NotAfter: v.NotAfter, Problem: v.Problem, Challenged: a.certs.Mode() == certs.ModeACME,
		})
	}
	return list
}

// addChecks adds the checks of /health, now that all parts are open.
func (a *App) addChecks(context.Context) error {
	store, node := a.dir.store, a.dir.node
	for _, c := range []ops.Check{
		ops.StoreCheck(store.Err),
		ops.CheckpointCheck(func() time.Duration { return store.CheckpointFigures().Writing }),
		ops.LogCheck(func() (writing, stall time.Duration, failed error) {
			s := node.Status()
			return s.Writing, s.StallLimit, s.Err
		}),
		a.leaderCheck(),
		ops.ApplyLagCheck(func() (uint64, uint64) {
			s := node.Status()
			return s.CommitIndex, s.AppliedIndex
		}),
		ops.DiskSpaceCheck(a.gate),
		ops.DiskLatencyCheck(func() (time.Duration, time.Duration) {
			s := node.Status()
			return s.LastSync, s.Writing
		}),
		ops.CertificateCheck(a.certificates, time.Now),
		ops.ProxyCheck(a.edge.Stranger),
		ops.ClockCheck(func() ops.Clock {
			c := node.Status().Clock
			return ops.Clock{Leap: c.Leap, Behind: c.Behind, Step: c.Step, Ago: c.Ago}
		}),
	} {
		a.health.Add(c)
	}
	for _, c := range a.backupChecks() {
		a.health.Add(c)
	}
	if a.mirror != nil {
		a.health.Add(ops.MirrorCheck(a.mirrorFigures))
	}
	if a.dir.cluster != nil {
		a.health.Add(a.membersCheck())
	}
	return nil
}

// leaderCheck checks that this node can take bets.
func (a *App) leaderCheck() ops.Check {
	return ops.LeaderCheck(func() (string, string, bool) {
		s := a.dir.node.Status()
		return s.State, s.Leader, s.Ready
	})
}

// listenOps opens the listener for metrics and health.
func (a *App) listenOps(ctx context.Context) error {
	at := a.opsAddress()
	if at.at == "" {
		return nil
	}
	l, err := a.listen(ctx, at)
	if err != nil {
		return err
	}
	s := a.opsServer(l, a.metrics, a.health)
	s.socket = socket{l, at.at}
	s.silent = silentConnections(s.http)
	a.addServer(s)
	return nil
}

func (a *App) opsAddress() address {
	return address{"the operator", "ops-addr", a.config.Listen.OpsAddr}
}

// opsServer serves the operator. Without metrics it serves health alone.
func (a *App) opsServer(l net.Listener, metrics *ops.Metrics, health *ops.Health) *server {
	guard := func() ops.Guard {
		g := a.guard()
		g.Allow, g.Address = slices.Concat(ops.Loopback(), g.Allow), nil
		return g
	}
	var hosts func(string) bool
	if config.IsLoopback(a.config.Listen.OpsAddr) {
		hosts = ops.OwnHosts(a.config.Listen.Domains)
	}
	return &server{name: "metrics and health", http: ops.NewServer(metrics, health, guard, hosts, edge.DataHeaders(), a.log), on: l, last: true}
}

// guard says who may read the metrics at the moment.
func (a *App) guard() ops.Guard {
	access := a.inForce.Load().Access
	return ops.Guard{
		Allow: access.MetricsAllow, Token: access.MetricsToken.Reveal(),
		Address: func(r *http.Request) netip.Addr { return edge.ClientAddress(r.Context()) },
	}
}
