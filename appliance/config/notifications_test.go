package config

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestNotifyURL_WhatEachMeans(t *testing.T) {
	for text, want := range map[string]string{
		"https://hooks.example.org/a?b=c":                                         "webhook https://hooks.example.org/a?b=c",
		"https://user:pw@hooks.example.org:8443/a":                                "webhook https://user:pw@hooks.example.org:8443/a",
		"http://127.0.0.1:9999/a":                                                 "webhook http://127.0.0.1:9999/a",
		"http://localhost/a":                                                      "webhook http://localhost/a",
		"slack+https://hooks.slack.example/services/T/B/x":                        "slack https://hooks.slack.example/services/T/B/x",
		"discord+https://discord.example/api/webhooks/1/x":                        "discord https://discord.example/api/webhooks/1/x",
		"ntfy+https://:tk_1@ntfy.example/casino":                                  "ntfy https://:tk_1@ntfy.example/casino",
		"ntfy+http://[::1]:80/casino":                                             "ntfy http://[::1]:80/casino",
		"smtp://u:p%40@mail.example?from=a@b.example&to=c@d.example,e@f.example":  "mail smtp://u:p%40@mail.example from a@b.example to [c@d.example e@f.example]",
		"smtps://mail.example:465?from=a@b.example&to=c@d.example&to=e@f.example": "mail smtps://mail.example:465 from a@b.example to [c@d.example e@f.example]",
	} {
		d, err := NotifyURL(text).Destination()
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got := d.Kind + " " + d.URL.String()
		if d.Kind == NotifyMail {
			got += fmt.Sprintf(" from %s to %v", d.From, d.To)
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestNotifyURL_RefusalsSayWhatToDoAndTellNoSecret(t *testing.T) {
	for text, want := range map[string]string{
		"hooks.example.org/hunter2":                                                  "not a URL of a destination",
		"https:///hunter2":                                                           "not a URL of a destination",
		"ftp://a.example/hunter2":                                                    "not a URL of a destination",
		"teams+https://a.example/hunter2":                                            "not a URL of a destination",
		"slack+ftp://a.example/hunter2":                                              "not a URL of a destination",
		"slack+smtp://a.example?hunter2":                                             "not a URL of a destination",
		"https://a.example/x#hunter2":                                                "not a URL of a destination",
		"https://a.example:hunter2/x":                                                "not a URL of a destination",
		"http://a.example/hunter2":                                                   "http to a.example would send messages and their secrets in the clear",
		"slack+http://10.0.0.1/hunter2":                                              "in the clear",
		"http://127.0.0.1.evil.example/hunter2":                                      "in the clear",
		"ntfy+https://ntfy.example/?x=hunter2":                                       "is the topic: write ntfy+https://ntfy.example/topic",
		"smtp://hunter2@mail.example?to=a@b.example":                                 "user without a password",
		"smtp://u:hunter2@mail.example":                                              "needs the parameter to",
		"smtp://u:hunter2@mail.example?to=a@b.example":                               "needs addresses such as",
		"smtp://u:hunter2@mail.example?from=x&to=a@b.example":                        "needs addresses such as",
		"smtp://u:hunter2@mail.example?from=a@b.example&to=a@b.example&bcc=x":        "only the parameters from and to",
		"smtp://u:hunter2@mail.example/x?from=a@b.example&to=a@b.example":            "has no path",
		"smtp://u:hunter2@mail.example?from=a@b.example&to=c@d.example%0d%0aBcc:e@f": "needs addresses such as",
		"smtp://u:hunter2@mail.example?from=%zz":                                     "can't be read",
	} {
		var list NotifyURLs
		err := list.UnmarshalText([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") || len(list) != 0 {
			t.Errorf("%q: kept %d, got %v, want a part %q", text, len(list), err, want)
		}
		c := Default()
		c.Notifications.To = NotifyURLs{NotifyURL(text)}
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "notify: URL 1: ") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

// Addresses of mail are separated by commas, and so are URLs.
func TestNotifyURLs_ListsInEveryForm(t *testing.T) {
	const hook, mail = "https://hooks.example.org/x", "smtp://mail.example?from=a@b.example&to=c@d.example,e@f.example"
	for _, text := range []string{
		hook + "," + mail, hook + ", " + mail, hook + "\n" + mail + "\n", "\ufeff# comment, with https://no.example/\r\n  " + hook + ",\r\n\r\n" + mail + "\r\n",
		hook + " " + mail,
	} {
		var list NotifyURLs
		if err := list.UnmarshalText([]byte(text)); err != nil || !slices.Equal(list, NotifyURLs{hook, mail}) {
			t.Errorf("%q: got %q, %v", text, []string{fmt.Sprint(len(list))}, err)
		}
	}
	for _, text := range []string{"", " \n", "# nothing\n", ",,"} {
		var list NotifyURLs
		if err := list.UnmarshalText([]byte(text)); err != nil || len(list) != 0 {
			t.Errorf("%q: got %d, %v", text, len(list), err)
		}
	}
	var list NotifyURLs
	if err := list.UnmarshalText([]byte("hunter2," + hook)); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}

func TestNotifyURLs_FromAFile(t *testing.T) {
	disk := files(map[string]string{"urls": "https://hooks.example.org/hunter2\n", "empty": "# none\n", "bad": "hunter2\n"})
	loaded := mustLoad(t, Input{Environ: []string{"IMPERIO_NOTIFY_FILE=urls"}, ReadFile: disk})
	if got := loaded.Config.Notifications.To; len(got) != 1 || string(got[0]) != "https://hooks.example.org/hunter2" {
		t.Errorf("got %v", got)
	}
	for environ, want := range map[string]string{
		"IMPERIO_NOTIFY_FILE=urls IMPERIO_NOTIFY=https://a.example": "use only one of them",
		"IMPERIO_NOTIFY_FILE=empty":                                 "is empty",
		"IMPERIO_NOTIFY_FILE=bad":                                   "not a URL of a destination",
		"IMPERIO_NOTIFY_FILE=gone":                                  "name a file that exists",
	} {
		_, err := Load(Input{Environ: strings.Fields(environ), ReadFile: disk})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v", environ, err)
		}
	}
}

func TestNotifyURL_IsPrintedWithSchemeAndHostOnly(t *testing.T) {
	const texts = "slack+https://u:hunter2@hooks.example.org/hunter2?hunter2=hunter2,smtp://u:hunter2@mail.example:587?from=hunter2@b.example&to=c@d.example,hunter2@f.example"
	loaded := mustLoad(t, Input{Environ: []string{"IMPERIO_NOTIFY=" + texts, "IMPERIO_NOTIFY_SECRET=hunter2hunter2hunter2"}})
	c := loaded.Config
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	if err := loaded.Print(&table); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		fmt.Sprintf("%v %+v %#v %s", c, c, c, c.Notifications.To), string(encoded), table.String(), c.Notifications.To[0].LogValue().String(), fmt.Sprint(loaded.Values()),
	} {
		if strings.Contains(text, "hunter2") || !strings.Contains(text, "slack+https://hooks.example.org") {
			t.Errorf("printed: %s", text)
		}
	}
	if !strings.Contains(table.String(), "slack+https://hooks.example.org,smtp://mail.example:587 ") {
		t.Errorf("printed: %s", table.String())
	}
}

func TestNotifications_BoundsAndSecret(t *testing.T) {
	c := Default()
	c.Notifications.Secret = "short"
	c.Notifications.To = slices.Repeat(NotifyURLs{"https://a.example"}, 21)
	err := c.Validate()
	for _, want := range []string{"notify-secret: shorter than 16", "notify: 21 destinations are too many: name at most 20"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
}

// Whatever an operator writes is taken or refused, and never told.
func FuzzNotifyURLs_TellNoSecret(f *testing.F) {
	f.Add("https://a.example/", ",smtp://b.example?from=a@b.c&to=d@e.f")
	f.Add("slack+http://", "\n# x\n")
	f.Fuzz(func(t *testing.T, before, after string) {
		const secret = "/?q8X2hunter2"
		var list NotifyURLs
		err := list.UnmarshalText([]byte(before + secret + after))
		if text := fmt.Sprint(list, err); strings.Contains(text, "q8X2hunter2") {
			t.Errorf("told: %s", text)
		}
	})
}
