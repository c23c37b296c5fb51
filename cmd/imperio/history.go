package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"imperio/appliance/control"
	"imperio/appliance/terminal"
	"imperio/storage/machine"
)

type historyCommand struct {
	Data     dataDirFlags `embed:""`
	jsonFlag `embed:""`
	Acts     bool     `help:"Only acts of operators and of the house itself."`
	Kind     []string `help:"Only events of these kinds, separated by commas, such as coins_granted,role_changed." placeholder:"KIND"`
	Account  string   `help:"Only events of this account: username, e-mail address, or # and the id." placeholder:"ACCOUNT"`
	Actor    string   `help:"Only acts of those whose name has this part." placeholder:"TEXT"`
	Since    string   `help:"Only events from this time on." placeholder:"TIME"`
	Until    string   `help:"Only events before this time." placeholder:"TIME"`
	After    uint64   `help:"Only events with a higher number." placeholder:"N"`
	Before   uint64   `help:"Only events with a lower number." placeholder:"N"`
	Limit    int      `help:"Maximum number of events to print: the newest ones." default:"100" placeholder:"N"`
	Follow   bool     `help:"Go on with new events as they come, until the verb is interrupted. Needs a running server."`
}

// Help explains the verb.
func (historyCommand) Help() string {
	return `It prints the newest events that match, the oldest of them first. Each line has the event's number and time, what happened, and the account. For an operator's act it also has who did it, what was before and after, and why. With --json, each line is a JSON object.

A TIME is a date such as 2026-11-29, a date and a time such as 2026-11-29T15:04:05, or a duration back from now such as 36h. It is UTC unless it ends with a zone: 2026-11-29T15:04:05+01:00.

Kinds: ` + strings.Join(machine.EventKinds(), ", ") + `.

Examples:

  imperio history
  imperio history --acts --since 2026-11-01 --until 2026-12-01
  imperio history --account ana --kind coins_granted,account_locked --json
  imperio history --acts --actor root --follow`
}

// followEvery is the time between two looks for new events.
const followEvery = 500 * time.Millisecond

// Run prints the events.
func (c *historyCommand) Run(env *environment) error {
	query, err := c.query(time.Now())
	if err != nil {
		return err
	}
	return env.control(func(client *control.Client) error {
		var begun control.Status
		if c.Follow {
			if begun, err = control.GetStatus.Call(env.Ctx, client, control.None{}); err != nil {
				return fmt.Errorf("--follow needs a running server: %w", err)
			}
			query.Before = begun.Events + 1
		}
		events, older, err := c.newest(env, client, query, c.Limit)
		if err != nil {
			return err
		}
		if older {
			env.tellMore("events", "--before", events[0].Seq)
		}
		if err := c.print(env, events); err != nil || !c.Follow {
			return err
		}
		err = c.follow(env, client, query, begun.Events)
		if env.Ctx.Err() != nil {
			return nil // interrupted, as meant
		}
		return err
	})
}

func (c *historyCommand) query(now time.Time) (q control.EventQuery, err error) {
	if c.Limit < 1 {
		return q, usagef("--limit must be at least 1")
	}
	if c.Follow && (c.Until != "" || c.Before != 0) {
		return q, usagef("--follow is for events to come: give neither --until nor --before")
	}
	kinds := machine.EventKinds()
	for _, k := range c.Kind {
		if !slices.Contains(kinds, k) {
			return q, usagef("there is no kind %q. The kinds are %s", k, strings.Join(kinds, ", "))
		}
	}
	q = control.EventQuery{Kinds: c.Kind, Who: c.Account, Acts: c.Acts, Actor: c.Actor, After: c.After, Before: c.Before}
	if q.Since, err = parseTime(c.Since, now); err != nil {
		return q, usagef("--since: %v", err)
	}
	if q.Until, err = parseTime(c.Until, now); err != nil {
		return q, usagef("--until: %v", err)
	}
	return q, nil
}

// parseTime reads a time as the help describes it; "" is the zero time.
func parseTime(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if back, err := time.ParseDuration(text); err == nil && back >= 0 {
		return now.Add(-back), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateTime, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time. Write a date such as 2026-11-29, a time such as 2026-11-29T15:04:05 or 2026-11-29T15:04:05+01:00, or a duration such as 36h", text)
}

// newest returns the newest events of a query, the oldest first, at most limit. more reports whether older ones match too.
func (c *historyCommand) newest(env *environment, client *control.Client, query control.EventQuery, limit int) (events []control.Event, more bool, err error) {
	progress := terminal.NewProgress(env.Stderr)
	defer progress.End()
	var newest uint64 // where the search began
	for pages := 0; len(events) <= limit; pages++ {
		const long = 20 // pages of a search that is worth telling
		if newest = max(newest, query.Cursor); pages >= long && query.Who == "" {
			progress.Show("events searched", int64(newest-query.Cursor), int64(newest-query.After), "")
		}
		query.Limit = min(limit+1-len(events), pageSize)
		page, err := control.ListEvents.Call(env.Ctx, client, query)
		if err != nil {
			return nil, false, err
		}
		events = append(events, page.Events...)
		if query.Cursor = page.Next; page.Next == 0 {
			break
		}
	}
	if more = len(events) > limit; more {
		events = events[:limit]
	}
	slices.Reverse(events)
	return events, more, nil
}

// follow prints the events after the one with the number seen, until ctx ends.
func (c *historyCommand) follow(env *environment, client *control.Client, query control.EventQuery, seen uint64) error {
	look := time.NewTicker(followEvery)
	defer look.Stop()
	for {
		select {
		case <-env.Ctx.Done():
			return env.Ctx.Err()
		case <-look.C:
		}
		status, err := control.GetStatus.Call(env.Ctx, client, control.None{})
		if err != nil {
			return err
		}
		if status.Events == seen {
			continue
		}
		// Between two numbers, so that events that don't match are read only once.
		query.After, query.Before = max(c.After, seen), status.Events+1
		events, _, err := c.newest(env, client, query, int(status.Events-seen))
		if err != nil {
			return err
		}
		if err := c.print(env, events); err != nil {
			return err
		}
		seen = status.Events
	}
}

func (c *historyCommand) print(env *environment, events []control.Event) error {
	for i := range events {
		line := tell(&events[i])
		if c.JSON {
			data, err := json.Marshal(&events[i])
			if err != nil {
				return fmt.Errorf("print JSON: %w", err)
			}
			line = string(data)
		}
		if _, err := io.WriteString(env.Stdout, line+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// tell puts an event into one line. Text of people is quoted.
func tell(e *control.Event) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s %s", e.Seq, e.Time.Format(time.RFC3339), e.Kind)
	switch {
	case e.Username != "":
		fmt.Fprintf(&b, " %s (#%d)", e.Username, e.Account)
	case e.Account != 0: // it has been deleted since
		fmt.Fprintf(&b, " #%d", e.Account)
	}
	if r := e.Round; r != nil {
		fmt.Fprintf(&b, ": round %d of %s, staked %d", r.ID, r.Rules, r.Staked)
		if r.Settled {
			fmt.Fprintf(&b, ", paid %d", r.Payout)
		}
	}
	if len(e.Reached) > 0 {
		fmt.Fprintf(&b, ", reached %s", strings.Join(e.Reached, " and "))
	}
	if !e.Until.IsZero() {
		fmt.Fprintf(&b, ", until %s", e.Until.Format(time.RFC3339))
	}
	if e.Actor == "" {
		return b.String()
	}
	fmt.Fprintf(&b, ", by %q", e.Actor)
	if e.Act != "" {
		fmt.Fprintf(&b, ": %s", e.Act)
	}
	if e.Before != "" || e.After != "" {
		fmt.Fprintf(&b, ", from %q to %q", e.Before, e.After)
	}
	if e.Reason != "" {
		fmt.Fprintf(&b, ", because %q", e.Reason)
	}
	return b.String()
}
