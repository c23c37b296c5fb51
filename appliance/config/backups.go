package config

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Backups says where backups go, when they are made, and how long they are kept.
type Backups struct {
	// To are the targets. Each gets every backup. Empty: there are no backups.
	To []BackupURL `name:"backup-to" group:"Backups" placeholder:"URL" help:"Where backups go: file:///absolute/path, or s3://bucket/prefix with the parameters endpoint (URL), region and path-style=true. Several get the same backups. Empty: no backups."`
	// Schedule is when archives of the whole state are made, in local time.
	Schedule Schedule `name:"backup-schedule" group:"Backups" placeholder:"CRON" help:"When a copy of the whole state is made, in local time: five fields as in cron (minute, hour, day of month, month, day of week), @daily or the like, or off."`
	// Keep is in days: 1 … 3650.
	Keep int `name:"backup-keep" group:"Backups" placeholder:"DAYS" help:"How many days backups are kept, from 1 to 3650."`
	// KeepWeekly is how many weeks one archive a week is kept for: 0 … 520. KeepMonthly is the same in months: 0 … 240.
	KeepWeekly  int `name:"backup-keep-weekly" group:"Backups" placeholder:"WEEKS" help:"How many weeks one backup of each week is kept, at most 520. 0 for none."`
	KeepMonthly int `name:"backup-keep-monthly" group:"Backups" placeholder:"MONTHS" help:"How many months one backup of each month is kept, at most 240. 0 for none."`
	// Recipients are whom backups are encrypted to, besides the casino itself. Empty: backups are not encrypted.
	Recipients []AgeRecipient `name:"backup-recipients" group:"Backups" placeholder:"RECIPIENT" help:"Public keys of age (age1…, made with age-keygen) that backups are encrypted to. Empty: not encrypted, and without the casino's key."`
	// Compression is of archives and of the log's segments.
	Compression Compression `name:"backup-compression" group:"Backups" placeholder:"METHOD" help:"How backups are compressed: zstd or gzip."`
	// Interval is how often the log's committed entries are shipped: 1 s … 1 h. It bounds what the loss of the machine takes.
	Interval time.Duration `name:"backup-interval" group:"Backups" placeholder:"DURATION" help:"How often new bets and other changes are shipped to the targets, from 1s to 1h: at most so much is lost with the machine."`
	// LogLimit is how many bytes of the log are kept for targets that are down; at least 16 MiB.
	LogLimit ByteSize `name:"backup-log-limit" group:"Backups" placeholder:"SIZE" help:"How much of the log is kept for targets that are down, at least 16MiB. Past that there is a gap in time, which the next whole copy closes."`
	// Drill is when the newest backup is restored for practice, in local time.
	Drill Schedule `name:"backup-drill" group:"Backups" placeholder:"CRON" help:"When the newest backup is fetched, restored to a temporary directory and audited: as backup-schedule, or off."`
	// Retention says whether the casino deletes what is older than it is to be kept.
	Retention Switch `name:"backup-retention" group:"Backups" help:"Whether the casino deletes old backups. With off that is left to the bucket's rules, and credentials that may only add objects are enough."`
	// S3AccessKey and S3SecretKey are for all targets on S3. Empty: the machine's own credentials.
	S3AccessKey     string `name:"backup-s3-access-key" group:"Backups" placeholder:"ID" help:"Access key id for the targets on S3. Empty: the credentials that the machine or container gets from its provider."`
	S3SecretKey     Secret `name:"backup-s3-secret-key" kong:"-" group:"Backups" help:"Secret access key for the targets on S3."`
	S3SecretKeyFile string `name:"backup-s3-secret-key-file" group:"Backups" placeholder:"FILE" help:"File that holds the secret access key for the targets on S3."`
}

func defaultBackups() Backups {
	return Backups{
		Schedule: "0 2 * * *", Keep: 30, Compression: CompressZstd,
		Interval: 5 * time.Second, LogLimit: 256 << 20,
		Drill: "0 4 * * 0", Retention: true,
	}
}

func (v *validator) backups() {
	b := v.c.Backups
	seen := make(map[BackupURL]bool)
	for _, target := range b.To {
		u, err := target.parse()
		v.check(err == nil, "backup-to", "%v", err)
		if err != nil {
			continue
		}
		v.check(!seen[target], "backup-to", "%s is named twice: leave one out", target)
		seen[target] = true
		if u.Scheme == "file" {
			v.check(!overlap(u.Path, v.c.Data.Dir), "backup-to",
				"%s and the data directory, %s, lie in each other: choose a directory elsewhere, best on another disk", u.Path, v.c.Data.Dir)
		}
	}
	v.schedule("backup-schedule", b.Schedule)
	v.schedule("backup-drill", b.Drill)
	v.check(b.Keep >= 1 && b.Keep <= 3650, "backup-keep", "%d is not from 1 to 3650 days", b.Keep)
	v.check(b.KeepWeekly >= 0 && b.KeepWeekly <= 520, "backup-keep-weekly", "%d is not from 0 to 520 weeks", b.KeepWeekly)
	v.check(b.KeepMonthly >= 0 && b.KeepMonthly <= 240, "backup-keep-monthly", "%d is not from 0 to 240 months", b.KeepMonthly)
	for _, r := range b.Recipients {
		v.check(r.check() == nil, "backup-recipients", "%v", r.check())
	}
	v.check(b.Compression == CompressZstd || b.Compression == CompressGzip, "backup-compression", "%q is neither zstd nor gzip", b.Compression)
	v.between("backup-interval", b.Interval, time.Second, time.Hour)
	v.check(b.LogLimit >= 16<<20, "backup-log-limit", "%s is too small: use 16MiB or more", b.LogLimit)
	v.check((b.S3AccessKey == "") == (b.S3SecretKey == ""), "backup-s3-access-key", "S3 needs both backup-s3-access-key and backup-s3-secret-key, or neither")
}

func (v *validator) schedule(key string, s Schedule) {
	v.check(s.check() == nil, key, "%v", s.check())
}

// overlap says whether one of two directories lies in the other, or both are the same.
func overlap(a, b string) bool {
	a, errA := filepath.Abs(a)
	b, errB := filepath.Abs(b)
	if errA != nil || errB != nil {
		return false
	}
	within := func(inner, outer string) bool {
		rest, err := filepath.Rel(outer, inner)
		return err == nil && rest != ".." && !strings.HasPrefix(rest, "../")
	}
	return within(a, b) || within(b, a)
}

// backupWarnings lists what is allowed but risky.
func (c *Config) backupWarnings() (warnings []string) {
	for _, target := range c.Backups.To {
		u, err := target.parse()
		if err != nil {
			continue
		}
		endpoint, err := url.Parse(u.Query().Get("endpoint"))
		if err == nil && endpoint.Scheme == "http" && !isLoopbackHost(endpoint.Hostname()) {
			warnings = append(warnings, fmt.Sprintf("backup-to: %s is reached by plain HTTP, so anybody on the way can read and change backups that are not encrypted", target))
		}
	}
	return warnings
}

// isLoopbackHost says whether a host name or an address means this machine.
func isLoopbackHost(host string) bool { return IsLoopback(net.JoinHostPort(host, "0")) }

// BackupURL is where backups go. It holds no secret: UnmarshalText refuses URLs with credentials.
type BackupURL string

// UnmarshalText takes a file or s3 URL. It looks at nothing but the text.
func (u *BackupURL) UnmarshalText(text []byte) error {
	taken := BackupURL(text)
	if _, err := taken.parse(); err != nil {
		return err
	}
	*u = taken
	return nil
}

// s3Parameters are what the query of an s3 URL may have.
var s3Parameters = []string{"endpoint", "region", "path-style"}

// parse checks the URL. Its errors don't quote the URL, which may hold a password that has no place there.
func (u BackupURL) parse() (*url.URL, error) {
	parsed, err := url.Parse(string(u))
	if err != nil || parsed.Scheme != "file" && parsed.Scheme != "s3" {
		return nil, fmt.Errorf("not a URL of a target: write file:///absolute/path or s3://bucket/prefix?endpoint=https://host")
	}
	if parsed.User != nil {
		return nil, fmt.Errorf("a target's URL holds no credentials: set backup-s3-access-key and backup-s3-secret-key-file")
	}
	if parsed.Fragment != "" {
		return nil, fmt.Errorf("a target's URL has no '#': write it as %%23 if it is part of a name")
	}
	if parsed.Scheme == "file" {
		return parsed, checkFileTarget(parsed)
	}
	return parsed, checkS3Target(parsed)
}

func checkFileTarget(u *url.URL) error {
	switch {
	case u.Host != "" || u.Opaque != "" || !filepath.IsAbs(u.Path):
		return fmt.Errorf("a directory needs its absolute path: write file:///backup/casino, with three slashes")
	case filepath.Clean(u.Path) == "/":
		return fmt.Errorf("the root directory can't be a target: name a directory of its own, such as file:///backup/casino")
	case u.RawQuery != "":
		return fmt.Errorf("a directory has no parameters: write '?' as %%3F if it is part of a name")
	}
	return nil
}

func checkS3Target(u *url.URL) error {
	if !isBucket(u.Host) {
		return fmt.Errorf("%q is not the name of a bucket: write s3://bucket/prefix", u.Host)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return fmt.Errorf("the parameters of a target on S3 can't be read: write them as ?endpoint=https://host&region=name&path-style=true")
	}
	for name, values := range query {
		if !slices.Contains(s3Parameters, name) {
			return fmt.Errorf("a target on S3 has no parameter %q: it has %s. Credentials are set by backup-s3-access-key and backup-s3-secret-key-file", name, strings.Join(s3Parameters, ", "))
		}
		if len(values) != 1 {
			return fmt.Errorf("the parameter %s is given twice: leave one out", name)
		}
	}
	if style := query.Get("path-style"); query.Has("path-style") && style != "true" && style != "false" {
		return fmt.Errorf("path-style is true or false, and not %q", style)
	}
	if region := query.Get("region"); strings.Trim(region, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
		return fmt.Errorf("%q is not a region: use one such as eu-central-1", region)
	}
	endpoint := query.Get("endpoint")
	if endpoint == "" {
		return nil
	}
	at, err := url.Parse(endpoint)
	if err != nil || at.Scheme != "https" && at.Scheme != "http" || at.Host == "" || at.User != nil || strings.Trim(at.Path, "/") != "" || at.RawQuery != "" || at.Fragment != "" {
		return fmt.Errorf("the endpoint is not a URL of a host: write endpoint=https://s3.example.org, or with a port")
	}
	return nil
}

// isBucket says whether name can be a bucket's: 3 to 63 lower-case letters, digits, dots and hyphens.
func isBucket(name string) bool {
	return len(name) >= 3 && len(name) <= 63 && isHostName(name)
}

func (u BackupURL) String() string { return string(u) }
