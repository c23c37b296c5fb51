package config

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// Mirror says where the casino is mirrored to, for reports in SQL.
type Mirror struct {
	// To is the database. Empty: there is no mirror.
	To MirrorURL `name:"mirror" group:"Mirror" placeholder:"URL" help:"PostgreSQL database that the casino is mirrored to, for reports in SQL: postgres://user@host/database, with parameters such as sslmode=verify-full and sslrootcert=FILE. Empty: there is no mirror."`
	// Password is of the user in To. Empty: none is needed, or it is in the user's .pgpass.
	Password     Secret `name:"mirror-password" kong:"-" group:"Mirror" help:"Password of the mirror's user."`
	PasswordFile string `name:"mirror-password-file" group:"Mirror" placeholder:"FILE" help:"File that holds the password of the mirror's user."`
	// Schema holds the tables: 1 … 63 lower-case letters, digits and underscores, not beginning with a digit or pg_.
	Schema string `name:"mirror-schema" group:"Mirror" placeholder:"NAME" help:"Schema of the mirror's tables, which Imperio makes. Lower-case letters, digits and underscores."`
}

func defaultMirror() Mirror { return Mirror{Schema: "imperio"} }

var schemaName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

func (v *validator) mirror() {
	m := v.c.Mirror
	v.check(schemaName.MatchString(m.Schema) && !strings.HasPrefix(m.Schema, "pg_"), "mirror-schema",
		"%q can't be a schema's name: use up to 63 lower-case letters, digits and underscores, such as imperio", m.Schema)
	if m.To == "" {
		v.check(m.Password == "", "mirror-password", "there is no mirror that it could be for: set mirror as well, or leave it out")
		return
	}
	_, err := m.To.parse()
	v.check(err == nil, "mirror", "%v", err)
}

// mirrorWarnings lists what is allowed but risky.
func (c *Config) mirrorWarnings() []string {
	u, err := c.Mirror.To.parse()
	if c.Mirror.To == "" || err != nil {
		return nil
	}
	if mode := u.Query().Get("sslmode"); mode == "verify-full" || u.Hostname() == "" || isLoopbackHost(u.Hostname()) {
		return nil
	}
	return []string{fmt.Sprintf("mirror: without sslmode=verify-full, anybody on the way to %s can read and change what is mirrored", u.Hostname())}
}

// MirrorURL is a database's URL. It holds no password: UnmarshalText refuses URLs with one.
type MirrorURL string

// UnmarshalText takes a postgres URL. It looks at nothing but the text.
func (u *MirrorURL) UnmarshalText(text []byte) error {
	taken := MirrorURL(text)
	if taken != "" {
		if _, err := taken.parse(); err != nil {
			return err
		}
	}
	*u = taken
	return nil
}

// parse checks the URL. Its errors don't quote the URL, which may hold a password that has no place there.
func (u MirrorURL) parse() (*url.URL, error) {
	parsed, err := url.Parse(string(u))
	switch {
	case err != nil, parsed.Scheme != "postgres" && parsed.Scheme != "postgresql", parsed.Opaque != "":
		return nil, fmt.Errorf("not the URL of a database: write postgres://user@host/database")
	case parsed.Host == "" && parsed.Query().Get("host") == "":
		return nil, fmt.Errorf("the URL names no host: write postgres://user@host/database, or ?host=/var/run/postgresql for a Unix socket")
	case strings.Trim(parsed.Path, "/") == "":
		return nil, fmt.Errorf("the URL names no database: write postgres://user@host/database")
	case parsed.Fragment != "":
		return nil, fmt.Errorf("the URL has a '#': write it as %%23 if it is part of a name")
	}
	_, withPassword := parsed.User.Password()
	if withPassword || parsed.Query().Has("password") || parsed.Query().Has("sslpassword") {
		return nil, fmt.Errorf("the URL holds a password, which others could read: set mirror-password-file, and leave it out")
	}
	return parsed, nil
}

func (u MirrorURL) String() string { return string(u) }
