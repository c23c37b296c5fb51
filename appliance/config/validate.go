package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"imperio/games"
	"imperio/games/catalogue"
)

// Problem is one mistake in a configuration.
type Problem struct {
	Where   string // the key, or where its value came from
	Message string // what is wrong and what to do
}

// Problems are all mistakes in a configuration.
type Problems []Problem

func (p Problems) Error() string {
	var b strings.Builder
	b.WriteString("the configuration can't be used:")
	for _, problem := range p {
		fmt.Fprintf(&b, "\n  %s: %s", problem.Where, problem.Message)
	}
	return b.String()
}

// Validate checks the values, and whether they fit together. It reports all mistakes at once, as Problems. It opens no
// file.
func (c *Config) Validate() error {
	v := validator{c: c}
	v.data()
	v.listen()
	v.tls()
	v.access()
	v.legacy()
	v.limits()
	v.accounts()
	v.games()
	v.backups()
	v.mirror()
	v.cluster()
	v.notifications()
	if len(v.problems) > 0 {
		return v.problems
	}
	return nil
}

type validator struct {
	c        *Config
	problems Problems
}

func (v *validator) check(ok bool, key, format string, args ...any) {
	if !ok {
		v.problems = append(v.problems, Problem{Where: key, Message: fmt.Sprintf(format, args...)})
	}
}

func (v *validator) between(key string, d, low, high time.Duration) {
	v.check(d >= low && d <= high, key, "%s is not from %s to %s", formatDuration(d), formatDuration(low), formatDuration(high))
}

// longestSocketPath is the longest path of a socket that all Unix systems allow, in bytes (BSD: 104 with the final NUL).
const longestSocketPath = 103

// SocketFile is the name of the control socket in the data directory. Only its owner may open it.
const SocketFile = "imperio.sock"

func (v *validator) data() {
	d := v.c.Data
	v.check(d.Dir != "", "data-dir", "no directory: name one, such as ./imperio-data")
	socket := filepath.Join(d.Dir, SocketFile)
	v.check(len(socket) <= longestSocketPath, "data-dir", "the path of the control socket in it, %s, has %d bytes, and the system allows %d: choose a shorter path, or a relative one", socket, len(socket), longestSocketPath)
	if d.EncryptionKey != "" {
		_, err := d.EncryptionKey.Key32()
		v.check(err == nil, "encryption-key", "%v: make one with 'openssl rand -base64 32'", err)
	}
	v.between("checkpoint-interval", d.CheckpointInterval, 100*time.Millisecond, time.Minute)
	v.between("disk-stall-limit", d.DiskStallLimit, time.Second, 10*time.Minute)
	v.check(d.Memory == 0 || d.Memory >= 64<<20, "memory", "%s is too small: use 64MiB or more", d.Memory)
	v.check(d.DiskReserve >= 16<<20, "disk-reserve", "%s is too small: use 16MiB or more", d.DiskReserve)
}

func (v *validator) listen() {
	l := v.c.Listen
	v.address("http-addr", l.HTTPAddr)
	v.address("https-addr", l.HTTPSAddr)
	v.address("ops-addr", l.OpsAddr)
	v.check(l.HTTPAddr != "" || l.HTTPSAddr != "", "http-addr", "no address for players: set --http-addr or --https-addr")
	v.distinct()
	for _, domain := range l.Domains {
		v.check(isDomain(domain), "domain", "%v", notDomain(domain))
	}
	v.check(!bool(l.ProxyProtocol) || len(l.TrustedProxies) > 0, "proxy-protocol", "say with --trusted-proxies whose headers to trust")
	v.between("read-timeout", l.ReadTimeout, time.Second, 5*time.Minute)
	v.between("write-timeout", l.WriteTimeout, time.Second, 10*time.Minute)
	v.between("idle-timeout", l.IdleTimeout, time.Second, time.Hour)
	v.between("shutdown-timeout", l.ShutdownTimeout, 0, 10*time.Minute)
	if v.c.TLS.Mode == TLSOff && len(l.TrustedProxies) == 0 {
		v.check(l.HTTPAddr == "" || IsLoopback(l.HTTPAddr), "http-addr",
			"%s would send passwords in the clear: set --domain for HTTPS, use an address on loopback such as 127.0.0.1:8080, or set --trusted-proxies if a proxy in front speaks TLS", l.HTTPAddr)
	}
}

func (v *validator) address(key, address string) {
	if address == "" {
		return
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		v.check(false, key, "%q is not an address: write host:port, such as 127.0.0.1:8080 or :443", address)
		return
	}
	n, err := strconv.ParseUint(port, 10, 16)
	v.check(err == nil, key, "%q is not a port: use a number from 0 to 65535 (0 for any free port)", port)
	_, err = netip.ParseAddr(host)
	v.check(err == nil || host == "" || isHostName(host), key, "%q is not a host: use an IP address, localhost, or nothing for all addresses (port %d)", host, n)
}

// distinct checks that no two listeners have the same address.
func (v *validator) distinct() {
	l := v.c.Listen
	taken := make(map[string]string)
	for _, listener := range []struct{ key, address string }{
		{"http-addr", l.HTTPAddr}, {"https-addr", l.HTTPSAddr}, {"ops-addr", l.OpsAddr}, {"cluster-listen", v.c.Cluster.ListenAddr()},
	} {
		if listener.address == "" || strings.HasSuffix(listener.address, ":0") {
			continue
		}
		other, found := taken[listener.address]
		v.check(!found, listener.key, "%s is already the address of %s: use another port", listener.address, other)
		taken[listener.address] = listener.key
	}
}

func (v *validator) tls() {
	t, l := v.c.TLS, v.c.Listen
	v.check(t.Mode == TLSOff || l.HTTPSAddr != "", "https-addr", "TLS is on and needs an address, such as :443")
	v.check(t.Mode != TLSOff || l.HTTPSAddr == "", "https-addr", "TLS is off: set --domain or --tls, or leave out --https-addr")
	v.check(t.Mode != TLSACME || len(l.Domains) > 0, "tls", "acme needs a name to get a certificate for: set --domain")
	if t.Mode == TLSACME && t.ACMEDirectory == "" {
		local := slices.DeleteFunc(slices.Clone(l.Domains), func(domain string) bool { return !isDomain(domain) || isPublic(domain) })
		v.check(len(local) == 0, "domain", "no public authority issues certificates for %s: add --tls internal for a certificate of the casino's own, --tls files for your own, or --acme-directory for a private authority", strings.Join(local, ", "))
	}
	files := t.CertFile != "" && t.KeyFile != ""
	v.check(t.Mode != TLSFiles || files, "tls-cert", "tls=files needs both --tls-cert and --tls-key")
	v.check(t.Mode == TLSFiles || (t.CertFile == "" && t.KeyFile == ""), "tls-cert", "files are only used with --tls files: set that, or leave out --tls-cert and --tls-key")
	v.check(t.ACMEEmail == "" || strings.Count(t.ACMEEmail, "@") == 1, "acme-email", "%q is not an e-mail address", t.ACMEEmail)
	v.check(t.ACMEDirectory == "" || isURL(t.ACMEDirectory, "https"), "acme-directory", "%q is not an https URL: use the address of the directory that the authority documents", t.ACMEDirectory)
	v.check(!t.ACMEStaging || t.ACMEDirectory == "", "acme-staging", "staging is a directory of Let's Encrypt: leave out --acme-directory or --acme-staging")
	v.check((t.ACMEEABKeyID == "") == (t.ACMEEABKey == ""), "acme-eab-kid", "external account binding needs both acme-eab-kid and acme-eab-hmac")
}

func (v *validator) access() {
	for _, origin := range v.c.Access.CORSOrigins {
		u, err := url.Parse(origin)
		ok := err == nil && isURL(origin, "http", "https") && u.Path == "" && u.RawQuery == "" && u.Fragment == "" && u.User == nil
		v.check(ok, "cors-origins", "%q is not an origin: use scheme and host such as https://pages.example, without a path", origin)
	}
	token := v.c.Access.MetricsToken
	v.check(token == "" || len(token) >= 16, "metrics-token", "shorter than 16 characters: make one with 'openssl rand -hex 24'")
	ops := v.c.Listen.OpsAddr
	v.check(ops == "" || IsLoopback(ops) || token != "" || len(v.c.Access.MetricsAllow) > 0, "ops-addr",
		"%s is reachable from outside: say with --metrics-allow or --metrics-token-file who may read it, or listen on 127.0.0.1:9190", ops)
}

func (v *validator) limits() {
	limits := v.c.Limits
	for _, burst := range []struct {
		key  string
		size int
	}{
		{"limit-general-burst", limits.GeneralBurst}, {"limit-sign-in-burst", limits.SignInBurst},
		{"limit-sign-up-burst", limits.SignUpBurst}, {"limit-slots-burst", limits.SlotsBurst},
	} {
		v.check(burst.size >= 1 && burst.size <= 1_000_000, burst.key, "%d is not from 1 to 1000000", burst.size)
	}
	v.check(limits.ConnectionsPerAddress >= 0 && limits.ConnectionsPerAddress <= 1_000_000, "max-connections-per-address", "%d is neither off nor from 1 to 1000000", limits.ConnectionsPerAddress)
	v.check(limits.Connections >= 0 && limits.Connections <= 1_000_000, "max-connections", "%d is neither off nor from 1 to 1000000", limits.Connections)
	if limits.On {
		return
	}
	l := v.c.Listen
	for _, listener := range []struct{ key, address string }{
		{"http-addr", l.HTTPAddr}, {"https-addr", l.HTTPSAddr}, {"ops-addr", l.OpsAddr},
	} {
		v.check(listener.address == "" || IsLoopback(listener.address), "limits",
			"can't be off, since %s is %s, which others can reach: turn limits on, or listen only on 127.0.0.1", listener.key, listener.address)
	}
}

func (v *validator) accounts() {
	a := v.c.Accounts
	const most = games.Coins(1_000_000_000)
	v.check(a.WelcomeCoins >= 0 && a.WelcomeCoins <= most, "welcome-coins", "%d is not from 0 to %d", a.WelcomeCoins, most)
	v.check(a.DailyCoins >= 0 && a.DailyCoins <= most, "daily-coins", "%d is not from 0 to %d", a.DailyCoins, most)
	v.between("password-wait", a.PasswordWait, 100*time.Millisecond, 10*time.Minute)
	v.check(a.PasswordWait < v.c.Listen.WriteTimeout, "password-wait", "%v is not shorter than write-timeout, %v", a.PasswordWait, v.c.Listen.WriteTimeout)
	v.check(a.BcryptCost >= 10 && a.BcryptCost <= 16, "bcrypt-cost", "%d is not from 10 to 16", a.BcryptCost)
	v.between("session-lifetime", a.SessionLifetime, 5*time.Minute, 365*24*time.Hour)
}

func (v *validator) games() {
	for _, table := range v.c.Games.Tables() {
		game := released(table.Game)
		known := game.Rules()
		v.check(slices.Contains(known, table.Rules), table.Game+"-rules", "%q is none of %s", table.Rules, strings.Join(known, ", "))
		v.check(table.MinStake >= game.MinStake, table.Game+"-min-stake", "%d is below %d", table.MinStake, game.MinStake)
		v.check(table.MaxStake >= table.MinStake && table.MaxStake <= MaxStake, table.Game+"-max-stake", "%d is not from the lowest stake, %d, to %d", table.MaxStake, table.MinStake, MaxStake)
		v.check(table.MaxTotal >= table.MaxStake && table.MaxTotal <= MaxStake, table.Game+"-max-total", "%d is not from the highest bet, %d, to %d", table.MaxTotal, table.MaxStake, MaxStake)
	}
	v.between("blackjack-abandon-after", v.c.Games.BlackjackAbandonAfter, time.Minute, 720*time.Hour)
}

// Warnings lists what is allowed but risky, for the log at start.
func (c *Config) Warnings() []string {
	var warnings []string
	for _, table := range c.Games.Tables() {
		version, known := catalogue.Released().Version(table.Rules)
		if !known || !table.Enabled {
			continue
		}
		if sheet := version.SheetFor(games.Words{}); sheet.Figures.ReturnDecimal > 1 {
			warnings = append(warnings, fmt.Sprintf("%s-rules: %s returns %.2f %% of what is staked: players win in the long run",
				table.Game, table.Rules, 100*sheet.Figures.ReturnDecimal))
		}
	}
	if !c.Limits.On {
		warnings = append(warnings, "limits: rate limits and connection caps are off, which is for load tests only")
	}
	for _, key := range Keys() {
		if value := key.text(c); key.Group == "Limits" && key.Name != "limits" && value == off && bool(c.Limits.On) {
			warnings = append(warnings, key.Name+": off, so one client can take what all others need")
		}
	}
	for _, network := range c.Listen.TrustedProxies {
		if isWide(network) {
			warnings = append(warnings, fmt.Sprintf("trusted-proxies: with %s, clients can claim any address, and no limit by address holds: name only the proxies", network))
		}
	}
	if c.TLS.Mode == TLSACME && c.TLS.ACMEStaging {
		warnings = append(warnings, "acme-staging: browsers don't trust the staging directory's certificates")
	}
	if c.TLS.Mode == TLSOff && c.Listen.HTTPAddr != "" && !IsLoopback(c.Listen.HTTPAddr) {
		warnings = append(warnings, "tls: "+c.Listen.HTTPAddr+" is plain HTTP: make sure that only the trusted proxies can reach it")
	}
	return slices.Concat(warnings, c.backupWarnings(), c.legacyWarnings(), c.mirrorWarnings())
}

// IsLoopback says whether only this machine can reach a listener on address (host:port).
func IsLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func isURL(text string, schemes ...string) bool {
	u, err := url.Parse(text)
	return err == nil && slices.Contains(schemes, u.Scheme) && u.Host != ""
}
