package config

import (
	"strings"
	"testing"
)

func TestMirrorURL_DatabasesThatAreTakenAndRefused(t *testing.T) {
	for text, want := range map[string]string{ // "" if it is fine
		"":                                     "",
		"postgres://imperio@127.0.0.1/reports": "",
		"postgresql://imperio@[::1]:5433/reports?sslmode=verify-full&sslrootcert=/etc/root.crt": "",
		"postgres://imperio@/reports?host=/var/run/postgresql":                                  "",

		"reports":                                   "not the URL of a database",
		"postgres:reports":                          "not the URL of a database",
		"mysql://u@h/db":                            "not the URL of a database",
		"postgres://u@h/%zz":                        "not the URL of a database",
		"postgres:///reports":                       "names no host",
		"postgres://u@h":                            "names no database",
		"postgres://u@h/":                           "names no database",
		"postgres://u@h/db#x":                       "has a '#'",
		"postgres://u:hunter2@h/db":                 "mirror-password-file",
		"postgres://u@h/db?password=hunter2":        "mirror-password-file",
		"postgres://u@h/db?sslpassword=hunter2":     "mirror-password-file",
		"postgres://u:hunter2@h:port/db?sslmode=no": "not the URL of a database",
	} {
		var u MirrorURL
		err := u.UnmarshalText([]byte(text))
		if want == "" {
			if err != nil || u.String() != text {
				t.Errorf("%q: %v, %q", text, err, u)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") || u != "" {
			t.Errorf("%q: %v, %q; want %q", text, err, u, want)
		}
	}
}

func TestValidate_Mirror(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Mirror)
		want   string // "" if it is valid
	}{
		{"a database", func(m *Mirror) { m.To, m.Password = "postgres://u@h/db", "hunter2hunter2" }, ""},
		{"another schema", func(m *Mirror) { m.To, m.Schema = "postgres://u@h/db", "casino_2" }, ""},
		{"a password alone", func(m *Mirror) { m.Password = "hunter2hunter2" }, "mirror-password: there is no mirror"},
		{"not a URL", func(m *Mirror) { m.To = "h/db" }, "mirror: not the URL"},
		{"no schema", func(m *Mirror) { m.Schema = "" }, "mirror-schema"},
		{"a schema of PostgreSQL's own", func(m *Mirror) { m.Schema = "pg_catalog" }, "mirror-schema"},
		{"a schema that needs quotes", func(m *Mirror) { m.Schema = `a"; DROP` }, "mirror-schema"},
	} {
		c := Default()
		test.change(&c.Mirror)
		err := c.Validate()
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}

func TestWarnings_MirrorBeyondTheMachine(t *testing.T) {
	for url, want := range map[MirrorURL]bool{
		"":                          false,
		"postgres://u@127.0.0.1/db": false,
		"postgres://u@localhost/db": false,
		"postgres://u@db.example.org/db?sslmode=verify-full": false,
		"postgres://u@db.example.org/db?sslmode=require":     true,
		"postgres://u@db.example.org/db":                     true,
		"postgres://u@/db?host=/var/run/postgresql":          false,
	} {
		c := Default()
		c.Mirror.To = url
		if got := strings.Contains(strings.Join(c.Warnings(), "\n"), "mirror: "); got != want {
			t.Errorf("%s: warned %v, want %v", url, got, want)
		}
	}
}
