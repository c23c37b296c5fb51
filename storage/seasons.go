package storage

import (
	"context"
	"errors"

	"imperio/storage/command"
	"imperio/storage/machine"
)

// Profile reads what an account says of itself to others, and what it has reached.
func (s *Store) Profile(id command.AccountID) (command.Profile, bool, error) {
	return find(s, func(r *machine.Reader) (command.Profile, bool, error) { return r.Profile(id) })
}

// ShownAs finds the account that shows a name, by its folded form, where that is no username.
func (s *Store) ShownAs(key string) (command.AccountID, bool, error) {
	return find(s, func(r *machine.Reader) (command.AccountID, bool, error) { return r.ShownAs(key) })
}

// Seasons lists up to limit seasons, newest first, below the one numbered before; 0: from the newest.
func (s *Store) Seasons(before uint32, limit int) ([]command.Season, error) {
	return get(s, func(r *machine.Reader) ([]command.Season, error) { return r.Seasons(before, limit) })
}

// DueSeason is the command that the house should propose at a time; false if there is none. again says whether the house wants
// another season.
func (s *Store) DueSeason(now int64, again bool) (command.CloseSeason, bool, error) {
	return find(s, func(r *machine.Reader) (command.CloseSeason, bool, error) { return r.DueSeason(now, again) })
}

// SeasonPlayer finds a player in a season, who takes part and is listed. Others are not found. The figures are those of now.
func (s *Store) SeasonPlayer(season uint32, entry command.EntryID) (command.SeasonPlayer, bool, error) {
	return find(s, func(r *machine.Reader) (command.SeasonPlayer, bool, error) {
		v, _, ok, err := r.PublicEntry(season, entry)
		return v, ok, err
	})
}

// SeasonRounds lists the rounds that count for such a player in a season, most recently settled first. A cursor is the number of
// an event.
func (s *Store) SeasonRounds(ctx context.Context, season uint32, entry command.EntryID, p command.Page) (list []command.Round, next uint64, ok bool, err error) {
	var player machine.Standing
	var after uint64
	err = s.view(func(r *machine.Reader) error {
		if _, player, ok, err = r.PublicEntry(season, entry); err == nil && ok {
			after, err = r.SeasonFrom(season)
		}
		return err
	})
	if err != nil || !ok {
		return nil, 0, false, err
	}
	from, over := player.Last, false // no round that counts was settled later
	if p.Before != 0 {
		if p.Before > player.Last {
			return nil, 0, true, machine.ErrNoCursor
		}
		from = p.Before
	}
	next, err = s.walk(ctx, player.Account, nil, from, func(r *machine.Reader, e *machine.Event) (bool, error) {
		if e.Seq <= max(after, uint64(entry)) {
			over = true
			return false, nil
		}
		if e.Round == nil || !e.Round.Settled || !e.Round.Counts(entry) {
			return true, nil
		}
		if len(list) == p.Limit {
			return false, nil
		}
		v, err := r.RoundSettledBy(e)
		list = append(list, v)
		return true, err
	})
	if over {
		next = 0
	}
	return list, next, true, err
}

// PublicRound finds a settled round that counts for a player who takes part in seasons and is listed. Others are not found.
func (s *Store) PublicRound(id command.RoundID) (command.Round, bool, error) {
	return find(s, func(r *machine.Reader) (command.Round, bool, error) { return r.PublicRound(id) })
}

// OwnFigures reads an account's own figures in a season, also while it is not listed.
func (s *Store) OwnFigures(season uint32, id command.AccountID) (command.SeasonPlayer, bool, error) {
	return find(s, func(r *machine.Reader) (command.SeasonPlayer, bool, error) { return r.OwnFigures(season, id) })
}

// showEntries reads entries in a few views, so that no command waits for all of them.
func (s *Store) showEntries(entries []machine.Standing, running bool, fn func(v command.SeasonPlayer, listed bool)) error {
	for len(entries) > 0 {
		some := entries[:min(len(entries), chainStep/2)]
		entries = entries[len(some):]
		if err := s.view(func(r *machine.Reader) error {
			for i := range some {
				v, listed, err := r.SeasonPlayer(&some[i], running)
				if err != nil {
					return err
				}
				fn(v, listed)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// scanSeason finds the best of a running season, as of the newest checkpoint: it holds up nobody, however many take part.
func (s *Store) scanSeason(season uint32, most int) (tops *machine.Tops, players uint64, head machine.Record, err error) {
	tops = machine.NewTops(most)
	snap, err := s.LastSnapshot()
	if err != nil {
		return nil, 0, head, err
	}
	head = snap.Machine()
	err = snap.Read(func(r *machine.Reader) error {
		return r.Entries(season, func(e *machine.Standing) error { players++; tops.Add(e); return nil })
	})
	return tops, players, head, errors.Join(err, snap.Close())
}
