// Package config is the configuration of a casino: one struct, filled from five sources, validated as a whole.
//
// The first source that has a value wins: a command-line flag, an environment variable (IMPERIO_ and the flag's name in
// upper case with underscores), the env file named by --env-file (lines of such variables), the TOML file named by --config
// (keys are the flags' names), the default. Flags, environment, files, help texts, the reference and the example file all derive from the tags of Config, so they can't
// disagree. Nothing else in the project reads flags or the environment.
package config

import (
	"log/slog"
	"net/netip"
	"time"

	"imperio/games"
)

// Config is the whole configuration of a node. Default or Load makes one; Validate checks one.
// A Config is plain data: copy it freely, and read it from any goroutine while nobody writes.
//
// Each tagged field is one key. name is the key's spelling in flags and in the file, help its description, and group its
// heading in the reference. reload:"yes" says that a running casino takes a change of the key when it reloads. A Secret has no flag (kong:"-"), since others can read command lines. The field after it, with the same
// name and "-file", names a file that holds it.
type Config struct {
	Data     Data     `embed:""`
	Listen   Listen   `embed:""`
	TLS      TLS      `embed:""`
	Limits   Limits   `embed:""`
	Access   Access   `embed:""`
	Accounts Accounts `embed:""`
	Games    Games    `embed:""`
	Logs     Logs     `embed:""`

	Backups       Backups       `embed:""`
	Notifications Notifications `embed:""`
	Legacy        Legacy        `embed:""`
	Mirror        Mirror        `embed:""`
	Cluster       Cluster       `embed:""`
}

// Data says where and how the node stores its state.
type Data struct {
	// Dir is the data directory. It is created if it does not exist.
	Dir string `name:"data-dir" group:"Data" placeholder:"DIR" help:"Directory for the casino's data. Created if it does not exist."`
	// EncryptionKey is 32 bytes as 64 hexadecimal digits or in base64. Empty: a key in the data directory, made at the first start.
	EncryptionKey     Secret `name:"encryption-key" kong:"-" group:"Data" help:"The casino's key, which seals server seeds, password hashes and private keys: 32 bytes, as 64 hexadecimal digits or in base64 (openssl rand -base64 32). Empty: encryption.key in the data directory, made at the first start. It can't be changed later."`
	EncryptionKeyFile string `name:"encryption-key-file" group:"Data" placeholder:"FILE" help:"File that holds the casino's key. Only its owner may be able to read it (mode 600)."`
	// CheckpointInterval is the interval at which changed state is written into state.db; 100 ms … 1 min.
	CheckpointInterval time.Duration `name:"checkpoint-interval" group:"Data" placeholder:"DURATION" help:"How often changed state is written into state.db, from 100ms to 1m. Bets are durable at once regardless; this only bounds the replay after a crash."`
	// DiskStallLimit is how long one write may take before the node ends; 1 s … 10 min.
	DiskStallLimit time.Duration `name:"disk-stall-limit" group:"Data" placeholder:"DURATION" help:"Longest time that a write to the disk may take, from 1s to 10m. After that the disk counts as hung, and the node stops. Raise it if the storage pauses longer, e.g. during snapshots of the volume."`
	// DiskReserve is in bytes. With less free space, new bets are refused, but open rounds still settle.
	DiskReserve ByteSize `name:"disk-reserve" group:"Data" placeholder:"SIZE" help:"Free disk space below which new bets are refused, so that open rounds can still settle. At least 16MiB."`
	// Memory is how much memory the whole process may use, in bytes. 0: 1 GiB, or less if there is less.
	Memory ByteSize `name:"memory" group:"Data" placeholder:"SIZE" help:"Memory that the casino may use, at least 64MiB. 0: 1GiB, the container's limit or three quarters of the machine's memory, whichever is least. A container's limit always applies."`
}

// Listen says where the node listens and how long it waits for clients.
type Listen struct {
	// HTTPAddr is the address of the plain listener, host:port. Empty: none.
	HTTPAddr string `name:"http-addr" group:"Listeners" placeholder:"HOST:PORT" help:"Address for plain HTTP. With TLS on, it answers ACME challenges and redirects to HTTPS. Use 'none' for no listener. With a domain and TLS, the default is :80."`
	// HTTPSAddr is the address of the TLS listener, host:port. Empty: none.
	HTTPSAddr string `name:"https-addr" group:"Listeners" placeholder:"HOST:PORT" help:"Address for HTTPS. The default is :443 with a domain, 127.0.0.1:8443 with TLS but no domain, and none without TLS."`
	// OpsAddr is the address of the operator's listener (metrics, health), host:port. Empty: none.
	OpsAddr string `name:"ops-addr" group:"Listeners" placeholder:"HOST:PORT" help:"Address of the operator's listener for metrics and health. Use 'none' for no listener."`
	// Domains are the casino's host names, in lower-case ASCII, the canonical one first. Load converts what it reads.
	Domains []string `name:"domain" group:"Listeners" placeholder:"NAME" help:"Domain names of the casino, separated by commas; the first is the canonical one. Turns on HTTPS, with certificates by ACME. Names in other scripts are converted (müller.example is xn--mller-kva.example)."`
	// TrustedProxies may give the client's address, by X-Forwarded-For or by the PROXY protocol.
	TrustedProxies []netip.Prefix `name:"trusted-proxies" group:"Listeners" placeholder:"CIDR" help:"Addresses and networks of the proxies whose X-Forwarded-For and PROXY headers are trusted, e.g. 127.0.0.1,10.0.5.0/24. Empty: no proxy is trusted."`
	ProxyProtocol  Switch         `name:"proxy-protocol" group:"Listeners" help:"Whether trusted proxies begin each connection with a PROXY protocol header (version 1 or 2)."`
	// ReadTimeout bounds the reading of a request's header, and again of its body: 1 s … 5 min.
	ReadTimeout time.Duration `name:"read-timeout" group:"Listeners" placeholder:"DURATION" help:"How long a client may take to send a request's header, and again to send its body. From 1s to 5m."`
	// WriteTimeout bounds the writing of an answer: 1 s … 10 min. WebSockets are exempt.
	WriteTimeout time.Duration `name:"write-timeout" group:"Listeners" placeholder:"DURATION" help:"How long a request may take, from its header to the last byte of its answer. From 1s to 10m."`
	// IdleTimeout is how long a kept-alive connection may be silent: 1 s … 1 h.
	IdleTimeout time.Duration `name:"idle-timeout" group:"Listeners" placeholder:"DURATION" help:"How long a connection may stay idle between two requests. From 1s to 1h."`
	// ShutdownTimeout bounds how long a stopping node waits for requests in flight: 0 … 10 min.
	ShutdownTimeout time.Duration `name:"shutdown-timeout" group:"Listeners" placeholder:"DURATION" help:"How long a stopping node waits for requests in flight. At most 10m."`
	Compression     Switch        `name:"compression" group:"Listeners" help:"Whether text answers of 1 KiB and more are compressed (gzip, zstd) for clients that accept it."`
}

// TLS says how the node gets its certificates.
type TLS struct {
	Mode TLSMode `name:"tls" group:"TLS" placeholder:"MODE" help:"Where certificates come from: acme (Let's Encrypt or another ACME directory), files (your own), internal (the casino's own certificate authority), off (plain HTTP, on loopback or behind a proxy). The default is acme with a domain, and off without."`
	// CertFile and KeyFile are PEM files, reloaded when they change.
	CertFile string `name:"tls-cert" group:"TLS" reload:"yes" placeholder:"FILE" help:"Certificate chain in PEM, for tls=files. Reloaded when it changes."`
	KeyFile  string `name:"tls-key" group:"TLS" reload:"yes" placeholder:"FILE" help:"Private key in PEM, for tls=files. Reloaded when it changes."`
	// ACMEEmail is where the authority reports problems with certificates. May be empty.
	ACMEEmail string `name:"acme-email" group:"TLS" placeholder:"ADDRESS" help:"E-mail address for the ACME authority's messages about certificates."`
	// ACMEDirectory is the URL of the ACME directory. Empty: Let's Encrypt, production or staging.
	ACMEDirectory string `name:"acme-directory" group:"TLS" placeholder:"URL" help:"Directory URL of the ACME authority. Empty: Let's Encrypt."`
	ACMEStaging   bool   `name:"acme-staging" group:"TLS" help:"Use Let's Encrypt's staging directory. It is for tests: browsers don't trust its certificates."`
	// ACMEEABKeyID and ACMEEABKey bind the ACME account to an account that the authority already knows (RFC 8555, 7.3.4).
	ACMEEABKeyID   string `name:"acme-eab-kid" group:"TLS" placeholder:"ID" help:"Key id of the external account binding, for authorities that require one."`
	ACMEEABKey     Secret `name:"acme-eab-hmac" kong:"-" group:"TLS" help:"HMAC key of the external account binding, base64url as the authority gives it."`
	ACMEEABKeyFile string `name:"acme-eab-hmac-file" group:"TLS" placeholder:"FILE" help:"File that holds the HMAC key of the external account binding."`
	// ACMERootFile is a PEM file with the roots to trust when talking to ACMEDirectory. Empty: the system's.
	ACMERootFile string `name:"acme-ca-root" group:"TLS" placeholder:"FILE" help:"Root certificates in PEM for talking to a private ACME authority. Empty: the system's."`
	// HSTS is for which hosts browsers remember for two years to use HTTPS only.
	HSTS HSTSMode `name:"hsts" group:"TLS" placeholder:"MODE" help:"For which hosts browsers remember for two years to use HTTPS only (HSTS): host (this one), subdomains (and all below it), preload (the same, ready for the browsers' preload lists), off. The default is off with tls=internal, and host otherwise."`
}

// Access says who may use the API from other origins, and who may read the metrics.
type Access struct {
	// CORSOrigins are the origins (https://pages.example) whose pages may call the API.
	CORSOrigins []string `name:"cors-origins" group:"Access" reload:"yes" placeholder:"ORIGIN" help:"Origins whose pages may call the API from a browser, e.g. https://pages.example. Empty: only the casino's own."`
	// MetricsAllow are the networks that may read /metrics on the main listener. Empty: none by address.
	MetricsAllow     []netip.Prefix `name:"metrics-allow" group:"Access" reload:"yes" placeholder:"CIDR" help:"Networks outside loopback that may read /metrics, on the main and on the operator's listener."`
	MetricsToken     Secret         `name:"metrics-token" kong:"-" group:"Access" reload:"yes" help:"Bearer token that may read /metrics from anywhere, at least 16 characters. Empty: none."`
	MetricsTokenFile string         `name:"metrics-token-file" group:"Access" reload:"yes" placeholder:"FILE" help:"File that holds the bearer token for /metrics."`
}

// Accounts says which coins a player gets, and how sign-in works.
type Accounts struct {
	SignUp SignUp `name:"sign-up" group:"Accounts" reload:"yes" placeholder:"WAY" help:"Who may open an account: open (anybody), invite (whoever has an invitation, see imperio invite) or closed (nobody; operators open accounts)."`
	// WelcomeCoins are granted once, to a new account. DailyCoins can be collected once in 24 hours. 0: none.
	WelcomeCoins games.Coins `name:"welcome-coins" group:"Accounts" reload:"yes" placeholder:"COINS" help:"Coins that a new account starts with. At most 1000000000."`
	DailyCoins   games.Coins `name:"daily-coins" group:"Accounts" reload:"yes" placeholder:"COINS" help:"Coins that a player may collect once in 24 hours. At most 1000000000; 0 for none."`
	// Season is how long a season lasts, in which players who take part are ranked.
	Season Season `name:"season" group:"Accounts" reload:"yes" placeholder:"LENGTH" help:"How long a season lasts, in which players who choose to take part are ranked: month (a calendar month, UTC) or off (nobody can join; a running season still ends with its month)."`
	// BcryptCost is the base-2 logarithm of bcrypt's rounds: 10 … 16.
	BcryptCost int `name:"bcrypt-cost" group:"Accounts" placeholder:"N" help:"Cost of a password hash, from 10 to 16. Each step doubles the time of a sign-in."`
	// PasswordWait bounds the wait for a core to check a password on: 100 ms … 10 min, and shorter than WriteTimeout.
	PasswordWait time.Duration `name:"password-wait" group:"Accounts" placeholder:"DURATION" help:"How long a sign-in waits for its password to be checked before it is refused as busy. From 100ms, and shorter than write-timeout."`
	// SessionLifetime is how long a session lasts after sign-in: 5 min … 365 days.
	SessionLifetime time.Duration `name:"session-lifetime" group:"Accounts" reload:"yes" placeholder:"DURATION" help:"How long a session lasts after signing in. From 5m to 8760h."`
}

// Logs says what the node logs.
type Logs struct {
	Level     slog.Level `name:"log-level" group:"Logs" reload:"yes" placeholder:"LEVEL" help:"Lowest level that is logged: debug, info, warn or error."`
	Format    LogFormat  `name:"log-format" group:"Logs" placeholder:"FORMAT" help:"Format of the log lines: text or json."`
	AccessLog Switch     `name:"access-log" group:"Logs" reload:"yes" help:"Whether each request is logged. Health checks never are."`
}

// Default is the configuration when no source gives a value: plain HTTP on loopback, data in ./imperio-data.
func Default() Config {
	c := Config{
		Data: Data{
			Dir:                "./imperio-data",
			CheckpointInterval: time.Second,
			DiskStallLimit:     5 * time.Second,
			DiskReserve:        256 << 20,
		},
		Listen: Listen{
			OpsAddr:         "127.0.0.1:9190",
			ReadTimeout:     12 * time.Second,
			WriteTimeout:    30 * time.Second,
			IdleTimeout:     2 * time.Minute,
			ShutdownTimeout: 20 * time.Second,
			Compression:     true,
		},
		Limits: defaultLimits(),
		Accounts: Accounts{
			SignUp:          SignUpOpen,
			Season:          SeasonMonth,
			WelcomeCoins:    100,
			DailyCoins:      100,
			BcryptCost:      12,
			PasswordWait:    3 * time.Second,
			SessionLifetime: 30 * 24 * time.Hour,
		},
		Games: defaultGames(),
		Logs:  Logs{Level: slog.LevelInfo, Format: LogText, AccessLog: true},

		Backups: defaultBackups(),
		Mirror:  defaultMirror(),
		Cluster: defaultCluster(),
	}
	c.derive(func(string) bool { return false })
	return c
}

// derive fills in the defaults that depend on other keys: TLS depends on having a domain, and the addresses on both.
// given says whether any source has set a key. The result says, for each key whose default has changed, why.
func (c *Config) derive(given func(key string) bool) map[string]string {
	reasons := make(map[string]string)
	if !given("tls") {
		c.TLS.Mode = TLSOff
		if len(c.Listen.Domains) > 0 {
			c.TLS.Mode = TLSACME
			reasons["tls"] = "since a domain is given"
		}
	}
	if !given("hsts") {
		c.TLS.HSTS = HSTSHost
		if c.TLS.Mode == TLSInternal {
			c.TLS.HSTS = HSTSOff
			reasons["hsts"] = "since the certificate is of the casino's own"
		}
	}
	public := len(c.Listen.Domains) > 0 && c.TLS.Mode != TLSOff
	if !given("http-addr") {
		c.Listen.HTTPAddr = "127.0.0.1:8080"
		if public {
			c.Listen.HTTPAddr = ":80"
			reasons["http-addr"] = "since a domain is given"
		}
	}
	if !given("https-addr") {
		c.Listen.HTTPSAddr = ""
		switch {
		case public:
			c.Listen.HTTPSAddr = ":443"
			reasons["https-addr"] = "since a domain is given"
		case c.TLS.Mode != TLSOff:
			c.Listen.HTTPSAddr = "127.0.0.1:8443"
			reasons["https-addr"] = "since TLS is on"
		}
	}
	for _, address := range []*string{&c.Listen.HTTPAddr, &c.Listen.HTTPSAddr, &c.Listen.OpsAddr} {
		if *address == "none" {
			*address = ""
		}
	}
	return reasons
}
