package backup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"filippo.io/age"

	"imperio/games"
	"imperio/storage"
	"imperio/storage/command"
)

// Aftermath is what came after a moment, which a restore to that moment takes back.
type Aftermath struct {
	UpTo     time.Time   `json:"up_to"` // the casino's time to which it is known what happened
	Index    uint64      `json:"index"` // the entry of the log at that time
	Events   uint64      `json:"events"`
	Rounds   uint64      `json:"rounds"` // settled
	Staked   games.Coins `json:"staked"`
	Paid     games.Coins `json:"paid"`
	Accounts uint64      `json:"accounts"`
	// AtMost says that the figures above begin up to some seconds before the moment.
	AtMost bool `json:"at_most,omitzero"`
	// AtLeast says that they end before the newest backup, whose figures are not known.
	AtLeast bool `json:"at_least,omitzero"`
	// Asked are commands that somebody should repeat by hand. nil: they were not counted.
	Asked []Asked `json:"asked"`
}

// Asked is how often something was asked for. Some of it may have been refused.
type Asked struct {
	What  string `json:"what"`
	Count uint64 `json:"count"`
}

// between sets the figures to what lies between two positions.
func (a *Aftermath) between(before, after *Position) {
	a.UpTo = after.Time
	a.Events, a.Rounds, a.Accounts = less(after.Events, before.Events), less(after.Rounds, before.Rounds), less(after.Accounts, before.Accounts)
	a.Staked, a.Paid = max(after.Staked-before.Staked, 0), max(after.Paid-before.Paid, 0)
}

func less(a, b uint64) uint64 { return a - min(a, b) }

// Since replaces the figures by those between two positions, of which the second is after an entry of the log: once the
// restored state is known, or where something newer than the backups is.
func (a *Aftermath) Since(before, after *Position, index uint64) {
	a.between(before, after)
	a.Index, a.AtMost = index, false
}

// Aftermath sums up what the target knows of the time after the plan's moment, without Asked. newest is the newest position
// that a manifest tells.
func (p *Plan) Aftermath(ctx context.Context, t Target) (a Aftermath, newest Position, err error) {
	before, exact, err := p.positionBefore(ctx, t)
	if err != nil {
		return a, newest, err
	}
	newest, index, err := p.newestPosition(ctx, t)
	if err != nil {
		return a, newest, err
	}
	a.Since(&before, &newest, index)
	a.AtMost, a.AtLeast = !exact, index < p.Newest
	return a, newest, nil
}

// AskedAfter counts the commands after the moment. It reads all segments there, which may be many. progress may be nil.
func (p *Plan) AskedAfter(ctx context.Context, t Target, identities []age.Identity, progress func(Phase, int64, int64)) ([]Asked, error) {
	if len(p.After) == 0 {
		return []Asked{}, nil
	}
	first := p.After[0].First
	total := int64(p.After[len(p.After)-1].Last - first + 1)
	var tally Tally
	seen, ended := uint64(0), false
	err := fetchSegments(ctx, t, p.After, identities, func(f *coming) error {
		for _, e := range f.entries {
			commands, err := e.Commands()
			if err != nil {
				return damaged(nameOf(t, f.info.Object), "%v", err)
			}
			ended = ended || p.Request.after(e.Index, commands)
			if !ended || e.Index <= seen {
				continue
			}
			seen = e.Index
			if err := tally.Count(commands); err != nil {
				return err
			}
		}
		if progress != nil {
			progress(PhaseAfter, int64(f.info.Last-first+1), total)
		}
		return nil
	})
	return tally.Asked(), err
}

// positionBefore is the newest position at or before the moment that a manifest tells. exact: it is that of the moment.
func (p *Plan) positionBefore(ctx context.Context, t Target) (at Position, exact bool, err error) {
	r, list := p.Request, p.Segments
	exact = true
	if n := len(list); n > 0 {
		if last := list[n-1]; r.Index != 0 && last.Last > r.Index || !r.At.IsZero() && last.To.After(r.At) {
			list, exact = list[:n-1], false
		}
	}
	for _, s := range slices.Backward(list) {
		m, err := ReadManifest(ctx, t, s.Object)
		if err != nil || !m.Partial {
			return m.Position, exact, err
		}
		exact = false
	}
	return p.Manifest.Position, exact, nil
}

// newestPosition is the newest position of the lineage that a manifest tells, and the entry that it is after. Damaged
// backups tell nothing.
func (p *Plan) newestPosition(ctx context.Context, t Target) (at Position, index uint64, err error) {
	for _, o := range p.tellers {
		m, err := ReadManifest(ctx, t, o)
		if errors.As(err, new(*DamageError)) || err == nil && m.Partial {
			continue
		}
		return m.Position, m.Index, err
	}
	return p.Manifest.Position, p.Manifest.Index, nil
}

// Tally counts commands that somebody has to repeat by hand after a restore. The zero value is empty.
type Tally struct{ counts [len(tallied)]uint64 }

// tallied names what is counted, in the order in which people see it.
var tallied = [...]struct {
	what string
	is   func(command.Body) bool
}{
	{"self-exclusions", is[command.Exclude]},
	{"limits of players", is[command.SetLimits]},
	{"deletions of accounts", is[command.DeleteAccount]},
	{"locks and unlocks of accounts", is[command.SetLock]},
	{"changes of passwords", is[command.ChangePassword]},
	{"changes of e-mail addresses", is[command.ChangeEmail]},
	{"new accounts", is[command.OpenAccount]},
	{"grants of coins", is[command.GrantCoins]},
	{"changes of roles", is[command.SetRole]},
	{"password links", is[command.CreatePasswordLink]},
	{"new invitations", is[command.CreateInvitation]},
	{"revoked invitations", is[command.RevokeInvitation]},
	{"notes of operators' acts", is[command.RecordAct]},
}

func is[T command.Body](b command.Body) bool { _, ok := b.(T); return ok }

// Count counts the commands of an entry of the log.
func (t *Tally) Count(commands []storage.Command) error {
	for _, c := range commands {
		if len(c.Data) == 0 {
			continue
		}
		d, err := command.Decode(c.Data)
		if err != nil {
			return fmt.Errorf("log entry %d: %w", c.Index, err)
		}
		if d.Refusal != nil {
			continue
		}
		for i := range tallied {
			if tallied[i].is(d.Body) {
				t.counts[i]++
			}
		}
	}
	return nil
}

// Asked lists what was counted, without what was never asked for.
func (t *Tally) Asked() []Asked {
	list := []Asked{}
	for i, n := range t.counts {
		if n > 0 {
			list = append(list, Asked{tallied[i].what, n})
		}
	}
	return list
}

// Add adds what another tally counted.
func (a *Aftermath) Add(t *Tally) {
	for i, n := range t.counts {
		a.add(tallied[i].what, n)
	}
}

func (a *Aftermath) add(what string, n uint64) {
	if n == 0 {
		return
	}
	for i := range a.Asked {
		if a.Asked[i].What == what {
			a.Asked[i].Count += n
			return
		}
	}
	a.Asked = append(a.Asked, Asked{what, n})
}
