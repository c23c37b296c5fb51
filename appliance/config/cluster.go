package config

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Cluster says how the node takes part in a cluster.
type Cluster struct {
	// Address is where other members reach this node, host:port. Empty: the node is alone and opens no port for members.
	Address string `name:"cluster-addr" group:"Cluster" placeholder:"HOST:PORT" help:"Address at which other members of the cluster reach this node, such as 10.0.0.1:8443 or node1.example:8443. Empty: the casino runs on this node alone."`
	// Listen is where the node listens for them, host:port. Empty: as ListenAddr says.
	Listen string `name:"cluster-listen" group:"Cluster" placeholder:"HOST:PORT" help:"Address to listen on for other members, if it differs from cluster-addr. The default is the address in cluster-addr if that is an IP address, and its port on all addresses if it is a name."`
	// Join is the address of a member of the cluster to join, with or without https://. It counts only in an empty data directory.
	Join string `name:"join" group:"Cluster" placeholder:"URL" help:"Cluster to join with an empty data directory: the cluster-addr of any of its members, such as https://node1:8443. A directory that belongs to the cluster already ignores it."`
	// JoinToken admits this node once. It has a flag although it is a secret: it is worth nothing once it was used.
	JoinToken     Secret `name:"join-token" group:"Cluster" placeholder:"TOKEN" help:"Token that admits this node to the cluster, once. 'imperio cluster token' makes one on a member."`
	JoinTokenFile string `name:"join-token-file" group:"Cluster" placeholder:"FILE" help:"File that holds the token."`
	// LogTime is how long the log keeps entries for members that are away: 1 min … 24 h.
	LogTime time.Duration `name:"cluster-log-time" group:"Cluster" placeholder:"DURATION" help:"How long the log is kept for members that are away, from 1m to 24h, as far as backup-log-limit allows. A member that was away longer gets the whole state."`
	// TransferRate bounds how fast the state is sent to a member that needs it, in bytes a second.
	TransferRate ByteSize `name:"cluster-transfer-rate" group:"Cluster" placeholder:"SIZE" help:"How many bytes of the state a second are sent to a member that needs it. At least 1MiB."`
	// ReapAfter is after how long without an answer a member is removed; 0: never.
	ReapAfter time.Duration `name:"cluster-reap-after" group:"Cluster" placeholder:"DURATION" help:"After how long without an answer a member is removed from the cluster, from 10m. 0: never. Needs cluster-min-voters."`
	// MinVoters is how many voters always stay.
	MinVoters int `name:"cluster-min-voters" group:"Cluster" placeholder:"N" help:"How many voters must stay when members are removed by cluster-reap-after; at least 3."`
}

func defaultCluster() Cluster {
	return Cluster{LogTime: 15 * time.Minute, TransferRate: 50 << 20}
}

// ListenAddr is where the node listens for other members; "" if it doesn't.
func (c *Cluster) ListenAddr() string {
	host, port, err := net.SplitHostPort(c.Address)
	switch {
	case c.Listen != "" || err != nil:
		return c.Listen
	case isIP(host):
		return c.Address
	}
	return net.JoinHostPort("", port)
}

// JoinAddress is the address in Join, host:port.
func (c *Cluster) JoinAddress() string {
	return strings.TrimSuffix(strings.TrimPrefix(c.Join, "https://"), "/")
}

func isIP(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

func (v *validator) cluster() {
	c := &v.c.Cluster
	if c.Address != "" {
		host, _, err := net.SplitHostPort(c.Address)
		ip, _ := netip.ParseAddr(host)
		v.check(err == nil && isReachable(c.Address) && !ip.IsUnspecified(), "cluster-addr",
			"%q is not an address that other members can reach: write a name or an IP address of this machine, and a port, such as 10.0.0.1:8443", c.Address)
	}
	v.address("cluster-listen", c.Listen)
	v.check(c.Listen == "" || c.Address != "", "cluster-listen", "other members must know where to reach this node: set cluster-addr as well")
	if c.Join != "" {
		u, err := url.Parse(c.Join)
		withScheme := err == nil && strings.Contains(c.Join, "://")
		v.check((!withScheme || u.Scheme == "https") && isReachable(c.JoinAddress()), "join", "%q is not the address of a member: write its cluster-addr, such as https://node1:8443", c.Join)
		v.check(c.Address != "", "cluster-addr", "other members must know where to reach this node: set cluster-addr")
	}
	v.check(c.Join != "" || c.JoinToken == "", "join", "there is no cluster that the token could be for: set join as well, or leave out join-token")
	v.between("cluster-log-time", c.LogTime, time.Minute, 24*time.Hour)
	v.check(c.TransferRate >= 1<<20, "cluster-transfer-rate", "%s is too slow: use 1MiB or more", c.TransferRate)
	v.check(c.ReapAfter == 0 || c.ReapAfter >= 10*time.Minute, "cluster-reap-after", "%s is too short: a restart or a slow machine is no reason to lose a member. Use 10m or more, or 0", formatDuration(c.ReapAfter))
	v.check(c.ReapAfter == 0 || c.MinVoters >= 3, "cluster-min-voters", "cluster-reap-after needs to know how many voters must stay: use 3 or more")
	v.check(c.MinVoters >= 0, "cluster-min-voters", "%d is no number of voters", c.MinVoters)
}

// isReachable says whether a text is a host and a port that others can connect to.
func isReachable(address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0 && (isIP(host) || isHostName(strings.ToLower(host)))
}
