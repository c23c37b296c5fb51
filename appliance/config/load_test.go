package config

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// files is a ReadFile over the given files.
func files(content map[string]string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		text, found := content[name]
		if !found {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		return []byte(text), nil
	}
}

func mustLoad(t *testing.T, in Input) *Loaded {
	t.Helper()
	if in.ReadFile == nil {
		in.ReadFile = files(nil)
	}
	loaded, err := Load(in)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

func TestLoad_NothingGivenIsTheDefault(t *testing.T) {
	loaded := mustLoad(t, Input{Environ: []string{"PATH=/bin", "HOME=/root"}})
	if !reflect.DeepEqual(loaded.Config, Default()) {
		t.Errorf("got %+v", loaded.Config)
	}
	if err := loaded.Config.Validate(); err != nil {
		t.Errorf("the default is not valid: %v", err)
	}
	for key, source := range loaded.Sources {
		if source != "default" {
			t.Errorf("%s comes from %q", key, source)
		}
	}
}

func TestDefault_IsWhatTheContractFixes(t *testing.T) {
	c := Default()
	for _, check := range []struct{ name, got, want string }{
		{"data directory", c.Data.Dir, "./imperio-data"},
		{"http address", c.Listen.HTTPAddr, "127.0.0.1:8080"},
		{"https address", c.Listen.HTTPSAddr, ""},
		{"operator's address", c.Listen.OpsAddr, "127.0.0.1:9190"},
		{"tls", string(c.TLS.Mode), "off"},
		{"welcome coins", fmt.Sprint(c.Accounts.WelcomeCoins), "100"},
		{"daily coins", fmt.Sprint(c.Accounts.DailyCoins), "100"},
		{"bcrypt cost", fmt.Sprint(c.Accounts.BcryptCost), "12"},
		{"wait for a password check", c.Accounts.PasswordWait.String(), "3s"},
		{"general", c.Limits.GeneralRate.String() + " " + fmt.Sprint(c.Limits.GeneralBurst), "20/s 60"},
		{"sign-in", c.Limits.SignInRate.String() + " " + fmt.Sprint(c.Limits.SignInBurst), "20/m 10"},
		{"sign-up", c.Limits.SignUpRate.String() + " " + fmt.Sprint(c.Limits.SignUpBurst), "20/h 10"},
		{"slots", c.Limits.SlotsRate.String() + " " + fmt.Sprint(c.Limits.SlotsBurst), "60/m 10"},
		{"failed sign-ins", c.Limits.FailedSignIns.String(), "5/m"},
		{"slots", c.Games.SlotsRules, "slots/2"},
		{"roulette", c.Games.RouletteRules, "roulette/1"},
		{"blackjack", c.Games.BlackjackRules, "blackjack/1"},
		{"connections", fmt.Sprint(c.Limits.ConnectionsPerAddress), "100"},
	} {
		if check.got != check.want {
			t.Errorf("%s: %q, want %q", check.name, check.got, check.want)
		}
	}
}

func TestLoad_FlagBeatsEnvironmentBeatsFileBeatsDefault(t *testing.T) {
	const file = "data-dir = \"from-file\"\nlog-level = \"warn\"\nbcrypt-cost = 11\n"
	in := Input{
		Flags:    map[string]string{"config": "imperio.toml", "data-dir": "from-flag", "url": "not a key"},
		Environ:  []string{"IMPERIO_DATA_DIR=from-environment", "IMPERIO_LOG_LEVEL=error"},
		ReadFile: files(map[string]string{"imperio.toml": file}),
	}
	loaded := mustLoad(t, in)
	c := loaded.Config
	if c.Data.Dir != "from-flag" || c.Logs.Level != slog.LevelError || c.Accounts.BcryptCost != 11 || c.Accounts.DailyCoins != 100 {
		t.Errorf("got %+v", c)
	}
	for key, want := range map[string]string{
		"data-dir": "flag --data-dir", "log-level": "environment IMPERIO_LOG_LEVEL",
		"bcrypt-cost": "file imperio.toml", "daily-coins": "default",
	} {
		if loaded.Sources[key] != want {
			t.Errorf("%s comes from %q, want %q", key, loaded.Sources[key], want)
		}
	}
}

// Every key can be set from each source. A field of a type that can't be parsed would fail here.
func TestLoad_EveryKeyFromEnvironmentAndFile(t *testing.T) {
	for _, key := range Keys() {
		text := sampleValue(t, key)
		content := "secret"
		if key.Name == "notify-file" {
			content = "https://hooks.example.org/secret\n"
		}
		fromEnvironment := mustLoad(t, Input{Environ: []string{key.Env + "=" + text}, ReadFile: files(map[string]string{text: content})})
		fromFile := mustLoad(t, Input{
			Flags:    map[string]string{"config": "f"},
			ReadFile: files(map[string]string{"f": key.Name + " = " + fmt.Sprintf("%q", text), text: content}),
		})
		if !reflect.DeepEqual(fromEnvironment.Config, fromFile.Config) {
			t.Errorf("%s: environment and file disagree", key.Name)
		}
		if got := reflect.ValueOf(fromFile.Config).FieldByIndex(key.index); reflect.DeepEqual(got.Interface(), reflect.ValueOf(Default()).FieldByIndex(key.index).Interface()) {
			t.Errorf("%s = %s changed nothing", key.Name, text)
		}
	}
}

// sampleValue is a value of the key that is not its default.
func sampleValue(t *testing.T, key Key) string {
	t.Helper()
	switch fieldType(key) {
	case reflect.TypeFor[Switch]():
		if key.DefaultText() == "on" {
			return "off"
		}
		return "on"
	case reflect.TypeFor[bool]():
		return "true"
	case reflect.TypeFor[Rate]():
		return "77/d"
	case reflect.TypeFor[ByteSize]():
		return "77MiB"
	case reflect.TypeFor[time.Duration]():
		return "77s"
	case reflect.TypeFor[SignUp]():
		return "invite"
	case reflect.TypeFor[Season]():
		return "off"
	case reflect.TypeFor[TLSMode]():
		return "internal"
	case reflect.TypeFor[HSTSMode]():
		return "preload"
	case reflect.TypeFor[LogFormat]():
		return "json"
	case reflect.TypeFor[slog.Level]():
		return "debug"
	case reflect.TypeFor[[]netip.Prefix]():
		return "10.0.0.0/8,fd00::/8"
	case reflect.TypeFor[Schedule]():
		return "30 3 * * 1-5"
	case reflect.TypeFor[Compression]():
		return "gzip"
	case reflect.TypeFor[[]BackupURL]():
		return "file:///backup/casino,s3://casino/backups"
	case reflect.TypeFor[MirrorURL]():
		return "postgres://imperio@127.0.0.1/reports"
	case reflect.TypeFor[[]AgeRecipient]():
		return ageRecipient
	case reflect.TypeFor[NotifyURLs]():
		return "https://hooks.example.org/secret,smtps://mail.example.org?from=casino@example.org&to=a@example.org,b@example.org"
	}
	return "77"
}

func TestLoad_FileTakesNumbersSwitchesAndLists(t *testing.T) {
	const file = `
limits = false
slots = "off"
welcome-coins = 5
domain = ["a.example", "b.example"]
trusted-proxies = ["10.0.0.0/8"]
limit-general-rate = "1/s"
`
	c := mustLoad(t, Input{Flags: map[string]string{"config": "f"}, ReadFile: files(map[string]string{"f": file})}).Config
	if bool(c.Limits.On || c.Games.SlotsEnabled) || c.Accounts.WelcomeCoins != 5 || !slices.Equal(c.Listen.Domains, []string{"a.example", "b.example"}) ||
		!slices.Equal(c.Listen.TrustedProxies, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}) || c.Limits.GeneralRate.PerSecond() != 1 {
		t.Errorf("got %+v", c)
	}
}

func TestLoad_ReportsAllProblemsAtOnce(t *testing.T) {
	const file = "dta-dir = \"x\"\nlog-level = \"loud\"\n[tls]\nmode = \"acme\"\n"
	_, err := Load(Input{
		Flags:    map[string]string{"config": "f", "access-log": "maybe", "disk-reserve": "lots"},
		Environ:  []string{"IMPERIO_DATA_DRI=x", "IMPERIO_BCRYPT_COST=many", "IMPERIO_SERVICE_HOST=10.0.0.1", "IMPERIO_METRICS_TOKEN_FILE=gone"},
		ReadFile: files(map[string]string{"f": file}),
	})
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{
		"file f, line 1, key dta-dir: no such key", "Did you mean data-dir?",
		`file f, line 2, key log-level: "loud" is not one of debug`, "file f, line 3, key tls: needs a string",
		`flag --access-log: "maybe" is neither on nor off`, `flag --disk-reserve: "lots" is not a size`,
		"environment IMPERIO_DATA_DRI: no such key", "Did you mean IMPERIO_DATA_DIR?",
		`environment IMPERIO_BCRYPT_COST: "many" is not a whole number`,
		"enableServiceLinks: false", "gone: file does not exist: name a file that exists",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in: %v", want, err)
		}
	}
}

func TestLoad_MissingOrBrokenFile(t *testing.T) {
	for content, want := range map[string]string{
		"":           "file does not exist: name a file that exists",
		"data-dir x": "it must be TOML",
	} {
		disk := map[string]string{}
		if content != "" {
			disk["f"] = content
		}
		_, err := Load(Input{Environ: []string{"IMPERIO_CONFIG=f"}, ReadFile: files(disk)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", content, err, want)
		}
	}
}

func TestLoad_SecretFromFile(t *testing.T) {
	disk := files(map[string]string{"/run/token": "a-token-of-some-length\n", "/run/empty": "\n"})
	loaded := mustLoad(t, Input{Flags: map[string]string{"metrics-token-file": "/run/token"}, ReadFile: disk})
	if got := loaded.Config.Access.MetricsToken.Reveal(); got != "a-token-of-some-length" {
		t.Errorf("got %q", got)
	}
	if got, want := loaded.Sources["metrics-token"], "flag --metrics-token-file (/run/token)"; got != want {
		t.Errorf("source is %q, want %q", got, want)
	}

	_, err := Load(Input{Environ: []string{"IMPERIO_METRICS_TOKEN=a", "IMPERIO_METRICS_TOKEN_FILE=/run/token"}, ReadFile: disk})
	if err == nil || !strings.Contains(err.Error(), "use only one of them") {
		t.Errorf("two places: %v", err)
	}
	_, err = Load(Input{Environ: []string{"IMPERIO_METRICS_TOKEN_FILE=/run/empty"}, ReadFile: disk})
	if err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("an empty file: %v", err)
	}
}

// Editors, shells and other systems leave more in a file than was meant.
func TestLoad_SecretsAreOneWord(t *testing.T) {
	const token = "0123456789abcdef"
	for text, want := range map[string]string{
		token + "\n": "", token + "\r\n": "", token + " \t\n\n": "", "\ufeff" + token: "",
		token + "\nsecond": "has several", "two words": "no blanks inside", " " + token: "no blanks inside",
		"\xff\xfe0\x001\x00": "plain text", token + "\x00": "plain text",
	} {
		loaded, err := Load(Input{Flags: map[string]string{"metrics-token-file": "f"}, ReadFile: files(map[string]string{"f": text})})
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", text, err)
		case want == "" && loaded.Config.Access.MetricsToken.Reveal() != token:
			t.Errorf("%q is taken as %q", text, loaded.Config.Access.MetricsToken.Reveal())
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), token)):
			t.Errorf("%q: got %v, want a part %q", text, err, want)
		}
	}
}

func TestLoadValid_ReportsWhatIsUnreadableTogetherWithWhatIsWrong(t *testing.T) {
	_, err := LoadValid(Input{Flags: map[string]string{"tls": "fils", "tls-cert": "a.pem", "bcrypt-cost": "1"}, Environ: []string{"IMPERIO_LOG_LEVEL=loud"}, ReadFile: files(nil)})
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != 3 {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{`flag --tls: "fils" is not one of`, "environment IMPERIO_LOG_LEVEL:", "bcrypt-cost: 1 is not from"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in: %v", want, err)
		}
	}
}

// What follows from a mistake is no mistake of its own.
func TestLoadValid_ReportsNothingThatOnlyFollows(t *testing.T) {
	for _, c := range []struct {
		name    string
		environ []string
		file    string
	}{
		{"a domain under a wrong name", []string{"IMPERIO_TLS=acme", "IMPERIO_DOMIAN=casino.example.org"}, ""},
		{"a domain under a wrong name in the file", []string{"IMPERIO_TLS=acme"}, "domian = 'casino.example.org'"},
		{"a file that is no TOML", []string{"IMPERIO_TLS=acme", "IMPERIO_BCRYPT_COST=99"}, "domain ="},
		{"a token that can't be read", []string{"IMPERIO_OPS_ADDR=:9190", "IMPERIO_METRICS_TOKEN_FILE=gone"}, ""},
		{"a domain that is none", []string{"IMPERIO_TLS=acme", "IMPERIO_DOMAIN=https://casino.example.org"}, ""},
	} {
		_, err := LoadValid(Input{Flags: map[string]string{"config": "f"}, Environ: c.environ, ReadFile: files(map[string]string{"f": c.file})})
		if problems, ok := errors.AsType[Problems](err); !ok || len(problems) != 1 {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}

func TestLoad_DomainsAreConvertedToWhatCertificatesHave(t *testing.T) {
	for text, want := range map[string]string{
		"müller.example": "xn--mller-kva.example", "Casino.Example": "casino.example", "casino.example.": "casino.example",
		"xn--mller-kva.example": "xn--mller-kva.example", "10.0.0.5": "10.0.0.5", "[::1]": "::1", "localhost": "localhost",
		"https://a.example": "", "a.example:443": "", "*.a.example": "", "a_b.example": "", "a b": "", "-": "", "fe80::1%eth0": "",
	} {
		loaded, err := Load(Input{Environ: []string{"IMPERIO_DOMAIN=" + text}, ReadFile: files(nil)})
		switch {
		case want == "" && (err == nil || !strings.Contains(err.Error(), "is not a domain name")):
			t.Errorf("%q: got %v", text, err)
		case want != "" && (err != nil || !slices.Equal(loaded.Config.Listen.Domains, []string{want})):
			t.Errorf("%q: got %+v, %v, want %q", text, loaded, err, want)
		}
	}
}

func TestLoad_NetworksAreComparedAsClientsAre(t *testing.T) {
	for text, want := range map[string]string{
		"127.0.0.1": "127.0.0.1/32", "10.0.0.0/8": "10.0.0.0/8", "::1": "::1/128", "fd00::/8": "fd00::/8",
		"::ffff:10.0.0.1": "10.0.0.1/32", "::ffff:10.0.0.0/104": "10.0.0.0/8",
		"::ffff:10.0.0.0/90": "", "10.0.0.0/33": "", "casino.example": "", "fe80::1%eth0": "",
	} {
		loaded, err := Load(Input{Environ: []string{"IMPERIO_TRUSTED_PROXIES=" + text}, ReadFile: files(nil)})
		switch {
		case want == "" && err == nil:
			t.Errorf("%q is taken as %v", text, loaded.Config.Listen.TrustedProxies)
		case want != "" && (err != nil || loaded.Config.Listen.TrustedProxies[0].String() != want):
			t.Errorf("%q: got %+v, %v", text, loaded, err)
		}
	}
}

func TestLoad_HSTSFollowsTheMode(t *testing.T) {
	for environ, want := range map[string]HSTSMode{
		"": HSTSHost, "IMPERIO_TLS=internal": HSTSOff, "IMPERIO_TLS=internal IMPERIO_HSTS=host": HSTSHost, "IMPERIO_HSTS=preload": HSTSPreload,
	} {
		if got := mustLoad(t, Input{Environ: strings.Fields(environ)}).Config.TLS.HSTS; got != want {
			t.Errorf("%q: %s, want %s", environ, got, want)
		}
	}
}

func TestLoad_DefaultsThatFollowFromDomainAndTLS(t *testing.T) {
	for _, c := range []struct {
		name              string
		environ           []string
		tls               TLSMode
		http, https, from string // from is the source of https-addr
	}{
		{"domain", []string{"IMPERIO_DOMAIN=a.example.org"}, TLSACME, ":80", ":443", "default, since a domain is given"},
		{"domain behind a proxy", []string{"IMPERIO_DOMAIN=a.example.org", "IMPERIO_TLS=off"}, TLSOff, "127.0.0.1:8080", "", "default"},
		{"domain with other ports", []string{"IMPERIO_DOMAIN=a.example.org", "IMPERIO_HTTPS_ADDR=:8443", "IMPERIO_HTTP_ADDR=none"}, TLSACME, "", ":8443", "environment IMPERIO_HTTPS_ADDR"},
		{"internal on loopback", []string{"IMPERIO_TLS=internal"}, TLSInternal, "127.0.0.1:8080", "127.0.0.1:8443", "default, since TLS is on"},
	} {
		loaded := mustLoad(t, Input{Environ: c.environ})
		got := loaded.Config
		if got.TLS.Mode != c.tls || got.Listen.HTTPAddr != c.http || got.Listen.HTTPSAddr != c.https || loaded.Sources["https-addr"] != c.from {
			t.Errorf("%s: tls %s, http %q, https %q from %q", c.name, got.TLS.Mode, got.Listen.HTTPAddr, got.Listen.HTTPSAddr, loaded.Sources["https-addr"])
		}
		if err := got.Validate(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func FuzzLoad_AnyFileIsTakenOrRefused(f *testing.F) {
	f.Add("data-dir = \"x\"\n")
	f.Add("limits = false\ndomain = [\"a.example\"]\n[tls]\nmode = 1\n")
	f.Add("welcome-coins = 1e400\n")
	f.Fuzz(func(t *testing.T, text string) {
		loaded, err := Load(Input{Flags: map[string]string{"config": "f"}, ReadFile: files(map[string]string{"f": text})})
		var problems Problems
		if err != nil && (!errors.As(err, &problems) || len(problems) == 0) {
			t.Errorf("refused without a problem: %v", err)
		}
		if err == nil {
			loaded.Config.Validate() // must not panic
		}
	})
}

// moreThanTheExample are variables that a service has beside the example.
var moreThanTheExample = [][]string{
	nil,
	{"IMPERIO_DOMAIN=casino.example.org", "IMPERIO_ACME_EMAIL=you@casino.example.org"},
	{"IMPERIO_TLS=internal"},
	{"IMPERIO_TLS=off", "IMPERIO_DOMAIN=casino.example.org", "IMPERIO_TRUSTED_PROXIES=127.0.0.1"},
}

// An operator may uncomment the whole example. Nothing may change by that, whatever else is set; only the data directory is
// the service's.
func TestEnvExample_UncommentedAsAWholeChangesNothing(t *testing.T) {
	var example strings.Builder
	if err := WriteEnv(&example); err != nil {
		t.Fatal(err)
	}
	var all []string
	for line := range strings.Lines(example.String()) {
		if variable, found := strings.CutPrefix(strings.TrimSpace(line), "#IMPERIO_"); found {
			all = append(all, "IMPERIO_"+variable)
		}
	}
	if len(all) != len(Keys()) {
		t.Fatalf("the example has %d lines for %d keys", len(all), len(Keys()))
	}
	for _, more := range moreThanTheExample {
		want, err := LoadValid(Input{Environ: append([]string{"IMPERIO_DATA_DIR=/var/lib/imperio"}, more...)})
		if err != nil {
			t.Fatalf("%q: %v", more, err)
		}
		got, err := LoadValid(Input{Environ: append(slices.Clone(all), more...)})
		if err != nil {
			t.Errorf("%q: %v", more, err)
			continue
		}
		if !reflect.DeepEqual(got.Config, want.Config) {
			t.Errorf("%q: the uncommented example makes\n%+v\nand without it\n%+v", more, got.Config, want.Config)
		}
	}
}

func TestLoad_AnEmptyVariableCountsAsNotSet(t *testing.T) {
	loaded := mustLoad(t, Input{
		Flags:    map[string]string{"config": "f"},
		Environ:  []string{"IMPERIO_TLS=", "IMPERIO_WELCOME_COINS=", "IMPERIO_DOMAIN="},
		ReadFile: files(map[string]string{"f": "domain = [\"casino.example.org\"]\n"}),
	})
	if c := loaded.Config; c.TLS.Mode != TLSACME || c.Accounts.WelcomeCoins != 100 || len(c.Listen.Domains) != 1 {
		t.Errorf("got %+v", c)
	}
}
