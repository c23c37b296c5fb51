package appliance

import (
	"context"
	"os"
	"time"

	"imperio/appliance/config"
	"imperio/appliance/ops"
)

// notifyPatience bounds how long a stopping casino tries to send the messages that wait.
const notifyPatience = 5 * time.Second

// leaderLook is how often the casino looks who leads.
const leaderLook = 5 * time.Second

// openNotifier makes what tells operators by message, from the configuration.
func (a *App) openNotifier() (err error) {
	o := notifierOptions(&a.config, a.version)
	o.Log = a.log
	o.Observe = func(kind, result string) { a.metrics.NotificationDone(kind, result) }
	if a.notifier, err = ops.NewNotifier(o); err != nil {
		return err
	}
	a.cleanups.add("notifications", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), notifyPatience)
		defer cancel()
		return a.notifier.Close(ctx)
	})
	a.alarms = ops.NewAlarms(ops.AlarmsOptions{Notify: a.notifier.Notify, Hold: a.hold, Speaks: a.speaks})
	a.cleanups.add("alarms", a.alarms.Close)
	return nil
}

// speaks reports whether this node tells operators of its health. In a cluster the leader speaks for all, since the members'
// problems are among its own checks. A node that knows no leader speaks for itself.
func (a *App) speaks() bool {
	node := a.inCluster.Load()
	if node == nil {
		return true
	}
	s := node.Status()
	return s.Leader == "" || s.Leader == s.NodeID
}

// watchLeader looks who leads until ctx ends.
func (a *App) watchLeader(ctx context.Context) {
	tick := time.NewTicker(leaderLook)
	defer tick.Stop()
	for {
		a.lookForLeader()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (a *App) lookForLeader() {
	s := a.dir.node.Status()
	a.alarms.LeaderSeen(s.Leader, s.Leader == s.NodeID)
}

// notifierOptions are the destinations, and by which names the casino tells them. The configuration is valid, so each URL is read.
func notifierOptions(c *config.Config, version string) ops.NotifierOptions {
	o := ops.NotifierOptions{Secret: c.Notifications.Secret.Reveal(), Version: version}
	for _, u := range c.Notifications.To {
		if d, err := u.Destination(); err == nil {
			o.Destinations = append(o.Destinations, ops.NotifyDestination{Kind: d.Kind, URL: d.URL, From: d.From, To: d.To})
		}
	}
	if domains := c.Listen.Domains; len(domains) > 0 {
		o.Casino = domains[0]
	} else if host, err := os.Hostname(); err == nil {
		o.Casino = host
	}
	return o
}

// TryNotify sends one message to all destinations of a valid configuration, without a server. It says for each what became of it.
func TryNotify(ctx context.Context, c *config.Config, version string, m ops.Message) ([]ops.Outcome, error) {
	n, err := ops.NewNotifier(notifierOptions(c, version))
	if err != nil {
		return nil, err
	}
	outcomes := n.Try(ctx, m)
	return outcomes, n.Close(ctx)
}
