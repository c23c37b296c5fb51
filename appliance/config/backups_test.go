package config

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

const ageRecipient = "age1rnpest5gzlztk67pvsnt2a8c7hvs8cpgnfp642wee77awvhxq4es3emg0d"

func TestBackupURL_TargetsThatAreTakenAndRefused(t *testing.T) {
	for text, want := range map[string]string{ // "" if it is fine
		"file:///backup/casino":   "",
		"file:///backup/a%23b%3F": "",
		"s3://casino-backups":     "",
		"s3://casino.backups/a/b": "",
		"s3://casino/p?endpoint=https://s3.example.org&region=eu-central-1&path-style=true": "",
		"s3://casino/p?endpoint=http://127.0.0.1:9000/&path-style=false":                    "",

		"":                                         "not a URL of a target",
		"/backup":                                  "not a URL of a target",
		"ftp://backup/x":                           "not a URL of a target",
		"file://backup/casino":                     "with three slashes",
		"file:backup":                              "with three slashes",
		"file:///":                                 "the root directory",
		"file:///backup/..":                        "the root directory",
		"file:///backup?x=1":                       "no parameters",
		"file:///backup#x":                         "no '#'",
		"file://hunter2:hunter2@/backup":           "holds no credentials",
		"s3://ID:hunter2@bucket/x":                 "holds no credentials",
		"s3:///prefix":                             "not the name of a bucket",
		"s3://Bucket":                              "not the name of a bucket",
		"s3://ab":                                  "not the name of a bucket",
		"s3://casino?secret-key=hunter2":           `no parameter "secret-key"`,
		"s3://casino?region=a&region=b":            "given twice",
		"s3://casino?region=a%20b":                 "is not a region",
		"s3://casino?path-style=yes":               "path-style is true or false",
		"s3://casino?endpoint=example":             "is not a URL of a host",
		"s3://casino?endpoint=ftp://a":             "is not a URL of a host",
		"s3://casino?endpoint=https://a/b":         "is not a URL of a host",
		"s3://casino?endpoint=https://u:hunter2@a": "is not a URL of a host",
		"s3://casino?a=%zz":                        "can't be read",
	} {
		var u BackupURL
		err := u.UnmarshalText([]byte(text))
		switch {
		case want == "" && (err != nil || u.String() != text):
			t.Errorf("%q: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: got %v, want a part %q", text, err, want)
		case err != nil && (strings.Contains(err.Error(), "hunter2") || u != ""):
			t.Errorf("%q: kept or told: %v", text, err)
		}
	}
}

func TestBackups_SayWhatIsWrongAndWhatToDo(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Backups)
		want   string // "" if it is fine
	}{
		{"a directory", func(b *Backups) { b.To = []BackupURL{"file:///backup/casino"} }, ""},
		{"a directory with a name like the data's", func(b *Backups) { b.To = []BackupURL{"file:///srv/casino/data-copies"} }, ""},
		{"the data directory", func(b *Backups) { b.To = []BackupURL{"file:///srv/casino/data"} }, "lie in each other"},
		{"inside the data directory", func(b *Backups) { b.To = []BackupURL{"file:///srv/casino/data/../data/backups"} }, "lie in each other"},
		{"around the data directory", func(b *Backups) { b.To = []BackupURL{"s3://casino", "file:///srv"} }, "backup-to: /srv and the data directory"},
		{"twice the same", func(b *Backups) { b.To = []BackupURL{"s3://casino", "s3://casino"} }, "named twice"},
		{"not a URL", func(b *Backups) { b.To = []BackupURL{"/backup"} }, "backup-to: not a URL of a target"},
		{"no schedule", func(b *Backups) { b.Schedule, b.Drill = "off", "off" }, ""},
		{"a bad schedule", func(b *Backups) { b.Drill = "never" }, "backup-drill: \"never\" is neither off nor a schedule"},
		{"kept for no time", func(b *Backups) { b.Keep = 0 }, "backup-keep: 0 is not from 1 to 3650"},
		{"kept for ever", func(b *Backups) { b.KeepWeekly, b.KeepMonthly = 521, 0 }, "backup-keep-weekly: 521 is not from 0 to 520"},
		{"kept for minus a month", func(b *Backups) { b.KeepMonthly = -1 }, "backup-keep-monthly: -1 is not from 0 to 240"},
		{"encrypted", func(b *Backups) { b.Recipients = []AgeRecipient{ageRecipient} }, ""},
		{"encrypted to nobody", func(b *Backups) { b.Recipients = []AgeRecipient{"age1"} }, "backup-recipients: not a public key of age"},
		{"another compression", func(b *Backups) { b.Compression = "xz" }, "backup-compression: \"xz\" is neither"},
		{"shipped all the time", func(b *Backups) { b.Interval = time.Millisecond }, "backup-interval: 1ms is not from 1s to 1h"},
		{"no room for targets that are down", func(b *Backups) { b.LogLimit = 1 << 20 }, "backup-log-limit: 1MiB is too small"},
		{"half of the credentials", func(b *Backups) { b.S3AccessKey = "ID" }, "needs both backup-s3-access-key and backup-s3-secret-key"},
		{"the other half", func(b *Backups) { b.S3SecretKey = "hunter2hunter2" }, "needs both"},
		{"credentials", func(b *Backups) { b.S3AccessKey, b.S3SecretKey = "ID", "hunter2hunter2" }, ""},
	} {
		configuration := Default()
		configuration.Data.Dir = "/srv/casino/data"
		c.change(&configuration.Backups)
		err := configuration.Validate()
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: refused: %v", c.name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want a part %q", c.name, err, c.want)
		}
	}
}

func TestBackups_ARelativeDataDirectoryIsComparedAsWell(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	c := Default() // ./imperio-data
	c.Backups.To = []BackupURL{BackupURL((&url.URL{Scheme: "file", Path: dir + "/imperio-data/backups"}).String())}
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "lie in each other") {
		t.Errorf("got %v", err)
	}
}

func TestWarnings_NameTargetsReachedInTheClear(t *testing.T) {
	c := Default()
	c.Backups.To = []BackupURL{"s3://one?endpoint=http://127.0.0.1:9000", "s3://two?endpoint=https://s3.example.org", "file:///backup"}
	if got := c.Warnings(); len(got) != 0 {
		t.Errorf("warned of %v", got)
	}
	c.Backups.To = append(c.Backups.To, "s3://three?endpoint=http://s3.example.org")
	if got := c.Warnings(); len(got) != 1 || !strings.Contains(got[0], "s3://three") || !strings.Contains(got[0], "plain HTTP") {
		t.Errorf("got %v", got)
	}
}

func TestSchedule_TakenAndRefused(t *testing.T) {
	for _, text := range []string{"0 2 * * *", "30 */6 * * 1-5", "0 4 1 * *", "0 4 29 2 *", "@daily", "@weekly", "off"} {
		var s Schedule
		if err := s.UnmarshalText([]byte(text)); err != nil || string(s) != text || s.Off() != (text == "off") {
			t.Errorf("%q: %q, %v", text, s, err)
		}
		if _, ok := s.Cron(); ok == s.Off() {
			t.Errorf("%q: cron %t", text, ok)
		}
	}
	for _, text := range []string{"", "2", "0 2 * *", "0 0 2 * * *", "60 2 * * *", "0 2 30 2 *", "@every 5m", "@sometimes", "TZ=UTC 0 2 * * *", "CRON_TZ=UTC 0 2 * * *", "daily"} {
		var s Schedule
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
	daily, _ := Schedule("0 2 * * *").Cron()
	if got := daily.Next(time.Date(2026, 11, 29, 2, 0, 0, 0, time.UTC)); !got.Equal(time.Date(2026, 11, 30, 2, 0, 0, 0, time.UTC)) {
		t.Errorf("after 02:00 comes %v", got)
	}
}

func TestAgeRecipient_ASecretKeyIsNeitherKeptNorTold(t *testing.T) {
	const secret = "AGE-SECRET-KEY-1VGDMUSP8P7N90APTLADWGF6T72VNVJ022G8576Q84K3EPMFMGKTS0TDLCN"
	for _, text := range []string{secret, strings.ToLower(secret), "age1" + secret, "ssh-ed25519 AAAA", "# " + ageRecipient, ageRecipient + "\n" + ageRecipient, ""} {
		var r AgeRecipient
		if err := r.UnmarshalText([]byte(text)); err == nil || r != "" || strings.Contains(strings.ToUpper(err.Error()), "VGDMUSP") {
			t.Errorf("%q: kept %q, told %v", text, r, err)
		}
	}
	loaded := mustLoad(t, Input{Environ: []string{"IMPERIO_BACKUP_RECIPIENTS=" + ageRecipient + ", " + ageRecipient}})
	if got := loaded.Config.Backups.Recipients; len(got) != 2 || got[1] != ageRecipient {
		t.Errorf("got %q", got)
	}
}
