package backup

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the machine may have no time zones
)

func schedule(t *testing.T, text, place string) (Schedule, *time.Location) {
	t.Helper()
	s, err := ParseSchedule(text)
	if err != nil {
		t.Fatal(err)
	}
	location, err := time.LoadLocation(place)
	if err != nil {
		t.Fatal(err)
	}
	return s.In(location), location
}

// runs are the times from one day to another.
func runs(s Schedule, from, to time.Time) []time.Time {
	var all []time.Time
	for at := s.Next(from.Add(-time.Nanosecond)); !at.IsZero() && at.Before(to); at = s.Next(at) {
		all = append(all, at)
	}
	return all
}

func TestSchedule_ClockChangesNeitherSkipNorDoubleARun(t *testing.T) {
	for _, c := range []struct {
		text, day, want string // times with their zones
	}{
		{"0 2 * * *", "2026-03-28", "02:00 CET"},
		{"0 2 * * *", "2026-03-29", "03:00 CEST"}, // 02:00 to 03:00 is left out
		{"0 2 * * *", "2026-03-30", "02:00 CEST"},
		{"30 2 * * *", "2026-03-29", "03:30 CEST"},
		{"0 3 * * *", "2026-03-29", "03:00 CEST"},
		{"0 2,3 * * *", "2026-03-29", "03:00 CEST"},
		{"0 2 * * *", "2026-10-24", "02:00 CEST"},
		{"0 2 * * *", "2026-10-25", "02:00 CEST"}, // 02:00 to 03:00 is there twice
		{"30 2 * * *", "2026-10-25", "02:30 CEST"},
		{"0 3 * * *", "2026-10-25", "03:00 CET"},
		{"0 2 * * *", "2026-10-26", "02:00 CET"},
		{"@daily", "2026-10-25", "00:00 CEST"},
		{"0 1-3 * * *", "2026-10-25", "01:00 CEST, 02:00 CEST, 03:00 CET"},
	} {
		s, berlin := schedule(t, c.text, "Europe/Berlin")
		day, err := time.ParseInLocation(time.DateOnly, c.day, berlin)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, at := range runs(s, day, day.AddDate(0, 0, 1)) {
			got = append(got, at.Format("15:04 MST"))
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s on %s: %v, want %s", c.text, c.day, got, c.want)
		}
	}
}

func TestSchedule_EveryHourMeansEveryHour(t *testing.T) {
	s, berlin := schedule(t, "@hourly", "Europe/Berlin")
	for day, hours := range map[int]int{28: 24, 29: 23, 30: 24} {
		from := time.Date(2026, 3, day, 0, 0, 0, 0, berlin)
		if got := len(runs(s, from, from.AddDate(0, 0, 1))); got != hours {
			t.Errorf("on 2026-03-%d: %d runs, want %d", day, got, hours)
		}
	}
	from := time.Date(2026, 10, 25, 0, 0, 0, 0, berlin)
	all := runs(s, from, from.AddDate(0, 0, 1))
	if len(all) != 25 {
		t.Fatalf("on 2026-10-25: %d runs, want 25", len(all))
	}
	for i := 1; i < len(all); i++ {
		if all[i].Sub(all[i-1]) != time.Hour {
			t.Errorf("%v comes %v after %v", all[i], all[i].Sub(all[i-1]), all[i-1])
		}
	}
}

// Wherever the machine stands, a daily time comes once a day, and Next goes forward.
func TestSchedule_ADailyTimeComesOnceADayEverywhere(t *testing.T) {
	for _, place := range []string{"Europe/Berlin", "America/Sao_Paulo", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kathmandu", "UTC"} {
		for _, text := range []string{"0 0 * * *", "30 0 * * *", "0 2 * * *", "30 2 * * *", "59 23 * * *"} {
			s, location := schedule(t, text, place)
			from := time.Date(2017, 1, 1, 0, 0, 0, 0, location) // Brazil had clock changes at midnight then
			at := from.Add(-time.Nanosecond)
			for day := range 2 * 365 {
				next := s.Next(at)
				want := time.Date(2017, 1, 1+day, 12, 0, 0, 0, location)
				if !next.After(at) || next.Format(time.DateOnly) != want.Format(time.DateOnly) {
					t.Fatalf("%s in %s: after %v comes %v, want one on %s", text, place, at, next, want.Format(time.DateOnly))
				}
				at = next
			}
		}
	}
}

// Asked at any moment, Next says the same as when it is asked run by run.
func TestSchedule_NextDependsOnNothingButTheTime(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for _, text := range []string{"0 2 * * *", "30 2 * * *", "*/20 1-4 * * *", "0 */2 * * *", "15 * * * *", "0 4 * * 0", "0 3 1 * *"} {
		s, berlin := schedule(t, text, "Europe/Berlin")
		from, to := time.Date(2026, 1, 1, 0, 0, 0, 0, berlin), time.Date(2027, 1, 1, 0, 0, 0, 0, berlin)
		all := runs(s, from, to)
		for range 300 {
			i := random.IntN(len(all) - 1)
			between := all[i].Add(time.Duration(random.Int64N(int64(all[i+1].Sub(all[i])))))
			if got := s.Next(between); !got.Equal(all[i+1]) {
				t.Errorf("%s: after %v comes %v, want %v", text, between, got, all[i+1])
			}
		}
	}
}

func TestSchedule_WhatPassedIsMadeUpForOnce(t *testing.T) {
	s, berlin := schedule(t, "0 2 * * *", "Europe/Berlin")
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 11, day, hour, minute, 0, 0, berlin) }
	for _, c := range []struct {
		name      string
		last, now time.Time
		due       bool
	}{
		{"no run yet", time.Time{}, at(20, 10, 0), true},
		{"before the time", at(19, 2, 0), at(20, 1, 59), false},
		{"at the time", at(19, 2, 0), at(20, 2, 0), true},
		{"after the run", at(20, 2, 0), at(20, 2, 1), false},
		{"a week later", at(13, 2, 0), at(20, 10, 0), true},
		{"after the run that made up for it", at(20, 10, 0), at(20, 10, 1), false},
		{"a minute back after the run", at(20, 2, 0), at(20, 1, 59), false},
	} {
		if got := s.Due(c.last, c.now); got != c.due {
			t.Errorf("%s: due: %t, want %t", c.name, got, c.due)
		}
	}
	never, err := ParseSchedule("off")
	if err != nil {
		t.Fatal(err)
	}
	if never.Due(time.Time{}, at(20, 2, 0)) || !never.Next(at(20, 2, 0)).IsZero() || never.String() != "off" {
		t.Error("off is not never")
	}
}

// A clock that steps about makes neither a storm of runs, nor long silence.
func TestSchedule_AClockThatStepsMakesNoStorm(t *testing.T) {
	s, berlin := schedule(t, "0 2 * * *", "Europe/Berlin")
	now := time.Date(2026, 11, 20, 1, 0, 0, 0, berlin)
	last := time.Date(2026, 11, 19, 2, 0, 0, 0, berlin)
	count := 0
	// pass lets hours pass, looking each minute.
	pass := func(hours int) (ran int) {
		before := count
		for range hours * 60 {
			now = now.Add(time.Minute)
			if last = s.Anchor(last, now); s.Due(last, now) {
				count, last = count+1, now
			}
		}
		return count - before
	}
	step := func(days, hours int) { now = now.AddDate(0, 0, days).Add(time.Duration(hours) * time.Hour) }

	if n := pass(2); n != 1 { // at 02:00
		t.Errorf("%d runs, want 1", n)
	}
	step(0, -2) // 02:00 comes again
	if n := pass(3); n != 0 {
		t.Errorf("after 2 hours back: %d runs, want none", n)
	}
	step(5, 0)
	if n := pass(1); n != 1 {
		t.Errorf("after 5 days forward: %d runs, want one for all", n)
	}
	step(-5, 0)
	if n := pass(3 * 24); n != 3 {
		t.Errorf("in 3 days after 5 days back: %d runs, want 3", n)
	}
	step(3650, 0)
	if n := pass(24); n != 2 { // one at once, one at 02:00
		t.Errorf("in a day, ten years ahead: %d runs, want 2", n)
	}
	step(-3650, 0)
	if n := pass(24); n != 1 {
		t.Errorf("in a day, after the clock was set right: %d runs, want 1", n)
	}
}

func TestParseSchedule_ErrorsNameTheField(t *testing.T) {
	for text, want := range map[string]string{
		"":                    "is empty",
		"  ":                  "is empty",
		"daily":               "has 1 fields",
		"0 2 * *":             "has 4 fields",
		"0 0 2 * * *":         "has 6 fields",
		"60 2 * * *":          `the minute "60"`,
		"x 2 * * *":           `the minute "x"`,
		"0 24 * * *":          `the hour "24"`,
		"0 2 0 * *":           `the day of the month "0"`,
		"0 2 * 13 *":          `the month "13"`,
		"0 2 * * 8":           `the day of the week "8"`,
		"0 2 * * ,":           `the day of the week "," is empty`,
		"0 */0 * * *":         `the hour "*/0"`,
		"0 5-2 * * *":         `the hour "5-2"`,
		"0 2 30 2 *":          "no such day",
		"@evry":               "write five fields",
		"@every 1h":           "has no fixed times",
		"TZ=UTC 0 2 * * *":    "set its time zone",
		"TZ=UTC":              "set its time zone",
		"CRON_TZ=UTC 0 2 * *": "set its time zone",
	} {
		if _, err := ParseSchedule(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	for _, text := range []string{"0 2 * * *", " 5 4 * * sun ", "*/15 0-6 1,15 jan-mar mon-fri", "0 0 29 2 *", "@daily", "@weekly", "off"} {
		if s, err := ParseSchedule(text); err != nil || s.String() != strings.TrimSpace(text) {
			t.Errorf("%q: %q, %v", text, s, err)
		}
	}
}

func FuzzParseSchedule(f *testing.F) {
	for _, text := range []string{"0 2 * * *", "@hourly", "off", "*/7 1-3,5 1 2 *", "TZ=x", ",,,"} {
		f.Add(text, int64(1_790_000_000))
	}
	location, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string, seconds int64) {
		s, err := ParseSchedule(text)
		if err != nil || s.String() == "off" {
			return
		}
		after := time.Unix(seconds%10_000_000_000, 0)
		if next := s.In(location).Next(after); !next.IsZero() && !next.After(after) {
			t.Fatalf("%q: after %v comes %v", text, after, next)
		}
	})
}

// In the hour after the one that was left out, what fell into that is still to come.
func TestSchedule_WhatWasLeftOutIsStillToComeInTheHourAfter(t *testing.T) {
	s, berlin := schedule(t, "30 2 * * *", "Europe/Berlin")
	got := s.Next(time.Date(2026, 3, 29, 3, 20, 0, 0, berlin))
	if want := time.Date(2026, 3, 29, 3, 30, 0, 0, berlin); !got.Equal(want) {
		t.Errorf("it comes %v, want %v", got, want)
	}
}
