package storage

import (
	"slices"
	"sync"
	"time"

	"imperio/storage/command"
	"imperio/storage/machine"
)

// boards keeps the boards of a few seasons, so that reading them costs next to nothing, however many players take part. A board
// is made anew when somebody reads it and it is old: at most every boardAge, and for at most a boardShare of the time. Bets wait
// for none of it. Who leaves, is locked or excluded is gone from a kept board at once.
type boards struct {
	mu      sync.Mutex // guards kept and what is in it
	kept    []*board   // the most recently made last
	making  sync.Mutex // held while a board is made
	changes changes
}

const (
	boardAge    = 2 * time.Second
	boardShare  = 30   // a board is at least as many times as old as making it took
	boardPlaces = 100  // that are listed
	boardRanked = 1000 // whose own place is told
	boardsKept  = 4    // seasons
)

// board is a season's boards as they are kept.
type board struct {
	season  command.Season
	asOf    time.Time // by the casino's time
	made    time.Time // by this machine's clock
	took    time.Duration
	players uint64
	ranked  [command.Boards][]command.Ranked
	seen    uint64 // changes that the listing takes into account
}

func (b *board) old(now time.Time) bool {
	return now.Sub(b.made) >= max(boardAge, boardShare*b.took)
}

// changes notes whose profile or standing has changed lately, so that kept boards can be corrected.
type changes struct {
	mu     sync.Mutex
	n      uint64                       // changes so far
	newest map[command.AccountID]uint64 // the newest change of an account
	from   uint64                       // changes up to it are forgotten
}

// changesKept is how many accounts are remembered; then all are forgotten, and boards that are older are made anew.
const changesKept = 10_000

// note takes in what commands have done.
func (c *changes) note(events []*machine.Event) {
	for _, e := range events {
		switch e.Kind {
		case machine.ProfileChanged, machine.PlayerExcluded, machine.AccountLocked, machine.AccountUnlocked, machine.AccountDeleted:
			c.add(e.Account)
		}
	}
}

func (c *changes) add(id command.AccountID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	if len(c.newest) >= changesKept {
		clear(c.newest)
		c.from = c.n
	}
	if c.newest == nil {
		c.newest = make(map[command.AccountID]uint64)
	}
	c.newest[id] = c.n
}

// forget makes all boards old: another state has taken the place of theirs.
func (c *changes) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.newest)
	c.n++
	c.from = c.n
}

func (c *changes) now() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

// since lists the accounts among some that have changed after a number of changes. ok is false if that is no longer known.
func (c *changes) since(seen uint64, rows []command.Ranked) (changed []command.AccountID, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if seen < c.from {
		return nil, false
	}
	if seen == c.n {
		return nil, true
	}
	for i := range rows {
		if c.newest[rows[i].Account] > seen {
			changed = append(changed, rows[i].Account)
		}
	}
	return changed, true
}

// Standings reads a board of a season. viewer is who asks; 0: somebody unknown. It is up to a few seconds old, but for who may
// be listed at all and for the viewer's own figures. ok is false if there is no such season.
func (s *Store) Standings(season uint32, b command.Board, viewer command.AccountID) (v command.Standings, ok bool, err error) {
	for ok := false; !ok; {
		kept, err := s.board(season)
		if err != nil || kept == nil {
			return v, false, err
		}
		v = command.Standings{Season: kept.season, AsOf: kept.asOf, Players: kept.players}
		if v.List, ok, err = s.correct(kept, kept.ranked[b]); err != nil {
			return v, false, err
		}
		if !ok {
			s.boards.drop(kept)
			continue
		}
		if err := s.own(&v, kept, b, viewer); err != nil {
			return v, false, err
		}
	}
	return v, true, nil
}

// own adds the viewer's own figures, which are those of now, with the place on the kept board.
func (s *Store) own(v *command.Standings, kept *board, b command.Board, viewer command.AccountID) error {
	if viewer == 0 {
		return nil
	}
	own, ok, err := s.OwnFigures(kept.season.Number, viewer)
	if err != nil || !ok {
		return err
	}
	v.Own = &command.Ranked{SeasonPlayer: own}
	if i := slices.IndexFunc(kept.ranked[b], func(r command.Ranked) bool { return r.Entry == own.Entry }); i >= 0 {
		v.Own.Rank = kept.ranked[b][i].Rank
	}
	return nil
}

// correct returns the listed rows of a kept board as they may be shown now. ok is false if the board is too old for that.
func (s *Store) correct(kept *board, ranked []command.Ranked) (list []command.Ranked, ok bool, err error) {
	list = ranked[:min(boardPlaces, len(ranked))]
	changed, ok := s.boards.changes.since(kept.seen, list)
	if !ok || len(changed) == 0 {
		return list, ok, nil
	}
	running := kept.season.EndedAt.IsZero()
	var now []command.Ranked
	for _, row := range list {
		if slices.Contains(changed, row.Account) {
			is := machine.Standing{Entry: row.Entry, EntryRecord: machine.EntryRecord{Account: row.Account, Rounds: row.Rounds, Staked: row.Staked,
				Paid: row.Paid, BestPayout: row.BestPayout, BestStaked: row.BestStaked, BestRound: row.BestRound}}
			listed := false
			if err := s.showEntries([]machine.Standing{is}, running, func(v command.SeasonPlayer, l bool) { row.SeasonPlayer, listed = v, l }); err != nil {
				return nil, false, err
			}
			if !listed {
				continue
			}
		}
		now = append(now, row)
	}
	return now, true, nil
}

// board returns the kept boards of a season, made anew if they are old; nil if there is no such season.
func (s *Store) board(number uint32) (*board, error) {
	season, ok, err := find(s, func(r *machine.Reader) (command.Season, bool, error) { return r.Season(number) })
	if err != nil || !ok {
		return nil, err
	}
	kept := s.boards.of(&season)
	if kept != nil && !kept.old(time.Now()) {
		return kept, nil
	}
	if kept == nil {
		s.boards.making.Lock()
		defer s.boards.making.Unlock()
		if kept = s.boards.of(&season); kept != nil {
			return kept, nil // somebody else has made it meanwhile
		}
	} else if s.boards.making.TryLock() {
		defer s.boards.making.Unlock()
	} else {
		return kept, nil // somebody else makes it
	}
	made, err := s.makeBoard(&season)
	if err == nil {
		s.boards.keep(made)
	}
	return made, err
}

// of is the kept board of a season, if it is of the season as it stands: running, or ended.
func (b *boards) of(season *command.Season) *board {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, kept := range b.kept {
		if kept.season == *season {
			return kept
		}
	}
	return nil
}

func (b *boards) keep(made *board) {
	b.drop(made)
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.kept) == boardsKept {
		b.kept = slices.Delete(b.kept, 0, 1)
	}
	b.kept = append(b.kept, made)
}

// drop forgets the boards of a season.
func (b *boards) drop(old *board) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept = slices.DeleteFunc(b.kept, func(k *board) bool { return k.season.Number == old.season.Number })
}

// makeBoard makes the boards of a season. Of a running one, places count only those who are listed. Of one that has ended, they
// are the final ones.
func (s *Store) makeBoard(season *command.Season) (*board, error) {
	began := time.Now()
	made := &board{season: *season, seen: s.boards.changes.now(), players: season.Players}
	running := season.EndedAt.IsZero()
	var tops [command.Boards][]machine.Standing
	if running {
		found, players, head, err := s.scanSeason(season.Number, boardRanked)
		if err != nil {
			return nil, err
		}
		made.players, made.asOf = players, head.At()
		for b := range tops {
			tops[b] = found.Of(command.Board(b))
		}
	} else {
		for b := range tops {
			var err error
			if tops[b], err = get(s, func(r *machine.Reader) ([]machine.Standing, error) { return r.TopOf(season.Number, command.Board(b)) }); err != nil {
				return nil, err
			}
		}
	}
	shown := make(map[command.EntryID]command.SeasonPlayer)
	for b := range tops {
		var missing []machine.Standing
		for _, t := range tops[b] {
			if _, known := shown[t.Entry]; !known {
				missing = append(missing, t)
			}
		}
		if err := s.showEntries(missing, running, func(v command.SeasonPlayer, listed bool) {
			if !listed {
				v.Account = 0
			}
			shown[v.Entry] = v
		}); err != nil {
			return nil, err
		}
		rank := 0
		for i, t := range tops[b] {
			v := shown[t.Entry]
			if v.Account == 0 {
				continue
			}
			rank++
			if !running {
				rank = i + 1
			}
			made.ranked[b] = append(made.ranked[b], command.Ranked{Rank: rank, SeasonPlayer: v})
		}
	}
	made.made = time.Now()
	made.took = made.made.Sub(began)
	return made, nil
}
