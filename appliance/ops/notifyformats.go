package ops

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf16"
)

// webhookBody is the JSON of generic webhooks. docs/NOTIFICATIONS.md describes it.
type webhookBody struct {
	Topic   Topic             `json:"topic"`
	Status  MessageStatus     `json:"status"`
	Title   string            `json:"title"`
	Text    string            `json:"text"`
	Time    string            `json:"time"` // RFC 3339, UTC
	Casino  string            `json:"casino"`
	Version string            `json:"version"`
	Details map[string]string `json:"details"`
}

func (l *letter) webhook() []byte {
	return encodeJSON(webhookBody{
		Topic: l.Topic, Status: l.Status, Title: l.Title, Text: l.Text, Time: l.Time.UTC().Format("2006-01-02T15:04:05.000Z"),
		Casino: l.casino, Version: l.version, Details: l.Details,
	})
}

// signature is of a body that is sent at a time: what a receiver who knows the secret computes as well.
func signature(secret, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}

// slackEscapes are all that Slack takes for its own signs.
var slackEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func (l *letter) slack() []byte {
	return encodeJSON(struct {
		Text string `json:"text"`
	}{slackEscapes.Replace(l.headline() + "\n" + l.body())})
}

// maxDiscord is how long Discord lets a message be, in UTF-16 units to be on the safe side.
const maxDiscord = 2000

func (l *letter) discord() []byte {
	type mentions struct {
		Parse []string `json:"parse"`
	}
	text := []rune(l.headline() + "\n" + l.body())
	for len(utf16.Encode(text)) > maxDiscord {
		text = append(text[:len(text)-2], '…')
	}
	return encodeJSON(struct {
		Content  string   `json:"content"`
		Mentions mentions `json:"allowed_mentions"`
	}{string(text), mentions{Parse: []string{}}})
}

func encodeJSON(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil { // impossible: all values are plain
		panic(err)
	}
	return body
}

// request is what is sent to a destination of a kind: the body, and headers for it.
func (l *letter) request(kind, secret string, now time.Time) ([]byte, http.Header) {
	h := http.Header{"Content-Type": {"application/json"}}
	switch kind {
	case KindSlack:
		return l.slack(), h
	case KindDiscord:
		return l.discord(), h
	case KindNtfy:
		l.ntfy(h)
		return []byte(l.body()), h
	}
	body, timestamp := l.webhook(), timestampOf(now)
	h.Set("Imperio-Delivery", l.id)
	h.Set("Imperio-Timestamp", timestamp)
	if secret != "" {
		h.Set("Imperio-Signature", signature(secret, timestamp, body))
	}
	return body, h
}

// ntfy sets the headers of ntfy. A header has no room for other letters than ASCII: those are encoded as in mail.
func (l *letter) ntfy(h http.Header) {
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Title", mime.QEncoding.Encode("utf-8", l.headline()))
	priority, tag := "5", "rotating_light"
	switch l.Status {
	case StatusOK:
		priority, tag = "3", "white_check_mark"
	case StatusWarning:
		priority, tag = "4", "warning"
	}
	h.Set("Priority", priority)
	h.Set("Tags", tag+","+string(l.Topic))
}

// ntfyToken is the Authorization for a URL's user: a token alone (https://:tk_…@ or https://tk_…@), or user and password.
func ntfyToken(user *url.Userinfo) string {
	if user == nil {
		return ""
	}
	password, _ := user.Password()
	switch {
	case user.Username() == "" && password != "":
		return "Bearer " + password
	case user.Username() != "" && password == "":
		return "Bearer " + user.Username()
	}
	return ""
}
