package ops

import (
	"context"
	"math"
	"strings"
	"time"
)

// StoreCheck checks that the state can be read and written. failed returns the error that ended the state, or nil.
func StoreCheck(failed func() error) Check {
	return Check{"store", func(context.Context) (Result, bool) {
		if err := failed(); err != nil {
			return unhealthy("the state failed: the log says why"), true
		}
		return Result{Status: Healthy}, true
	}}
}

// How long one checkpoint may take. Until it is durable, the log and the memory grow.
const (
	checkpointDegraded  = 10 * time.Second
	checkpointUnhealthy = 30 * time.Second
)

// CheckpointCheck checks that checkpoints finish. writing returns how long the current one has taken so far, 0 if
// none is being written.
func CheckpointCheck(writing func() time.Duration) Check {
	return Check{"checkpoint", func(context.Context) (Result, bool) {
		switch took := writing(); {
		case took >= checkpointUnhealthy:
			return unhealthy("a checkpoint has taken %s so far", took), true
		case took >= checkpointDegraded:
			return degraded("a checkpoint has taken %s so far", took), true
		}
		return Result{Status: Healthy}, true
	}}
}

// LogCheck checks that the log takes entries. writing is how long the running write has taken so far; from stall on, the
// disk counts as hung. failed is the error that ended the node, or nil.
func LogCheck(f func() (writing, stall time.Duration, failed error)) Check {
	return Check{"log", func(context.Context) (Result, bool) {
		writing, stall, failed := f()
		switch {
		case failed != nil:
			return unhealthy("the log failed: the node's own log says why"), true
		case stall > 0 && writing >= stall:
			return unhealthy("a write has been hanging for %s", writing.Round(time.Millisecond)), true
		}
		return Result{Status: Healthy}, true
	}}
}

// LeaderCheck checks that bets can be taken. ready means that this node leads, or has caught up with the node that does.
// leader is the node that leads; "" if none does.
func LeaderCheck(f func() (state, leader string, ready bool)) Check {
	return Check{"leader", func(context.Context) (Result, bool) {
		state, leader, ready := f()
		switch {
		case leader == "":
			return unhealthy("no node leads (this one is %s)", state), true
		case state == "leader" && !ready:
			return degraded("this node leads, but is not ready yet"), true
		case !ready:
			return unhealthy("this node follows %s, and has not caught up with it", leader), true
		}
		return healthy("%s", state), true
	}}
}

// MembersCheckName is the name of the check of other members.
const MembersCheckName = "members"

// Members is what the leader knows of the members of its cluster.
type Members struct {
	Voters   int
	Silent   []string // members that don't answer
	Silenced int      // how many of them vote
	Problems []string // of members that answer, as "node: check: detail"
}

// MembersCheck checks the other members of the cluster, on the leader alone. look returns false elsewhere. One member that is
// gone or has a problem never makes the leader unhealthy.
func MembersCheck(look func() (Members, bool)) Check {
	return Check{MembersCheckName, func(context.Context) (Result, bool) {
		m, leads := look()
		if !leads {
			return Result{}, false
		}
		spare := (m.Voters-1)/2 - m.Silenced // voters that may still be lost
		switch {
		case len(m.Silent) > 0 && spare <= 0 && m.Silenced > 0:
			return degraded("%s: no answer. If one more voter is lost, the casino stops", strings.Join(m.Silent, ", ")), true
		case len(m.Silent) > 0:
			return degraded("%s: no answer", strings.Join(m.Silent, ", ")), true
		case len(m.Problems) > 0:
			return degraded("%s", strings.Join(m.Problems, "; ")), true
		}
		return healthy("%d voters", m.Voters), true
	}}
}

// The limits on committed entries that wait to be applied.
const (
	applyLagDegraded  = 10_000
	applyLagUnhealthy = 1_000_000
)

// ApplyLagCheck checks how far the machine is behind the committed log.
func ApplyLagCheck(f func() (committed, applied uint64)) Check {
	return Check{"apply_lag", func(context.Context) (Result, bool) {
		committed, applied := f()
		lag := uint64(0)
		if committed > applied {
			lag = committed - applied
		}
		switch {
		case lag >= applyLagUnhealthy:
			return unhealthy("%d entries behind", lag), true
		case lag >= applyLagDegraded:
			return degraded("%d entries behind", lag), true
		}
		return healthy("%d entries behind", lag), true
	}}
}

// DiskSpaceCheck reports what the gate sees. A nearly full disk is degraded, not unhealthy: open rounds must still reach
// this node to be settled. A full disk is unhealthy.
func DiskSpaceCheck(g *Gate) Check {
	return Check{"disk_space", func(context.Context) (Result, bool) {
		free, _, err := g.Space()
		switch {
		case err != nil:
			return degraded("free disk space is not known"), true
		case free == 0:
			return unhealthy("the disk is full"), true
		case !g.Open():
			return degraded("%s free: new bets are refused, open rounds can still settle", megabytes(free)), true
		}
		return healthy("%s free", megabytes(free)), true
	}}
}

// StartRoomCheck says that a start waits for room on the disk. It has the name of the check that it stands in for.
func StartRoomCheck(space func() (free, total uint64, err error), needed uint64) Check {
	return Check{"disk_space", func(context.Context) (Result, bool) {
		free, _, err := space()
		if err != nil {
			return unhealthy("the disk is full: the casino starts once %s are free", megabytes(needed)), true
		}
		return unhealthy("the disk is full: the casino starts once %s are free, and %s are", megabytes(needed), megabytes(free)), true
	}}
}

// The limits on the duration of a synced write.
const (
	diskLatencyDegraded  = 250 * time.Millisecond
	diskLatencyUnhealthy = 5 * time.Second
)

// DiskLatencyCheck checks how long durable writes take: the last one, and the running one (0: none).
func DiskLatencyCheck(f func() (last, writing time.Duration)) Check {
	return Check{"disk_latency", func(context.Context) (Result, bool) {
		last, writing := f()
		worst := max(last, writing)
		switch {
		case worst >= diskLatencyUnhealthy:
			return unhealthy("a durable write takes %s", worst.Round(time.Millisecond)), true
		case worst >= diskLatencyDegraded:
			return degraded("a durable write takes %s", worst.Round(time.Millisecond)), true
		}
		return healthy("a durable write takes %s", worst.Round(time.Microsecond)), true
	}}
}

// Certificate is the state of one certificate.
type Certificate struct {
	Name      string    // its domain
	NotBefore time.Time // from when it is valid; zero: from ever
	NotAfter  time.Time // zero: there is none yet
	Problem   error     // of the last attempt to renew it
	// Challenged means that it comes from an issuer who connects to this node before, perhaps through a load balancer. Without
	// one, the node must stay ready, or none would ever come.
	Challenged bool
}

// certificateSoon is how long before its expiry a certificate is degraded; it should have been renewed long before.
const certificateSoon = 7 * 24 * time.Hour

// CertificateCheck checks whether each domain has a valid certificate, and for how long. It is unhealthy only if no valid one is
// served at all, and none can come that needs this node to be ready. Without certificates (plain HTTP) it doesn't apply.
func CertificateCheck(certificates func() []Certificate, now func() time.Time) Check {
	return Check{"certificate_expiry", func(context.Context) (Result, bool) {
		all := certificates()
		if len(all) == 0 {
			return Result{}, false
		}
		at, worst, first := now(), Result{Status: Healthy}, time.Duration(math.MaxInt64)
		worstIsValid := true
		served := false // some valid certificate, or one that must be waited for
		for _, c := range all {
			r, valid := c.result(at)
			served = served || valid || c.Challenged
			if r.Status.rank() > worst.Status.rank() || !valid && worstIsValid {
				worst, worstIsValid = r, valid
			}
			first = min(first, c.NotAfter.Sub(at))
		}
		switch {
		case worst.Status == Healthy:
			worst = healthy("the next one expires in %d days", int(first.Hours()/24))
		case !served:
			worst.Status = Unhealthy
		}
		return worst, true
	}}
}

// result is the state of one certificate; valid says whether clients accept it.
func (c Certificate) result(now time.Time) (r Result, valid bool) {
	left := c.NotAfter.Sub(now)
	switch {
	case c.NotAfter.IsZero():
		return degraded("there is no certificate for %s yet", c.Name), false
	case left <= 0:
		return degraded("the certificate for %s has expired", c.Name), false
	case now.Before(c.NotBefore):
		return degraded("the certificate for %s is not valid yet", c.Name), false
	case left < certificateSoon:
		return degraded("the certificate for %s expires in %s", c.Name, left.Round(time.Minute)), true
	case c.Problem != nil:
		return degraded("the certificate for %s could not be renewed; it is good for another %d days", c.Name, int(left.Hours()/24)), true
	}
	return Result{Status: Healthy}, true
}

// ProxyCheck tells the operator of a peer nearby that seems to be a proxy that nobody named. stranger returns what it sent; "" if
// there is none. The check never fails: another program on the same network could pretend to be a proxy.
func ProxyCheck(stranger func() string) Check {
	return Check{"trusted_proxies", func(context.Context) (Result, bool) {
		what := stranger()
		if what == "" {
			return Result{}, false
		}
		return healthy("a peer nearby sends %s, but is not in --trusted-proxies: if it is a proxy, all its clients count as one. The log names it", what), true
	}}
}

// Clock compares this machine's clock with the casino's time. 0 means that there is nothing to report.
type Clock struct {
	Leap   time.Duration // how far it is ahead of where it should be, if so far that no command is taken
	Behind time.Duration // how far it is behind the casino's time
	Step   time.Duration // its last step
	Ago    time.Duration // how long ago that was
}

// ClockCheck checks whether the clock can be believed. It reports a step for ten minutes, and anything else as long as it
// lasts.
func ClockCheck(look func() Clock) Check {
	const tellFor = 10 * time.Minute
	return Check{"clock", func(context.Context) (Result, bool) {
		c := look()
		switch {
		case c.Leap > 0:
			return unhealthy("the clock is %s ahead of where it should be, and players' commands are refused. Set it right; if it is right now, restart the casino",
				c.Leap.Round(time.Second)), true
		case c.Behind > 0:
			return degraded("the clock is %s behind the casino's time, which goes on at half pace until the two meet, in %s. Check time synchronization",
				c.Behind.Round(time.Second), (2 * c.Behind).Round(time.Second)), true
		case c.Step != 0 && c.Ago < tellFor:
			return degraded("the clock jumped by %s. Check time synchronization, unless the machine was suspended", c.Step.Round(time.Millisecond)), true
		}
		return Result{Status: Healthy}, true
	}}
}
