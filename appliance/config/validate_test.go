package config

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"imperio/games/catalogue"
)

func TestValidate_SaysWhatIsWrongAndWhatToDo(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string // "" if it is fine
	}{
		{"default", func(c *Config) {}, ""},
		{"no data directory", func(c *Config) { c.Data.Dir = "" }, "data-dir: no directory"},
		{"short key", func(c *Config) { c.Data.EncryptionKey = "abc" }, "openssl rand -base64 32"},
		{"hexadecimal key", func(c *Config) { c.Data.EncryptionKey = Secret(strings.Repeat("0f", 32)) }, ""},
		{"a stall limit that every disk passes", func(c *Config) { c.Data.DiskStallLimit = time.Millisecond }, "disk-stall-limit: 1ms is not from 1s to 10m"},
		{"checkpoints too often", func(c *Config) { c.Data.CheckpointInterval = time.Millisecond }, "checkpoint-interval: 1ms is not from 100ms to 1m"},
		{"tiny memory", func(c *Config) { c.Data.Memory = 1 << 20 }, "memory: 1MiB is too small: use 64MiB"},
		{"tiny reserve", func(c *Config) { c.Data.DiskReserve = 1 << 20 }, "disk-reserve: 1MiB is too small"},
		{"no listener", func(c *Config) { c.Listen.HTTPAddr = "" }, "no address for players"},
		{"address without port", func(c *Config) { c.Listen.HTTPAddr = "127.0.0.1" }, "write host:port"},
		{"port out of range", func(c *Config) { c.Listen.HTTPAddr = "127.0.0.1:70000" }, "is not a port"},
		{"bad host", func(c *Config) { c.Listen.HTTPAddr = "_x_:80" }, "is not a host"},
		{"free port", func(c *Config) { c.Listen.HTTPAddr, c.Listen.OpsAddr = "127.0.0.1:0", "127.0.0.1:0" }, ""},
		{"same address twice", func(c *Config) { c.Listen.OpsAddr = c.Listen.HTTPAddr }, "is already the address of http-addr"},
		{"domain with scheme", func(c *Config) { c.Listen.Domains = []string{"https://a.example"} }, "is not a domain name"},
		{"domain in capitals", func(c *Config) { c.Listen.Domains = []string{"A.example"} }, "is not a domain name"},
		{"a domain that Load did not convert", func(c *Config) { c.Listen.Domains = []string{"müller.example"} }, "is not a domain name"},
		{"address as domain", func(c *Config) { acmeFor(c, "10.0.0.1") }, "no public authority issues certificates for 10.0.0.1: add --tls internal"},
		{"this machine as domain", func(c *Config) { acmeFor(c, "localhost") }, "no public authority"},
		{"a name without a dot as domain", func(c *Config) { acmeFor(c, "casino") }, "no public authority"},
		{"a domain for tests", func(c *Config) { acmeFor(c, "casino.test") }, "no public authority"},
		{"a domain for examples", func(c *Config) { acmeFor(c, "casino.example") }, "no public authority"},
		{"a domain of a home network", func(c *Config) { acmeFor(c, "casino.home.arpa") }, "no public authority"},
		{"one of two domains is local", func(c *Config) { acmeFor(c, "casino.example.org", "casino.local") }, "certificates for casino.local"},
		{"public domain", func(c *Config) { acmeFor(c, "casino.example.org") }, ""},
		{"internal domain with a private authority", func(c *Config) {
			acmeFor(c, "casino.internal")
			c.TLS.ACMEDirectory = "https://ca.internal/dir"
		}, ""},
		{"internal domain with a certificate of the casino's own", func(c *Config) {
			acmeFor(c, "casino.internal", "10.0.0.1")
			c.TLS.Mode = TLSInternal
		}, ""},
		{"too long a path for the socket", func(c *Config) { c.Data.Dir = "/" + strings.Repeat("d", 91) }, "data-dir: the path of the control socket"},
		{"plain HTTP to the world", func(c *Config) { c.Listen.HTTPAddr = ":8080" }, "passwords in the clear"},
		{"plain HTTP behind a proxy", func(c *Config) {
			c.Listen.HTTPAddr = ":8080"
			c.Listen.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		}, ""},
		{"PROXY protocol from no one", func(c *Config) { c.Listen.ProxyProtocol = true }, "--trusted-proxies"},
		{"no patience", func(c *Config) { c.Listen.ReadTimeout = 0 }, "read-timeout: 0s is not from 1s to 5m"},
		{"https without TLS", func(c *Config) { c.Listen.HTTPSAddr = ":443" }, "TLS is off"},
		{"TLS without https", func(c *Config) { c.TLS.Mode = TLSInternal }, "needs an address"},
		{"acme without domain", func(c *Config) { c.TLS.Mode, c.Listen.HTTPSAddr = TLSACME, ":443" }, "set --domain"},
		{"files without files", func(c *Config) { c.TLS.Mode, c.Listen.HTTPSAddr = TLSFiles, ":443" }, "needs both --tls-cert and --tls-key"},
		{"files without their mode", func(c *Config) { c.TLS.CertFile = "a.pem" }, "only used with --tls files"},
		{"half of an account binding", func(c *Config) { c.TLS.ACMEEABKeyID = "7" }, "needs both acme-eab-kid and acme-eab-hmac"},
		{"directory in plain HTTP", func(c *Config) { c.TLS.ACMEDirectory = "http://ca.example/dir" }, "is not an https URL"},
		{"two directories", func(c *Config) { c.TLS.ACMEDirectory, c.TLS.ACMEStaging = "https://ca.example/dir", true }, "leave out --acme-directory or --acme-staging"},
		{"origin with a path", func(c *Config) { c.Access.CORSOrigins = []string{"https://a.example/x"} }, "without a path"},
		{"any origin", func(c *Config) { c.Access.CORSOrigins = []string{"*"} }, "is not an origin"},
		{"short token", func(c *Config) { c.Access.MetricsToken = "short" }, "openssl rand -hex 24"},
		{"metrics for everybody", func(c *Config) { c.Listen.OpsAddr = ":9190" }, "is reachable from outside"},
		{"no limits on loopback", func(c *Config) { c.Limits.On = false }, ""},
		{"no limits on IPv6 loopback", func(c *Config) { c.Limits.On, c.Listen.HTTPAddr = false, "[::1]:8080" }, ""},
		{"no limits elsewhere", func(c *Config) {
			c.Limits.On, c.TLS.Mode, c.Listen.HTTPSAddr = false, TLSInternal, "0.0.0.0:8443"
		}, "limits: can't be off, since https-addr is 0.0.0.0:8443"},
		{"no burst", func(c *Config) { c.Limits.SlotsBurst = 0 }, "limit-slots-burst: 0 is not from 1"},
		{"fewer connections than none", func(c *Config) { c.Limits.Connections = -1 }, "max-connections: -1 is neither off nor from 1"},
		{"single limits that are off elsewhere", func(c *Config) {
			c.TLS.Mode, c.Listen.HTTPSAddr, c.Limits.SlotsRate, c.Limits.Connections = TLSInternal, "0.0.0.0:8443", Rate{}, 0
		}, ""},
		{"negative coins", func(c *Config) { c.Accounts.WelcomeCoins = -1 }, "welcome-coins: -1 is not from 0"},
		{"a wait for nothing", func(c *Config) { c.Accounts.PasswordWait = 30 * time.Second }, "password-wait: 30s is not shorter than write-timeout, 30s"},
		{"weak passwords", func(c *Config) { c.Accounts.BcryptCost = 9 }, "bcrypt-cost: 9 is not from 10 to 16"},
		{"unknown rules", func(c *Config) { c.Games.SlotsRules = "slots/3" }, `"slots/3" is none of slots/1, slots/2`},
		{"free spins", func(c *Config) { c.Games.SlotsMinStake = 0 }, "slots-min-stake: 0 is below 1"},
		{"half coins", func(c *Config) { c.Games.BlackjackMinStake = 1 }, "blackjack-min-stake: 1 is below 2"},
		{"highest below lowest", func(c *Config) { c.Games.RouletteMaxStake = 0 }, "roulette-max-stake: 0 is not from the lowest stake, 1"},
		{"sum below a single bet", func(c *Config) { c.Games.RouletteMaxTotal = 9_999 }, "roulette-max-total: 9999 is not from the highest bet, 10000"},
		{"rounds that end at once", func(c *Config) { c.Games.BlackjackAbandonAfter = time.Second }, "blackjack-abandon-after: 1s is not from 1m to 720h"},
	} {
		t.Run(c.name, func(t *testing.T) {
			configuration := Default()
			c.change(&configuration)
			err := configuration.Validate()
			switch {
			case c.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want a part %q", err, c.want)
			}
		})
	}
}

func acmeFor(c *Config, domains ...string) {
	c.TLS.Mode, c.Listen.HTTPSAddr, c.Listen.HTTPAddr, c.Listen.Domains = TLSACME, ":443", ":80", domains
}

func TestValidate_ReportsAllProblems(t *testing.T) {
	c := Default()
	c.Accounts.BcryptCost, c.Data.Dir = 1, ""
	problems, ok := c.Validate().(Problems)
	if !ok || len(problems) != 2 {
		t.Errorf("got %v", problems)
	}
}

func TestWarnings_NameWhatIsDangerous(t *testing.T) {
	c := Default()
	if got := c.Warnings(); len(got) != 0 {
		t.Errorf("the default warns: %v", got)
	}
	c.Limits.SlotsRate, c.Limits.Connections = Rate{}, 0
	if got := strings.Join(c.Warnings(), "\n"); !strings.Contains(got, "limit-slots-rate: ") || !strings.Contains(got, "max-connections: ") || strings.Count(got, "\n") != 1 {
		t.Errorf("got %s", got)
	}
	for _, wide := range []string{"0.0.0.0/0", "::/0", "0.0.0.0/1"} {
		c := Default()
		c.Listen.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8"), netip.MustParsePrefix(wide)}
		if got := strings.Join(c.Warnings(), "\n"); strings.Count(got, "trusted-proxies: with "+wide) != 1 || strings.Contains(got, "\n") {
			t.Errorf("%s: got %s", wide, got)
		}
	}
	c.Games.SlotsRules, c.Limits.On = "slots/1", false
	if got := strings.Join(c.Warnings(), "\n"); !strings.Contains(got, "slots/1 returns 1") || !strings.Contains(got, "limits:") {
		t.Errorf("got %s", got)
	}
}

func TestSecret_IsNeverPrinted(t *testing.T) {
	c := Default()
	c.Access.MetricsToken = "the secret"
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %s", c, c, c, c.Access.MetricsToken), string(encoded), c.Access.MetricsToken.LogValue().String()} {
		if strings.Contains(text, "the secret") {
			t.Errorf("printed: %s", text)
		}
	}
}

func TestRate_RoundTripAndRefusals(t *testing.T) {
	for _, text := range []string{"10/s", "5/m", "3/h", "1/d", "off"} {
		var rate Rate
		if err := rate.UnmarshalText([]byte(text)); err != nil || rate.String() != text {
			t.Errorf("%s: %v, %v", text, rate, err)
		}
	}
	for _, text := range []string{"", "10", "0/s", "-1/s", "1.5/s", "10/w", "10/", "/s", "9999999/s"} {
		var rate Rate
		if err := rate.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken as %v", text, rate)
		}
	}
	if got := (Rate{5, time.Minute}).PerSecond(); got != 5.0/60 {
		t.Errorf("5/m is %v a second", got)
	}
}

func TestCap_RoundTripAndRefusals(t *testing.T) {
	for text, want := range map[string]Cap{"off": 0, "10": 10} {
		var limit Cap
		if err := limit.UnmarshalText([]byte(text)); err != nil || limit != want || limit.String() != text {
			t.Errorf("%s: %d, %v", text, limit, err)
		}
	}
	for _, text := range []string{"", "on", "1.5", "10/s"} {
		var limit Cap
		if err := limit.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken as %v", text, limit)
		}
	}
}

func TestByteSize_RoundTripAndRefusals(t *testing.T) {
	for text, want := range map[string]ByteSize{"0": 0, "1000": 1000, "64KiB": 64 << 10, "256MiB": 256 << 20, "2TiB": 2 << 40} {
		var size ByteSize
		if err := size.UnmarshalText([]byte(text)); err != nil || size != want || size.String() != text {
			t.Errorf("%s: %d, %v", text, size, err)
		}
	}
	for _, text := range []string{"", "-1", "1.5GiB", "10MB", "99999999999TiB"} {
		var size ByteSize
		if err := size.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken as %v", text, size)
		}
	}
}

// Every game in the catalogue must have settings.
func TestTables_AreOfAllReleasedGames(t *testing.T) {
	games := Default().Games
	var tables []string
	for _, table := range games.Tables() {
		tables = append(tables, table.Game)
		d, ok := catalogue.Released().Named(table.Game)
		if !ok || table.Rules != d.Default || table.MinStake < d.MinStake || (table.AbandonAfter > 0) != d.StaysOpen() {
			t.Errorf("by default %s is offered as %+v", table.Game, table)
		}
	}
	if names := catalogue.Released().Names(); !slices.Equal(tables, names) {
		t.Errorf("there are settings of %v, released are %v", tables, names)
	}
}
