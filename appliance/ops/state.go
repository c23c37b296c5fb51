package ops

import (
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"imperio/games"
	"imperio/storage/command"
)

// Sources are read at each scrape. A nil function leaves its metrics out. All are called from many goroutines.
type Sources struct {
	Version, Commit string
	// Figures returns the casino's totals.
	Figures func() command.Figures
	// Returns are the theoretical returns of all known rules (e.g. "slots/2": 0.96875).
	Returns map[string]float64
	// Replication returns the state of the log and raft.
	Replication func() Replication
	// Checkpoints returns the statistics of checkpoints.
	Checkpoints  func() Checkpoints
	Certificates func() []Certificate
	// Backups returns how backups stand; nil: none are configured.
	Backups func() Backups
	// Mirror returns how the mirror stands; nil: none is configured.
	Mirror func() Mirror
	// Buckets calls f for each table of the limiter.
	Buckets func(f func(zone, by string, clients int))
	// DroppedLogLines is how many lines of the logs were dropped since the start.
	DroppedLogLines func() uint64
	// LiveConnections is how many WebSockets of players are open.
	LiveConnections func() int
	// PasswordsWaiting is how many callers wait for a password to be checked or hashed.
	PasswordsWaiting func() int
	// NotificationsWaiting is how many messages for operators wait for their destinations.
	NotificationsWaiting func() int
	Gate                 *Gate
	Escrow               *Escrow
	Health               *Health
}

// Replication is the state of the log and raft. Indexes are of log entries.
type Replication struct {
	Leads                                bool
	Voters                               int
	Term                                 uint64
	LastIndex, CommitIndex, AppliedIndex uint64
	SnapshotIndex                        uint64
	InFlight                             int           // commands proposed and not yet answered
	Writing                              time.Duration // how long the log's running write has taken so far
	Members                              []Member      // the others, if there are any
}

// Member is another member of the cluster, as this node hears of it.
type Member struct {
	ID      string
	Reached bool
	Voter   bool
	Lag     uint64        // entries that it is behind
	Skew    time.Duration // how far its clock is ahead of this machine's
	Fetched float64       // the share of the state that it has received, while it needs that; 0: it doesn't
}

// Checkpoints are statistics of the state's checkpoints.
type Checkpoints struct {
	Count, Records uint64        // since the start
	Last, Longest  time.Duration // how long they took
	Lag            uint64        // entries applied since the last one
	HeldBytes      int           // changed state in memory
	Index          uint64        // up to which the state is in state.db
}

// state is the collector of everything that is read at a scrape.
type state struct {
	s     Sources
	descs map[string]*prometheus.Desc
}

// stateMetrics lists name, help and labels of what state collects.
var stateMetrics = []struct {
	name, help string
	labels     []string
}{
	{"imperio_build_info", "Always 1; the labels say what runs.", []string{"version", "commit", "go_version"}},

	{"imperio_bets_total", "Rounds settled since the casino began, by game. Open rounds are in imperio_open_rounds.", []string{"game"}},
	{"imperio_staked_coins_total", "Coins staked in settled rounds since the casino began, by game. Stakes of open rounds are in imperio_ledger_escrow_coins.", []string{"game"}},
	{"imperio_paid_coins_total", "Coins paid out in settled rounds since the casino began, by game.", []string{"game"}},
	{"imperio_house_balance_coins", "Balance of a game's house account.", []string{"game"}},
	{"imperio_return_theoretical_ratio", "Expected payout per coin staked, by game and rules, computed from the rules.", []string{"game", "rules"}},
	{"imperio_return_actual_ratio", "Coins paid out per coin staked in settled rounds since the casino began, by game.", []string{"game"}},

	{"imperio_ledger_sum_coins", "Sum of all balances. Always 0.", nil},
	{"imperio_ledger_players_coins", "Sum of all players' balances.", nil},
	{"imperio_ledger_escrow_coins", "Stakes of open rounds.", nil},
	{"imperio_ledger_issued_coins", "Coins ever granted, less those taken back.", nil},
	{"imperio_ledger_invariant_holds", "1 while an invariant of the books holds, else 0: all balances add up to 0; the escrow equals the stakes of open rounds (compared each minute).", []string{"invariant"}},
	{"imperio_accounts", "Accounts of players.", nil},
	{"imperio_sessions", "Sessions that are valid, as of the newest command.", nil},
	{"imperio_open_rounds", "Rounds that are open.", nil},
	{"imperio_history_events_total", "Events in the history.", nil},

	{"imperio_raft_leads", "1 while this node leads, else 0.", nil},
	{"imperio_raft_voters", "Members that vote.", nil},
	{"imperio_raft_term", "The current term.", nil},
	{"imperio_raft_last_index", "The last entry in the log.", nil},
	{"imperio_raft_commit_index", "The last entry that is committed.", nil},
	{"imperio_raft_applied_index", "The last entry that the machine applied.", nil},
	{"imperio_raft_snapshot_index", "The entry up to which the log may be cut.", nil},
	{"imperio_raft_apply_lag_entries", "Committed entries that are not applied yet.", nil},
	{"imperio_raft_in_flight_commands", "Commands proposed and not yet answered.", nil},
	{"imperio_raft_follower_lag_entries", "Entries that another member is behind, as this node hears.", []string{"member"}},
	{"imperio_cluster_member_up", "1 if another member answers this node.", []string{"member"}},
	{"imperio_cluster_member_votes", "1 if another member has a vote.", []string{"member"}},
	{"imperio_cluster_clock_skew_seconds", "How far another member's clock is ahead of this node's.", []string{"member"}},
	{"imperio_cluster_fetched_ratio", "The share of the casino's state that another member has received, while it needs that; 0 if it does not.", []string{"member"}},
	{"imperio_log_write_pending_seconds", "How long the log's running write has taken so far; 0 if none is running.", nil},

	{"imperio_checkpoints_total", "Checkpoints since the start.", nil},
	{"imperio_checkpoint_records_total", "Records that checkpoints have written since the start.", nil},
	{"imperio_checkpoint_last_duration_seconds", "How long the last checkpoint took.", nil},
	{"imperio_checkpoint_longest_duration_seconds", "How long the longest checkpoint since the start took.", nil},
	{"imperio_checkpoint_lag_entries", "Entries applied since the last checkpoint.", nil},
	{"imperio_checkpoint_held_bytes", "Changed state in memory that is not in a checkpoint yet.", nil},

	{"imperio_certificate_expiry_timestamp_seconds", "When a certificate expires; 0 while there is none.", []string{"domain"}},
	{"imperio_certificate_problem", "1 if the last attempt to renew a certificate failed, else 0.", []string{"domain"}},
	{"imperio_backup_last_timestamp_seconds", "When the latest backup was made, in the target where that is longest ago.", nil},
	{"imperio_backup_last_bytes", "Size of the latest backup, in the same target.", nil},
	{"imperio_backup_drill_timestamp_seconds", "When a backup was last restored for practice, and was right; 0: never.", nil},
	{"imperio_backup_lag_seconds", "What happened in so many last seconds may be missing in a target.", []string{"target"}},
	{"imperio_backup_gap", "1 while a target misses entries that the log no longer has, else 0. The next backup closes the gap.", []string{"target"}},
	{"imperio_backup_shipped_bytes_total", "Bytes of segments shipped to a target since the start.", []string{"target"}},
	{"imperio_backup_shipped_segments_total", "Segments shipped to a target since the start.", []string{"target"}},
	{"imperio_backup_errors_total", "Failed attempts to write to a target or to read it since the start.", []string{"target"}},
	{"imperio_backup_held_log_bytes", "Size of the log, which is kept for targets that don't have it yet.", nil},
	{"imperio_mirror_connected", "1 while the mirror in PostgreSQL is written, 0 while it fails or another node leads.", nil},
	{"imperio_mirror_event", "The newest event in the mirror.", nil},
	{"imperio_mirror_lag_events", "Events that the mirror lacks.", nil},
	{"imperio_mirror_lag_seconds", "How long ago the mirror had all that there was; 0 if it has all.", nil},
	{"imperio_mirror_events_total", "Events written to the mirror since the start.", nil},
	{"imperio_mirror_rows_total", "Rows written to the mirror since the start.", nil},
	{"imperio_mirror_batches_total", "Transactions that wrote to the mirror since the start.", nil},
	{"imperio_mirror_errors_total", "Failed attempts to write to the mirror since the start.", nil},

	{"imperio_limiter_clients", "Clients whose token buckets are in memory, by zone and by what is counted.", []string{"zone", "by"}},
	{"imperio_log_lines_dropped_total", "Log lines dropped because their writer was too slow or failed.", nil},
	{"imperio_live_connections", "Open WebSockets of players.", nil},
	{"imperio_password_checks_waiting", "Sign-ins, sign-ups and changes of passwords that wait for a core to check or hash a password on.", nil},
	{"imperio_notifications_waiting", "Notifications that wait for their destinations.", nil},
	{"imperio_disk_free_bytes", "Free space on the data directory's disk.", nil},
	{"imperio_disk_size_bytes", "Size of the data directory's disk.", nil},
	{"imperio_bets_accepted", "1 while new bets are taken, 0 while the disk is nearly full.", nil},
	{"imperio_health_status", "Health by check: 1 healthy, 0.5 degraded, 0 unhealthy.", []string{"check"}},
}

func newState(s Sources) *state {
	c := &state{s: s, descs: make(map[string]*prometheus.Desc, len(stateMetrics))}
	for _, m := range stateMetrics {
		c.descs[m.name] = prometheus.NewDesc(m.name, m.help, m.labels, nil)
	}
	return c
}

// Describe sends all metrics, including those that are left out for now.
func (c *state) Describe(to chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		to <- d
	}
}

// Collect reads the sources.
func (c *state) Collect(to chan<- prometheus.Metric) {
	put := func(name string, value float64, labels ...string) {
		kind := prometheus.GaugeValue
		if strings.HasSuffix(name, "_total") {
			kind = prometheus.CounterValue
		}
		to <- prometheus.MustNewConstMetric(c.descs[name], kind, value, labels...)
	}
	put("imperio_build_info", 1, c.s.Version, c.s.Commit, runtime.Version())
	for rules, value := range c.s.Returns {
		put("imperio_return_theoretical_ratio", value, games.NameOf(rules), rules)
	}
	if c.s.Figures != nil {
		putFigures(put, c.s.Figures())
	}
	if c.s.Replication != nil {
		putReplication(put, c.s.Replication())
	}
	if c.s.Checkpoints != nil {
		p := c.s.Checkpoints()
		put("imperio_checkpoints_total", float64(p.Count))
		put("imperio_checkpoint_records_total", float64(p.Records))
		put("imperio_checkpoint_last_duration_seconds", p.Last.Seconds())
		put("imperio_checkpoint_longest_duration_seconds", p.Longest.Seconds())
		put("imperio_checkpoint_lag_entries", float64(p.Lag))
		put("imperio_checkpoint_held_bytes", float64(p.HeldBytes))
	}
	if c.s.Certificates != nil {
		for _, certificate := range c.s.Certificates() {
			put("imperio_certificate_expiry_timestamp_seconds", timestamp(certificate.NotAfter), certificate.Name)
			put("imperio_certificate_problem", truth(certificate.Problem != nil), certificate.Name)
		}
	}
	if c.s.Backups != nil {
		putBackups(put, c.s.Backups())
	}
	if c.s.Mirror != nil {
		putMirror(put, c.s.Mirror())
	}
	if c.s.Buckets != nil {
		c.s.Buckets(func(zone, by string, clients int) { put("imperio_limiter_clients", float64(clients), zone, by) })
	}
	if c.s.DroppedLogLines != nil {
		put("imperio_log_lines_dropped_total", float64(c.s.DroppedLogLines()))
	}
	if c.s.LiveConnections != nil {
		put("imperio_live_connections", float64(c.s.LiveConnections()))
	}
	if c.s.PasswordsWaiting != nil {
		put("imperio_password_checks_waiting", float64(c.s.PasswordsWaiting()))
	}
	if c.s.NotificationsWaiting != nil {
		put("imperio_notifications_waiting", float64(c.s.NotificationsWaiting()))
	}
	if c.s.Gate != nil {
		put("imperio_bets_accepted", truth(c.s.Gate.Open()))
		if free, total, err := c.s.Gate.Space(); err == nil {
			put("imperio_disk_free_bytes", float64(free))
			put("imperio_disk_size_bytes", float64(total))
		}
	}
	if c.s.Escrow != nil {
		if holds, known := c.s.Escrow.Holds(); known {
			put("imperio_ledger_invariant_holds", truth(holds), "escrow_is_open_rounds")
		}
	}
	if c.s.Health != nil {
		for name, result := range c.s.Health.Report().Checks {
			put("imperio_health_status", 1-float64(result.Status.rank())/2, name)
		}
	}
}

func putFigures(put func(string, float64, ...string), f command.Figures) {
	for game, g := range f.Houses {
		put("imperio_bets_total", float64(g.Rounds), game)
		put("imperio_staked_coins_total", float64(g.Staked), game)
		put("imperio_paid_coins_total", float64(g.Paid), game)
		put("imperio_house_balance_coins", float64(g.Balance), game)
		if g.Staked > 0 {
			put("imperio_return_actual_ratio", float64(g.Paid)/float64(g.Staked), game)
		}
	}
	put("imperio_ledger_sum_coins", float64(f.LedgerSum))
	put("imperio_ledger_players_coins", float64(f.Players))
	put("imperio_ledger_escrow_coins", float64(f.Escrow))
	put("imperio_ledger_issued_coins", float64(-f.Issue))
	put("imperio_ledger_invariant_holds", truth(f.LedgerSum == 0), "sum_is_zero")
	put("imperio_accounts", float64(f.Accounts))
	put("imperio_sessions", float64(f.Sessions))
	put("imperio_open_rounds", float64(f.OpenRounds))
	put("imperio_history_events_total", float64(f.Events))
}

func putBackups(put func(string, float64, ...string), b Backups) {
	if at, bytes, ok := b.made(); ok {
		put("imperio_backup_last_timestamp_seconds", timestamp(at))
		put("imperio_backup_last_bytes", float64(bytes))
	}
	put("imperio_backup_drill_timestamp_seconds", timestamp(b.Drilled))
	put("imperio_backup_held_log_bytes", float64(b.Held))
	for _, t := range b.Targets {
		put("imperio_backup_lag_seconds", t.Lag.Seconds(), t.Name)
		put("imperio_backup_gap", truth(t.Gap), t.Name)
		put("imperio_backup_shipped_bytes_total", float64(t.ShippedBytes), t.Name)
		put("imperio_backup_shipped_segments_total", float64(t.ShippedSegments), t.Name)
		put("imperio_backup_errors_total", float64(t.Errors), t.Name)
	}
}

func putReplication(put func(string, float64, ...string), r Replication) {
	put("imperio_raft_leads", truth(r.Leads))
	put("imperio_raft_voters", float64(r.Voters))
	put("imperio_raft_term", float64(r.Term))
	put("imperio_raft_last_index", float64(r.LastIndex))
	put("imperio_raft_commit_index", float64(r.CommitIndex))
	put("imperio_raft_applied_index", float64(r.AppliedIndex))
	put("imperio_raft_snapshot_index", float64(r.SnapshotIndex))
	put("imperio_raft_apply_lag_entries", max(0, float64(r.CommitIndex)-float64(r.AppliedIndex)))
	put("imperio_raft_in_flight_commands", float64(r.InFlight))
	put("imperio_log_write_pending_seconds", r.Writing.Seconds())
	for _, m := range r.Members {
		put("imperio_cluster_member_up", truth(m.Reached), m.ID)
		put("imperio_cluster_member_votes", truth(m.Voter), m.ID)
		put("imperio_raft_follower_lag_entries", float64(m.Lag), m.ID)
		put("imperio_cluster_clock_skew_seconds", m.Skew.Seconds(), m.ID)
		put("imperio_cluster_fetched_ratio", m.Fetched, m.ID)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func timestamp(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
