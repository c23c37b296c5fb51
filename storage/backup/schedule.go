package backup

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule says when something is done, in cron's syntax, by the clock on the wall. The zero Schedule is never.
type Schedule struct {
	text     string
	spec     *cron.SpecSchedule // nil: never
	location *time.Location     // nil: the machine's
}

// cronFields are the fields of cron's syntax in their order.
var cronFields = []struct {
	name  string
	field cron.ParseOption
}{{"minute", cron.Minute}, {"hour", cron.Hour}, {"day of the month", cron.Dom}, {"month", cron.Month}, {"day of the week", cron.Dow}}

// ParseSchedule reads five fields of cron, such as "0 2 * * *", or @hourly, @daily, @weekly, @monthly, @yearly, or off for never.
func ParseSchedule(text string) (Schedule, error) {
	text = strings.TrimSpace(text)
	if text == "off" {
		return Schedule{}, nil
	}
	const example = `write five fields such as "0 2 * * *" (minute, hour, day of the month, month, day of the week), @daily, or off`
	fields := strings.Fields(text)
	switch {
	case text == "":
		return Schedule{}, errors.New("the schedule is empty: " + example)
	case strings.HasPrefix(text, "@every"):
		return Schedule{}, fmt.Errorf("schedule %q: @every has no fixed times: %s", text, example)
	case strings.HasPrefix(text, "@"):
		fields = nil
	case strings.Contains(text, "="):
		return Schedule{}, fmt.Errorf("schedule %q: times are those of the machine: set its time zone instead, or TZ for the process", text)
	case len(fields) != len(cronFields):
		return Schedule{}, fmt.Errorf("schedule %q has %d fields: %s", text, len(fields), example)
	}
	for i, field := range fields {
		if strings.Trim(field, ",") == "" {
			return Schedule{}, fmt.Errorf("schedule %q: the %s %q is empty", text, cronFields[i].name, field)
		}
		if _, err := cron.NewParser(cronFields[i].field).Parse(field); err != nil {
			return Schedule{}, fmt.Errorf("schedule %q: the %s %q: %w", text, cronFields[i].name, field, err)
		}
	}
	parsed, err := cron.ParseStandard(text)
	if err != nil {
		return Schedule{}, fmt.Errorf("schedule %q: %w: %s", text, err, example)
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return Schedule{}, fmt.Errorf("schedule %q has no fixed times: %s", text, example)
	}
	spec.Location = time.Local // which means: that of the time that it is asked about
	if spec.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return Schedule{}, fmt.Errorf("schedule %q never comes: there is no such day", text)
	}
	return Schedule{text: text, spec: spec}, nil
}

// String is the text that the schedule was read from.
func (s Schedule) String() string {
	if s.spec == nil {
		return "off"
	}
	return s.text
}

// In returns the schedule by the clocks of another place than the machine's.
func (s Schedule) In(location *time.Location) Schedule {
	s.location = location
	return s
}

// Next returns the first time after another one, and the zero time if there is none.
//
// A schedule with an hour comes once for each such time on the wall, whatever clocks do at night. In spring, what falls
// into the hour that is left out comes an hour later. In autumn, only the first of the two hours counts. A schedule of
// every hour comes every hour.
func (s Schedule) Next(after time.Time) time.Time {
	if s.spec == nil {
		return time.Time{}
	}
	location := s.location
	if location == nil {
		location = time.Local
	}
	after = after.In(location)
	const everyHour = 1 << 63 // the parser's mark of a star
	if s.spec.Hour&everyHour != 0 {
		return s.spec.Next(after)
	}
	// On a wall without clock changes, which UTC is, the parser's arithmetic has no gaps. What falls into an hour that is left out
	// comes later than the wall says, so the search begins a little earlier, and goes on until nothing can come before.
	var next time.Time
	for wall := onWall(after, time.UTC).Add(-longestChange); ; {
		wall = s.spec.Next(wall)
		if wall.IsZero() || !next.IsZero() && wall.After(onWall(next, time.UTC)) {
			return next
		}
		if at := onWall(wall, location); at.After(after) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
}

// longestChange is longer than clocks ever go forward at once, but for islands that changed their day.
const longestChange = 3 * time.Hour

// onWall is the first time when the clocks of a place show what t shows. Where they go past it, it is as much later as
// they go forward. time.Date doesn't promise which time it takes.
func onWall(t time.Time, location *time.Location) time.Time {
	date := func(t time.Time, location *time.Location) time.Time {
		return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), location)
	}
	wall, near := date(t, time.UTC), date(t, location)
	if location == time.UTC {
		return wall
	}
	_, before := near.AddDate(0, 0, -1).Zone() // seconds that clocks are ahead of UTC
	_, after := near.AddDate(0, 0, 1).Zone()
	first := wall.Add(-time.Duration(before) * time.Second).In(location)
	if second := wall.Add(-time.Duration(after) * time.Second).In(location); !date(first, time.UTC).Equal(wall) && date(second, time.UTC).Equal(wall) {
		return second
	}
	return first
}

// Due says whether a time of the schedule has come since the last run. However many have come, one run makes up for all.
// A zero last means that there was no run: one is due. Set last to the present time after a run.
func (s Schedule) Due(last, now time.Time) bool {
	if s.spec == nil {
		return false
	}
	return last.IsZero() || !s.Next(last).After(now)
}

// Anchor returns the last run to go on from, when the clock may have been set back. By less than two runs, it stays: none
// is repeated. By more, it is now, since waiting until the clock is there again may take days.
func (s Schedule) Anchor(last, now time.Time) time.Time {
	if s.spec == nil || !last.After(now) {
		return last
	}
	if second := s.Next(s.Next(now)); second.IsZero() || second.After(last) {
		return last
	}
	return now
}
