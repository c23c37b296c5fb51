package ops

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// alarms notes what would be sent, as "topic status subject".
type alarms struct {
	*Alarms
	mu   sync.Mutex
	told []string
}

func newAlarms() *alarms {
	a := &alarms{}
	a.Alarms = NewAlarms(AlarmsOptions{Notify: func(m Message) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.told = append(a.told, fmt.Sprintf("%s %s %s", m.Topic, m.Status, m.Subject))
	}})
	return a
}

// take returns what was told since the last time.
func (a *alarms) take() []string {
	synctest.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	told := a.told
	a.told = nil
	return told
}

func (a *alarms) want(t *testing.T, when string, want ...string) {
	t.Helper()
	if told := a.take(); !slices.Equal(told, want) {
		t.Errorf("%s: told %q, want %q", when, told, want)
	}
}

func TestAlarms_TellWhatLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAlarms()
		a.HealthChanged("disk_space", Healthy, Degraded, "little")
		time.Sleep(29 * time.Second)
		a.want(t, "before it has held")
		time.Sleep(2 * time.Second)
		a.want(t, "once it has held", "low_disk warning disk_space")
		a.HealthChanged("disk_space", Degraded, Unhealthy, "nothing")
		time.Sleep(time.Hour)
		a.want(t, "worse", "low_disk alarm disk_space")
		time.Sleep(24 * time.Hour)
		a.want(t, "all day")
		a.HealthChanged("disk_space", Unhealthy, Healthy, "much")
		time.Sleep(time.Minute)
		a.want(t, "recovered", "low_disk ok disk_space")
		time.Sleep(24 * time.Hour)
		a.want(t, "well all day")
	})
}

func TestAlarms_WhatFlapsSendsNoFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAlarms()
		for range 100 {
			a.HealthChanged("clock", Healthy, Degraded, "")
			time.Sleep(15 * time.Second)
			a.HealthChanged("clock", Degraded, Healthy, "")
			time.Sleep(15 * time.Second)
		}
		a.want(t, "changing faster than it must hold")

		// It changes each minute for six hours: the more often it was told, the longer it must hold.
		was, is := Healthy, Unhealthy
		for range 6 * 60 {
			a.HealthChanged("clock", was, is, "")
			was, is = is, was
			time.Sleep(time.Minute)
		}
		if n := len(a.take()); n < 3 || n > 30 {
			t.Errorf("%d messages in six hours", n)
		}
		if was == Unhealthy {
			a.HealthChanged("clock", Unhealthy, Healthy, "")
		}
		time.Sleep(time.Hour)
		a.take()
		a.HealthChanged("clock", Healthy, Unhealthy, "")
		time.Sleep(31 * time.Second)
		a.want(t, "an hour later it is told as soon as ever", "clock alarm clock")
		a.Close()
	})
}

// A check that changes between two bad states is bad all the time.
func TestAlarms_TellWhatIsBadInTwoWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAlarms()
		was, is := Unhealthy, Degraded
		a.HealthChanged("disk_latency", Healthy, Unhealthy, "")
		for range 3 {
			time.Sleep(14 * time.Second)
			a.HealthChanged("disk_latency", was, is, "")
			was, is = is, was
		}
		a.want(t, "after 42 seconds", "health alarm disk_latency")
		a.Close()
	})
}

func TestAlarms_EachCheckHasItsTopic(t *testing.T) {
	for check, want := range map[string]Topic{
		"disk_space": TopicLowDisk, "certificate_expiry": TopicCertificate, "clock": TopicClock, "leader": TopicLeader,
		"backup_age": TopicBackupFailed, "backup_targets": TopicBackupFailed, "backup_drill": TopicDrillFailed,
		"store": TopicHealth, "log": TopicHealth, "checkpoint": TopicHealth, "apply_lag": TopicHealth, "disk_latency": TopicHealth,
	} {
		if got := topicOf(check); got != want {
			t.Errorf("%s: %s, want %s", check, got, want)
		}
	}
}

func TestAlarms_OfLeadersOnlyChangesAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAlarms()
		for _, seen := range []struct {
			leader string
			leads  bool
		}{{"", false}, {"n1", true}, {"n1", true}, {"", false}, {"n1", true}} { // a lone node
			a.LeaderSeen(seen.leader, seen.leads)
		}
		a.want(t, "one node")
		a.LeaderSeen("n2", false)
		a.want(t, "the new leader tells it")
		a.LeaderSeen("", false)
		a.LeaderSeen("n1", true)
		a.want(t, "this node leads now", "leader warning n1")
	})
}

func TestAlarms_WhenClosedNothingIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAlarms()
		a.HealthChanged("clock", Healthy, Degraded, "")
		a.Stopped()
		a.want(t, "stopped", "health alarm stopped")
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		a.HealthChanged("store", Healthy, Unhealthy, "")
		a.BooksChanged(false)
		time.Sleep(time.Hour)
		a.want(t, "closed")
	})
}

func TestHealth_HandsOnEachChangeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changes []string
		result := healthy("fine")
		h := newHealth(t, HealthOptions{Changed: func(check string, was, is Status, detail string) {
			changes = append(changes, fmt.Sprintf("%s %s %s %s", check, was, is, detail))
		}}, Check{"clock", func(context.Context) (Result, bool) { return result, true }})
		for _, r := range []Result{healthy("fine"), degraded("jumped"), degraded("still"), unhealthy("ahead"), healthy("right")} {
			result = r
			for range 2 {
				h.Report()
				time.Sleep(2 * time.Second) // so that the next answer is a new one
			}
		}
		want := []string{"clock healthy degraded jumped", "clock degraded unhealthy ahead", "clock unhealthy healthy right"}
		if !slices.Equal(changes, want) {
			t.Errorf("got %q, want %q", changes, want)
		}
	})
}
