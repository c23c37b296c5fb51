package ops

import (
	"crypto/x509"
	"encoding/json"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"pgregory.net/rapid"
)

func TestFormats_AsEachServiceWantsThem(t *testing.T) {
	r := newReceiver(t, nil)
	n := newNotifier(t, NotifierOptions{Roots: trusts(r.Server), Casino: "müller.example", Version: "1", Destinations: []NotifyDestination{
		r.to(t, KindSlack, "/slack", nil), r.to(t, KindDiscord, "/discord", nil), r.to(t, KindNtfy, "/topic", url.UserPassword("", "tk_1")),
		r.to(t, KindNtfy, "/topic2", url.User("tk_2")), r.to(t, KindNtfy, "/topic3", url.UserPassword("ana", "pw")), r.to(t, KindWebhook, "/hook", url.UserPassword("ana", "pw")),
	}})
	m := failing
	m.Text = "<!channel> & @everyone"
	n.Notify(m)
	got := make(map[string]received)
	for range 6 {
		one := r.next(t)
		got[one.path] = one
	}
	const facts = "\n\ntarget: s3://backups\n2026-11-29T02:00:00Z, topic backup_failed, imperio 1"
	var slack map[string]any
	if err := json.Unmarshal(got["/slack"].body, &slack); err != nil || len(slack) != 1 ||
		slack["text"] != "ALARM: a backup failed (müller.example)\n&lt;!channel&gt; &amp; @everyone"+facts {
		t.Errorf("%v %s", err, got["/slack"].body)
	}
	var discord struct {
		Content  string
		Mentions map[string][]string `json:"allowed_mentions"`
	}
	if err := json.Unmarshal(got["/discord"].body, &discord); err != nil || discord.Content != "ALARM: a backup failed (müller.example)\n<!channel> & @everyone"+facts ||
		discord.Mentions["parse"] == nil || len(discord.Mentions["parse"]) != 0 {
		t.Errorf("%v %s", err, got["/discord"].body)
	}
	ntfy := got["/topic"]
	title, err := new(mime.WordDecoder).DecodeHeader(ntfy.headers.Get("Title"))
	if err != nil || title != "ALARM: a backup failed (müller.example)" || ntfy.headers.Get("Priority") != "5" || ntfy.headers.Get("Tags") != "rotating_light,backup_failed" ||
		string(ntfy.body) != "<!channel> & @everyone"+facts {
		t.Errorf("%q, %v: %v %s", title, err, ntfy.headers, ntfy.body)
	}
	if a, b := ntfy.headers.Get("Authorization"), got["/topic2"].headers.Get("Authorization"); a != "Bearer tk_1" || b != "Bearer tk_2" {
		t.Errorf("tokens %q and %q", a, b)
	}
	for _, path := range []string{"/topic3", "/hook"} {
		if one := got[path]; one.user != "ana" || one.pass != "pw" {
			t.Errorf("%s: %q %q", path, one.user, one.pass)
		}
	}
}

// Services refuse what is too long. Control characters could end a header or a line.
func TestMessages_StayWithinTheBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.Just(strings.Repeat("🎰\r\n", 3000)), rapid.Just("\xff\x00"))
		m := Message{Topic: TopicHealth, Status: StatusAlarm, Title: text.Draw(t, "title"), Text: text.Draw(t, "text"), Details: rapid.MapOf(text, text).Draw(t, "details"), Time: time.Now()}
		l := &letter{Message: m.bounded(), casino: "casino.example", version: "1", id: "x"}
		var discord struct{ Content string }
		if err := json.Unmarshal(l.discord(), &discord); err != nil || len(utf16.Encode([]rune(discord.Content))) > maxDiscord {
			t.Fatalf("%v, %d units", err, len(utf16.Encode([]rune(discord.Content))))
		}
		if strings.ContainsAny(l.headline(), "\r\n\x00") || strings.ContainsAny(l.body(), "\r\x00") {
			t.Fatalf("%q %q", l.headline(), l.body())
		}
		_, headers := l.request(KindNtfy, "", time.Now())
		if v := headers.Get("Title"); strings.ContainsAny(v, "\r\n") {
			t.Fatalf("%q", v)
		}
		if size := len(l.webhook()); size > 64<<10 {
			t.Fatalf("%d bytes", size)
		}
	})
}

func TestRedirects_GoToTheSameHostOnly(t *testing.T) {
	elsewhere := newReceiver(t, nil)
	for _, c := range []struct {
		name     string
		status   int
		location func(self string) string
		tries    int
		sent     bool
	}{
		{"another path", 307, func(self string) string { return self + "/moved" }, 2, true},
		{"another path, for good", 308, func(string) string { return "/moved" }, 2, true},
		{"one that drops the message", 302, func(self string) string { return self + "/moved" }, 1, false},
		{"another host", 307, func(string) string { return elsewhere.URL }, 1, false},
		{"in the clear", 308, func(self string) string { return strings.Replace(self, "https:", "http:", 1) }, 1, false},
		{"in circles", 307, func(self string) string { return self + "/again" }, 3, false},
	} {
		var self string
		r := newReceiver(t, func(w http.ResponseWriter, n int) {
			if n == 1 || c.name == "in circles" {
				w.Header().Set("Location", c.location(self))
				w.WriteHeader(c.status)
			}
		})
		self = r.URL
		n := newNotifier(t, NotifierOptions{Destinations: []NotifyDestination{r.to(t, KindWebhook, "/", nil)}, Roots: trusts(r.Server)})
		problem := n.Try(t.Context(), failing)[0].Problem
		if (problem == "") != c.sent || len(r.got) != c.tries || !c.sent && !strings.Contains(problem, "a redirect to another place") {
			t.Errorf("%s: %d tries, %q", c.name, len(r.got), problem)
		}
	}
	if len(elsewhere.got) != 0 {
		t.Error("another host got the message")
	}
}

func TestAnswers_AreReadUpToABoundOnly(t *testing.T) {
	r := newReceiver(t, func(w http.ResponseWriter, _ int) {
		for range 1 << 14 { // 64 MiB, if anybody read it
			if _, err := w.Write(make([]byte, 4096)); err != nil {
				return
			}
		}
	})
	n := newNotifier(t, NotifierOptions{Destinations: []NotifyDestination{r.to(t, KindWebhook, "/", nil)}, Roots: trusts(r.Server)})
	if problem := n.Try(t.Context(), failing)[0].Problem; problem != "" {
		t.Error(problem)
	}
}

func TestNetworkFailures_AreToldInFixedWords(t *testing.T) {
	release := make(chan struct{})
	hanging := newReceiver(t, func(http.ResponseWriter, int) { <-release })
	t.Cleanup(func() { close(release) })
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	closing := newReceiver(t, func(w http.ResponseWriter, _ int) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			c.Close()
		}
	})
	trusted := trusts(hanging.Server)
	for _, c := range []struct {
		name, url, want string
		roots           *x509.CertPool
	}{
		{"nobody listens", "https://" + deadPort(t), "nothing listens", trusted},
		{"no such name", "https://casino.invalid", "can't be resolved", trusted},
		{"no answer", hanging.URL, "no answer in time", trusted},
		{"another authority", hanging.URL, "certificate is not valid", x509.NewCertPool()},
		{"another name", strings.Replace(hanging.URL, "127.0.0.1", "localhost", 1), "certificate is not valid", trusted},
		{"no TLS", strings.Replace(plain.URL, "http:", "https:", 1), "", trusted},
		{"ends at once", closing.URL, "closed before an answer", trusted},
	} {
		u, err := url.Parse(c.url + "/hunter2?hunter2")
		if err != nil {
			t.Fatal(err)
		}
		o := NotifierOptions{Destinations: []NotifyDestination{{Kind: KindSlack, URL: u}}, Roots: c.roots}
		if c.name == "no answer" {
			o.Timeout = 20 * time.Millisecond
		}
		problem := newNotifier(t, o).Try(t.Context(), failing)[0].Problem
		if problem == "" || !strings.Contains(problem, c.want) || strings.Contains(problem, "hunter2") {
			t.Errorf("%s: %q", c.name, problem)
		}
	}
}

func TestRetryAfter_SecondsAndDates(t *testing.T) {
	now := time.Date(2026, 11, 29, 2, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "x": 0, "-1": 0, "120": 2 * time.Minute, "999999999999": 24 * time.Hour,
		now.Add(time.Minute).Format(http.TimeFormat): time.Minute, now.Add(-time.Minute).Format(http.TimeFormat): 0,
	} {
		if got := retryAfter(text, now); got > want || want < 24*time.Hour && got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	b := &outbox{o: &NotifierOptions{First: time.Second, Longest: 10 * time.Minute}}
	for tries := 1; tries < 200; tries++ {
		least, most := 5*time.Minute, 10*time.Minute
		if tries < 11 { // 512 s at most
			least, most = time.Second<<(tries-1)/2, time.Second<<(tries-1)
		}
		if wait := b.pause(tries, &sendFailure{}); wait < least || wait > most {
			t.Errorf("after try %d: %v, not from %v to %v", tries, wait, least, most)
		}
	}
	for after, want := range map[time.Duration]time.Duration{5 * time.Minute: 5 * time.Minute, 24 * time.Hour: 10 * time.Minute} {
		if got := b.pause(1, &sendFailure{after: after}); got != want {
			t.Errorf("told to wait %v: %v", after, got)
		}
	}
}
