package ops

import (
	"strconv"
	"time"
)

// repeats remembers the last message about each subject, so that what goes on is not told again and again. The Notifier's
// lock guards it.
type repeats struct {
	window time.Duration
	last   map[repeatKey]*told
}

type repeatKey struct{ topic, subject string }

// told is a message that was sent, and how often it was repeated since.
type told struct {
	topic    Topic
	status   MessageStatus
	title    string
	at       time.Time
	repeated int
}

// maxSubjects bounds what is remembered.
const maxSubjects = 1000

// isNews says whether a message is to be sent, and remembers it. If it was held back before, a detail says how often.
func (r *repeats) isNews(m *Message, now time.Time) bool {
	if r.last == nil || len(r.last) >= maxSubjects {
		r.last = make(map[repeatKey]*told)
	}
	key := repeatKey{m.Topic.subject(), m.Subject}
	before := r.last[key]
	same := before != nil && before.topic == m.Topic && before.status == m.Status && before.title == m.Title
	if same && now.Sub(before.at) < r.window {
		before.repeated++
		return false
	}
	if same && before.repeated > 0 {
		m.Details["repeated"] = strconv.Itoa(before.repeated)
	}
	r.last[key] = &told{topic: m.Topic, status: m.Status, title: m.Title, at: now}
	return true
}
