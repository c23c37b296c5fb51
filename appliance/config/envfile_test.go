package config

import (
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// Values as systemd.exec(5) describes EnvironmentFile=.
func TestEnvFile_ReadsValuesAsSystemdDoes(t *testing.T) {
	const key = "IMPERIO_METRICS_TOKEN_FILE"
	for line, want := range map[string]string{
		"%s=/run/token":                 "/run/token",
		"  %s = /run/token \t":          "/run/token",
		"%s=/run/a token":               "/run/a token",
		"%s=/run/token\r\n":             "/run/token",
		"# a note \\\n%s=/run/token":    "/run/token",
		"\t; a note\n\n%s=/run/token":   "/run/token",
		"%s=/run/to\\\nken":             "/run/token",
		"%s=/run/to\\\r\nken":           "/run/token",
		"%s=\\\n/run/\\\ntoken":         "/run/token",
		"%s=/run/a\\ b\\\\c\\\"d":       `/run/a b\c"d`,
		"%s=/run/a\\\\\n":               `/run/a\`,
		"%s=/run/token\\":               "/run/token",
		`%s=/run/"a"'b'`:                `/run/"a"'b'`,
		`%s=/run/$HOME`:                 "/run/$HOME",
		`%s=/run/a#b;c`:                 "/run/a#b;c",
		`%s='/run/a # \b"c'  `:          `/run/a # \b"c`,
		`%s="/run/a # 'b'"`:             "/run/a # 'b'",
		`%s="/run/\"a\" \\ \$ \n"`:      `/run/"a" \ $ \n`,
		"%s=\"/run/\\\ntoken\"":         "/run/token",
		"%s=/run/a=b":                   "/run/a=b",
		"%s=/run/münze":                 "/run/münze",
		"%s=\n%[1]s=/run/token\n%[1]s=": "/run/token",
		"%s=":                           "",
		"%s=''":                         "",
		"":                              "",
	} {
		text := line
		if line != "" {
			text = fmt.Sprintf(line, key)
		}
		l := load(Input{Flags: map[string]string{"env-file": "e"}, ReadFile: files(map[string]string{"e": text, want: "sixteen-or-more-characters"})})
		if got := l.loaded.Config.Access.MetricsTokenFile; got != want || len(l.problems) > 0 {
			t.Errorf("%q: got %q, want %q; %v", text, got, want, l.problems)
		}
	}
}

// What systemd ignores, or takes otherwise than it looks, is an error with the number of the line.
func TestEnvFile_RefusesWhatIsEasilyMistaken(t *testing.T) {
	for text, want := range map[string]string{
		"IMPERIO_DOMAIN":                       "line 1: this is no NAME=value",
		"\n\nIMPERIO DOMAIN=a.example":         "line 3: this is no NAME=value",
		"=a.example":                           "line 1: this is no NAME=value",
		"[Service]":                            "line 1: this is no NAME=value",
		"export IMPERIO_DOMAIN=a.example":      "line 1: leave out the word export: write IMPERIO_DOMAIN=value",
		"IMPERIO_DOMAIN=a.example # mine":      "line 1: IMPERIO_DOMAIN: a comment can't follow a value",
		"IMPERIO_DOMAIN='a.example":            "line 1: IMPERIO_DOMAIN: the value begins with ' and does not end with it",
		"#\nIMPERIO_DOMAIN=\"a.example\nb\"":   "line 2: IMPERIO_DOMAIN: the value begins with \" and does not end with it",
		"IMPERIO_DOMAIN='a.example' b":         "line 1: IMPERIO_DOMAIN: there is more after the closing '",
		"IMPERIO_DOMAIN=a\xff.example":         "line 1: the line is not plain text in UTF-8",
		"IMPERIO_DOMAIN=a\x00":                 "line 1: the line is not plain text in UTF-8",
		"\ufeffIMPERIO_DOMAIN=a.example":       "line 1: the file begins with a byte order mark",
		"GOGC=100":                             "line 1: GOGC does not configure imperio",
		"IMPERIO_DOMAINS=a.example":            "line 1: IMPERIO_DOMAINS: no such key: see 'imperio config reference'. Did you mean IMPERIO_DOMAIN?",
		"IMPERIO_ENV_FILE=f":                   "line 1: an env file can't name another one",
		"IMPERIO_SLOTS=on\n\nIMPERIO_SLOTS=on": "line 3: IMPERIO_SLOTS is already set in line 1",
		"\n\\\nIMPERIO_DAILY_COINS=many":       "line 2: this is no NAME=value",
		"#\n#\nIMPERIO_DAILY_COINS=many":       "env file e, line 3, IMPERIO_DAILY_COINS: \"many\" is not a whole number",
		"IMPERIO_SLOTS=o\\\nn\nIMPERIO_X=1":    "line 3: IMPERIO_X: no such key",
	} {
		_, err := Load(Input{Flags: map[string]string{"env-file": "e"}, ReadFile: files(map[string]string{"e": text})})
		if text == "\n\\\nIMPERIO_DAILY_COINS=many" { // the line goes on in the next: systemd reads the same
			want = "env file e, line 2, IMPERIO_DAILY_COINS"
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestEnvFile_ReportsAllMistakesAtOnce(t *testing.T) {
	_, err := LoadValid(Input{Environ: []string{"IMPERIO_ENV_FILE=e"}, ReadFile: files(map[string]string{"e": "IMPERIO_SLOTS=maybe\nPATH=/bin\nnonsense\nIMPERIO_DAILY_COINS=-1\n"})})
	problems, _ := errors.AsType[Problems](err)
	if len(problems) != 3 {
		t.Errorf("got %v", err)
	}
	_, err = Load(Input{Flags: map[string]string{"env-file": "missing"}, ReadFile: files(nil)})
	if err == nil || !strings.Contains(err.Error(), "env file missing") || !strings.Contains(err.Error(), "name a file that exists") {
		t.Errorf("got %v", err)
	}
}

func TestEnvFile_StandsBetweenTheEnvironmentAndTheFile(t *testing.T) {
	in := Input{
		Flags:   map[string]string{"env-file": "e", "slots-min-stake": "4"},
		Environ: []string{"IMPERIO_ENV_FILE=not this", "IMPERIO_SLOTS_MIN_STAKE=3", "IMPERIO_DAILY_COINS=3"},
		ReadFile: files(map[string]string{
			"e": "IMPERIO_CONFIG=f\nIMPERIO_SLOTS_MIN_STAKE=2\nIMPERIO_DAILY_COINS=2\nIMPERIO_WELCOME_COINS=2",
			"f": "slots-min-stake = 1\ndaily-coins = 1\nwelcome-coins = 1\nslots-max-stake = 5",
		}),
	}
	l := mustLoad(t, in)
	for key, want := range map[string]string{
		"slots-min-stake": "flag --slots-min-stake", "daily-coins": "environment IMPERIO_DAILY_COINS", "welcome-coins": "env file e", "slots-max-stake": "file f",
	} {
		if l.Sources[key] != want {
			t.Errorf("%s is from %q, want %q", key, l.Sources[key], want)
		}
	}
	if c := l.Config; c.Games.SlotsMinStake != 4 || c.Accounts.DailyCoins != 3 || c.Accounts.WelcomeCoins != 2 || c.Games.SlotsMaxStake != 5 {
		t.Errorf("got %+v", c)
	}
}

// An operator finds the installed casino without naming it, and never instead of another one.
func TestInstalled_IsFoundWhenNothingElseIsNamed(t *testing.T) {
	installed := map[string]string{InstalledEnvFile: "IMPERIO_WELCOME_COINS=7", "f": "welcome-coins = 8", "e": ""}
	nothing := func(string) bool { return false }
	for name, c := range map[string]struct {
		in        Input
		coins     string
		dir       string
		dirSource string
	}{
		"nothing is named":          {Input{Installed: true}, "7", InstalledDataDir, "default of the installed casino"},
		"serve":                     {Input{}, "100", "./imperio-data", "default"},
		"a casino in this place":    {Input{Installed: true, Exists: func(path string) bool { return path == "./imperio-data" }}, "100", "./imperio-data", "default"},
		"a data directory":          {Input{Installed: true, Flags: map[string]string{"data-dir": "d"}}, "100", "d", "flag --data-dir"},
		"a directory's variable":    {Input{Installed: true, Environ: []string{"IMPERIO_DATA_DIR=d"}}, "100", "d", "environment IMPERIO_DATA_DIR"},
		"a file":                    {Input{Installed: true, Flags: map[string]string{"config": "f"}}, "8", "./imperio-data", "default"},
		"another env file":          {Input{Installed: true, Environ: []string{"IMPERIO_ENV_FILE=e"}}, "100", "./imperio-data", "default"},
		"the installed env file":    {Input{Installed: true, Flags: map[string]string{"env-file": InstalledEnvFile}}, "7", InstalledDataDir, "default of the installed casino"},
		"the same for serve":        {Input{Flags: map[string]string{"env-file": InstalledEnvFile}}, "7", InstalledDataDir, "default of the installed casino"},
		"an empty variable":         {Input{Installed: true, Environ: []string{"IMPERIO_DATA_DIR="}}, "7", InstalledDataDir, "default of the installed casino"},
		"another flag and no place": {Input{Installed: true, Flags: map[string]string{"log-level": "debug"}}, "7", InstalledDataDir, "default of the installed casino"},
	} {
		c.in.ReadFile = files(installed)
		if c.in.Exists == nil {
			c.in.Exists = nothing
		}
		l := mustLoad(t, c.in)
		if got := fmt.Sprint(l.Config.Accounts.WelcomeCoins); got != c.coins || l.Config.Data.Dir != c.dir || l.Sources["data-dir"] != c.dirSource {
			t.Errorf("%s: %s coins, %s from %s", name, got, l.Config.Data.Dir, l.Sources["data-dir"])
		}
	}
	own := mustLoad(t, Input{Installed: true, Exists: nothing, ReadFile: files(map[string]string{InstalledEnvFile: "IMPERIO_DATA_DIR=/srv/casino"})})
	if own.Config.Data.Dir != "/srv/casino" {
		t.Errorf("the data directory is %s, and the file says /srv/casino", own.Config.Data.Dir)
	}
	unreadable := func(name string) ([]byte, error) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	if l := mustLoad(t, Input{Installed: true, Exists: nothing, ReadFile: unreadable}); l.Config.Data.Dir != "./imperio-data" || l.EnvFile != "" {
		t.Errorf("without the right to read the file: %+v", l.Config.Data)
	}
}

// An operator may uncomment the whole example and set more lines in front of it: an empty line takes nothing back.
func TestEnvExample_UncommentedAsAnEnvFileChangesNothing(t *testing.T) {
	var example strings.Builder
	if err := WriteEnv(&example); err != nil {
		t.Fatal(err)
	}
	uncommented := strings.ReplaceAll(example.String(), "\n#IMPERIO_", "\nIMPERIO_")
	if n := strings.Count(uncommented, "\nIMPERIO_"); n != len(Keys()) {
		t.Fatalf("the example has %d lines for %d keys", n, len(Keys()))
	}
	for _, more := range moreThanTheExample {
		want, err := LoadValid(Input{Environ: append([]string{"IMPERIO_DATA_DIR=/var/lib/imperio"}, more...)})
		if err != nil {
			t.Fatalf("%q: %v", more, err)
		}
		in := func(text string, environ []string) Input {
			return Input{Environ: environ, Flags: map[string]string{"env-file": "e"}, ReadFile: files(map[string]string{"e": text})}
		}
		for where, in := range map[string]Input{
			"in front of it": in(strings.Join(append(slices.Clone(more), uncommented), "\n"), nil),
			"in the service": in(uncommented, more),
		} {
			got, err := LoadValid(in)
			if err != nil {
				t.Errorf("%q %s: %v", more, where, err)
				continue
			}
			if d := Differences(&want.Config, &got.Config); len(d) > 0 {
				t.Errorf("%q %s: the example changes %v", more, where, d)
			}
		}
	}
}

func TestReloaded_TakesTheKeysThatSaySoAndNoOthers(t *testing.T) {
	was := Default()
	next := mustLoad(t, Input{Flags: map[string]string{
		"http-addr": "127.0.0.1:1", "slots-max-stake": "5", "log-level": "debug", "log-format": "json", "cors-origins": "https://a.example",
		"max-connections": "off", "limit-slots-rate": "1/s", "data-dir": "d", "metrics-allow": "10.0.0.0/8",
	}, Environ: []string{"IMPERIO_METRICS_TOKEN=0123456789abcdef"}}).Config
	differences := Differences(&was, &next)
	if len(differences) != 10 {
		t.Errorf("got %v", differences)
	}
	c := was.Reloaded(&next)
	for _, d := range Differences(c, &next) {
		if d.Reload {
			t.Errorf("%s was not taken", d.Key)
		}
		if d.Key != "http-addr" && d.Key != "log-format" && d.Key != "data-dir" {
			t.Errorf("%s needs a restart", d.Key)
		}
	}
	for _, d := range differences {
		if strings.Contains(d.From+d.To, "0123456789abcdef") {
			t.Errorf("a secret shows: %v", d)
		}
	}
	if !reflect.DeepEqual(was, Default()) {
		t.Error("the configuration itself has changed")
	}
	empty := Default()
	empty.Access.CORSOrigins = []string{}
	if d := Differences(&was, &empty); len(d) > 0 {
		t.Errorf("an empty list differs from none: %v", d)
	}
}

func FuzzEnvFile(f *testing.F) {
	f.Add("IMPERIO_DOMAIN=a.example\n# x\nIMPERIO_NOTIFY='a b'\\\n\"")
	f.Fuzz(func(t *testing.T, text string) {
		for a, err := range assignments(text) {
			if a.line < 1 || a.line > strings.Count(text, "\n")+1 || err == nil && !isVariable(a.name) {
				t.Errorf("%+v, %v", a, err)
			}
		}
	})
}
