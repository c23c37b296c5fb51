package ops

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Topic is what a Message is about.
type Topic string

// All topics.
const (
	TopicBackupMade     Topic = "backup_made"
	TopicBackupFailed   Topic = "backup_failed"
	TopicBackupGap      Topic = "backup_gap" // a moment in time that can't be restored
	TopicDrillSucceeded Topic = "drill_succeeded"
	TopicDrillFailed    Topic = "drill_failed"
	TopicRestored       Topic = "restored"
	TopicUpgraded       Topic = "upgraded"
	TopicUpgradeFailed  Topic = "upgrade_failed" // the version before is back
	TopicLowDisk        Topic = "low_disk"
	TopicCertificate    Topic = "certificate"
	TopicClock          Topic = "clock"
	TopicLeader         Topic = "leader"
	TopicLedger         Topic = "ledger"
	TopicHealth         Topic = "health" // everything else that health checks find
)

// Topics lists all topics.
func Topics() []Topic {
	return []Topic{
		TopicBackupMade, TopicBackupFailed, TopicBackupGap, TopicDrillSucceeded, TopicDrillFailed, TopicRestored, TopicUpgraded, TopicUpgradeFailed,
		TopicLowDisk, TopicCertificate, TopicClock, TopicLeader, TopicLedger, TopicHealth,
	}
}

// subject groups topics that tell of one thing: a backup that was made ends the failure of backups.
func (t Topic) subject() string {
	for _, group := range [...]string{"backup_", "drill_", "upgrade"} {
		if strings.HasPrefix(string(t), group) {
			return group
		}
	}
	return string(t)
}

// MessageStatus says how bad a Message is.
type MessageStatus string

// The statuses. An alarm needs somebody now; a warning can wait until morning.
const (
	StatusOK      MessageStatus = "ok"
	StatusWarning MessageStatus = "warning"
	StatusAlarm   MessageStatus = "alarm"
)

func (s MessageStatus) words() string {
	switch s {
	case StatusOK:
		return "OK"
	case StatusWarning:
		return "Warning"
	}
	return "ALARM"
}

// Message is what operators are told. It leaves the house: no secrets, no paths, no names of players.
type Message struct {
	Topic  Topic
	Status MessageStatus
	// Subject says which of several things the message is about, such as a target of backups; it may be empty. Messages about one
	// subject follow each other: one that only repeats the last is not sent.
	Subject string
	Title   string            // what happened, in a few words, the same each time it happens
	Text    string            // more of it, and what to do; may be empty
	Time    time.Time         // when it happened; zero: now
	Details map[string]string // facts for programs
}

// The bounds of a message. Services refuse longer ones.
const (
	maxTitle   = 200
	maxText    = 1200
	maxDetails = 16
	maxDetail  = 200
)

// bounded is the message within the bounds, and without control characters.
func (m Message) bounded() Message {
	m.Title = clip(strings.Join(strings.Fields(printable(m.Title)), " "), maxTitle)
	m.Text = clip(printable(m.Text), maxText)
	details := make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(m.Details)) {
		if len(details) < maxDetails {
			details[clip(printable(name), maxDetail)] = clip(printable(m.Details[name]), maxDetail)
		}
	}
	m.Details = details
	return m
}

func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "�"))
}

// clip cuts text after at most so many characters.
func clip(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most-1]) + "…"
}

// letter is a message to one destination, with what is the same for each try.
type letter struct {
	Message
	id              string // tells repeated deliveries from new ones
	casino, version string
}

// headline is the message in one line.
func (l *letter) headline() string {
	return fmt.Sprintf("%s: %s (%s)", l.Status.words(), l.Title, l.casino)
}

// body is the message below its headline.
func (l *letter) body() string {
	var b strings.Builder
	if l.Text != "" {
		b.WriteString(l.Text + "\n\n")
	}
	for _, name := range slices.Sorted(maps.Keys(l.Details)) {
		fmt.Fprintf(&b, "%s: %s\n", name, l.Details[name])
	}
	fmt.Fprintf(&b, "%s, topic %s, imperio %s", l.Time.UTC().Format(time.RFC3339), l.Topic, l.version)
	return b.String()
}
