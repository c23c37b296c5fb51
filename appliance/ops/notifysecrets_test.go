package ops

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// A URL's user, path and parameters, addresses of mail and the key of signatures are secret, whatever goes wrong.
func TestNotifier_TellsNoSecrets(t *testing.T) {
	const secret = "hunter2"
	answers := newReceiver(t, func(w http.ResponseWriter, n int) {
		switch n % 3 {
		case 0:
			w.WriteHeader(404)
		case 1:
			w.Header().Set("Location", "https://hunter2.example/hunter2")
			w.WriteHeader(307)
		default:
			w.WriteHeader(500)
		}
		fmt.Fprint(w, secret)
	})
	mails := newMailServer(t, nil, false)
	mails.refuse = func(_, argument string) error { return fmt.Errorf("%s %s", secret, argument) }
	hosts := []string{answers.Listener.Addr().String(), deadPort(t), "casino.invalid"}

	var destinations []NotifyDestination
	for _, kind := range []string{KindWebhook, KindSlack, KindDiscord, KindNtfy} {
		for _, host := range hosts {
			for _, user := range []*url.Userinfo{nil, url.User(secret), url.UserPassword(secret, secret)} {
				destinations = append(destinations, NotifyDestination{Kind: kind, URL: &url.URL{Scheme: "https", User: user, Host: host, Path: "/" + secret, RawQuery: secret}})
			}
		}
	}
	for _, host := range append(hosts, mails.address) {
		for _, scheme := range []string{"smtp", "smtps"} {
			destinations = append(destinations, NotifyDestination{
				Kind: KindMail, URL: &url.URL{Scheme: scheme, User: url.UserPassword(secret, secret), Host: host}, From: secret + "@example.com", To: []string{secret + "@example.org"},
			})
		}
	}
	for _, trusting := range []bool{true, false} {
		var log logged
		m := NewMetrics(Sources{})
		o := NotifierOptions{
			Destinations: destinations, Secret: secret + secret + secret, Log: log.logger(), Observe: m.NotificationDone, Casino: "casino.example",
			Tries: 2, First: time.Millisecond, Longest: time.Millisecond, Timeout: 300 * time.Millisecond,
		}
		if trusting {
			o.Roots = trusts(answers.Server)
		}
		n, err := NewNotifier(o)
		if err != nil {
			t.Fatal(err)
		}
		n.Notify(failing)
		outcomes := n.Try(t.Context(), failing)
		for deadline := time.Now().Add(time.Minute); n.Waiting() > 0; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d wait", n.Waiting())
			}
		}
		if err := n.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		told := log.String() + scrape(t, m) + fmt.Sprint(outcomes)
		if strings.Contains(told, secret) {
			t.Errorf("told:\n%s", told)
		}
		for _, o := range outcomes {
			if o.Problem == "" {
				t.Errorf("%s to %s was taken", o.Kind, o.Host)
			}
		}
		if got := strings.Count(log.String(), "a notification is given up"); got != len(destinations) {
			t.Errorf("%d of %d failures are logged", got, len(destinations))
		}
	}
}
