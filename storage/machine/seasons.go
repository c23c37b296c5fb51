package machine

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"math/bits"
	"slices"
	"sort"

	"imperio/games"
	"imperio/storage/command"
)

// Seasons. Whoever takes part has an entry (WalletRecord.Entry), from the event of joining until that of leaving. A round
// counts if it was opened after its player joined, and settled while a season ran: so nobody can choose to join for a hand that
// is dealt already. Figures are kept by season and entry, and only for those who take part.

// Counts reports whether a round counts for an entry, if it is settled while a season is running.
func (r *RoundRecord) Counts(entry command.EntryID) bool {
	return entry != 0 && uint64(r.ID) > uint64(entry)
}

// countInSeason counts a settled round, whose event is the next one.
func (m *Machine) countInSeason(id command.AccountID, w *WalletRecord, r *RoundRecord) error {
	if !r.Counts(w.Entry) || !m.head.InSeason {
		return nil
	}
	key := entryKey(m.head.Season, w.Entry)
	record, _, err := load[EntryRecord](&m.Reader, tableEntries, key)
	if err != nil {
		return err
	}
	record.Account = id
	record.Count(r, m.head.Events+1)
	return m.put(tableEntries, key, record)
}

// Count adds a round that an event settled.
func (f *EntryRecord) Count(r *RoundRecord, event uint64) {
	f.Rounds++
	f.Staked += r.Staked
	f.Paid += r.Payout
	f.Last = event
	if compareMultipliers(r.Payout, r.Staked, f.BestPayout, f.BestStaked) > 0 {
		f.BestPayout, f.BestStaked, f.BestRound = r.Payout, r.Staked, r.ID
	}
}

// compareMultipliers compares two payouts for each coin staked, exactly. A round that was never played compares as 0.
func compareMultipliers(payout, staked, otherPayout, otherStaked games.Coins) int {
	high, low := bits.Mul64(uint64(payout), uint64(max(otherStaked, 1)))
	otherHigh, otherLow := bits.Mul64(uint64(otherPayout), uint64(max(staked, 1)))
	return cmp.Or(cmp.Compare(high, otherHigh), cmp.Compare(low, otherLow))
}

// leaveSeasons removes an account from the running season. What seasons that have ended say stays. The caller stores w and p.
func (m *Machine) leaveSeasons(w *WalletRecord, p *ProfileRecord) error {
	if w.Entry == 0 {
		return nil
	}
	if m.head.InSeason {
		m.state.Delete(tableEntries, entryKey(m.head.Season, w.Entry))
	}
	if m.head.Season > 0 {
		s, err := m.season(m.head.Season)
		if err != nil {
			return err
		}
		if InPast(w.Entry, &s) {
			p.Past = append(p.Past, w.Entry)
		}
	}
	m.head.TakingPart--
	w.Entry = 0
	return nil
}

// InPast reports whether an entry may be listed by a season that has ended: whether the newest season ended, or began as the
// one after another, since the account has joined.
func InPast(entry command.EntryID, newest *SeasonRecord) bool {
	return uint64(entry) < max(newest.From, newest.To)
}

// SeasonDue reports whether a season that began at a time is over by its month (UTC), at another time.
func SeasonDue(began, now int64) bool { return month(now/dayMillis) > month(began/dayMillis) }

// SeasonChange is what an event says of the season that it ends or begins.
type SeasonChange struct {
	_       struct{} `cbor:",toarray"`
	Number  uint32
	Began   int64
	Ended   int64    // 0: it begins
	Players uint64   // with at least one round
	Digest  [32]byte // of the final standings; see SeasonDigest
}

// closeSeason ends the running season and may begin another.
func (m *Machine) closeSeason(b command.CloseSeason) (command.Result, error) {
	if m.command.Account != 0 {
		return invalidCommand("a season's end on behalf of account %d", m.command.Account), nil
	}
	running := uint32(0)
	if m.head.InSeason {
		running = m.head.Season
	}
	if b.Season != running {
		return command.Refusef("season_moved", "Season %d is not the running one.", b.Season), nil
	}
	if running != 0 {
		season, err := m.season(running)
		if err != nil {
			return command.Result{}, err
		}
		if b.Actor == "" && !SeasonDue(season.Began, m.now) {
			return command.Refusef("season_not_due", "Season %d runs until the end of its month.", running), nil
		}
		if err := m.endSeason(running, &season, &b); err != nil {
			return command.Result{}, err
		}
	}
	if !b.Begin {
		return command.Result{}, nil
	}
	m.head.Season, m.head.InSeason = m.head.Season+1, true
	if err := m.put(tableSeasons, seasonKey(m.head.Season), SeasonRecord{Began: m.now, From: m.head.Events + 1}); err != nil {
		return command.Result{}, err
	}
	return command.Result{}, m.record(&Event{Kind: SeasonBegun, Season: &SeasonChange{Number: m.head.Season, Began: m.now}, Act: &Act{
		Actor: "house", After: fmt.Sprintf("season %d", m.head.Season)}})
}

func (m *Machine) endSeason(number uint32, season *SeasonRecord, b *command.CloseSeason) error {
	digest := NewSeasonDigest(number)
	tops := NewTops(m.is().seasonTop)
	if err := m.Entries(number, func(s *Standing) error {
		digest.Add(s)
		tops.Add(s)
		return nil
	}); err != nil {
		return err
	}
	season.Ended, season.To, season.Players, season.Digest = m.now, m.head.Events+1, digest.Players, digest.Sum()
	season.Top = tops.Entries()
	if err := m.put(tableSeasons, seasonKey(number), season); err != nil {
		return err
	}
	m.head.InSeason = false
	return m.record(&Event{Kind: SeasonClosed,
		Season: &SeasonChange{Number: number, Began: season.Began, Ended: season.Ended, Players: season.Players, Digest: season.Digest},
		Act: &Act{Actor: cmp.Or(b.Actor, "house"), Reason: b.Reason,
			Before: fmt.Sprintf("season %d", number), After: fmt.Sprintf("%d players, standings %x", season.Players, season.Digest)}})
}

// season reads the record of a season that there is.
func (r *Reader) season(number uint32) (SeasonRecord, error) {
	s, ok, err := load[SeasonRecord](r, tableSeasons, seasonKey(number))
	if err == nil && !ok {
		err = r.Damage("season %d is missing", number)
	}
	return s, err
}

// Standing is an entry with its figures.
type Standing struct {
	Entry command.EntryID
	EntryRecord
}

// Entries visits the entries of a season that have a round in it, by ascending entry.
func (r *Reader) Entries(season uint32, fn func(*Standing) error) error {
	err := each(r, tableEntries, entryKey(season, 0), func(k, _ []byte, f *EntryRecord) error {
		if len(k) != 12 {
			return r.Damage("the table %s has the key %x", tableNames[tableEntries], k)
		}
		if binary.BigEndian.Uint32(k) != season {
			return errEnough
		}
		return fn(&Standing{command.EntryID(binary.BigEndian.Uint64(k[4:])), *f})
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return err
}

// Entry reads the figures of an entry in a season. ok is false if it has no round in it.
func (r *Reader) Entry(season uint32, entry command.EntryID) (s Standing, ok bool, err error) {
	s.Entry = entry
	s.EntryRecord, ok, err = load[EntryRecord](r, tableEntries, entryKey(season, entry))
	return s, ok, err
}

// AllEntries visits the entries of all seasons, by season and entry.
func (r *Reader) AllEntries(fn func(season uint32, s *Standing) error) error {
	return each(r, tableEntries, nil, func(k, _ []byte, f *EntryRecord) error {
		if len(k) != 12 {
			return r.Damage("the table %s has the key %x", tableNames[tableEntries], k)
		}
		return fn(binary.BigEndian.Uint32(k), &Standing{command.EntryID(binary.BigEndian.Uint64(k[4:])), *f})
	})
}

// SeasonRecords visits the records of all seasons, oldest first.
func (r *Reader) SeasonRecords(fn func(number uint32, s *SeasonRecord) error) error {
	return each(r, tableSeasons, nil, func(k, _ []byte, s *SeasonRecord) error {
		if len(k) != 4 {
			return r.Damage("the table %s has the key %x", tableNames[tableSeasons], k)
		}
		return fn(binary.BigEndian.Uint32(k), s)
	})
}

// SeasonDigest is a SHA-256 of the final standings of a season. It begins with the season's number (4 bytes). Then come the
// players who have a round in it, by ascending entry, each as seven numbers of 8 bytes: entry, rounds, staked, paid, and of the
// best round payout, stake and number. All numbers are big-endian. The orders of all boards follow from these.
type SeasonDigest struct {
	hash    hash.Hash
	Players uint64
}

// NewSeasonDigest begins the digest of a season.
func NewSeasonDigest(season uint32) *SeasonDigest {
	d := &SeasonDigest{hash: sha256.New()}
	d.hash.Write(seasonKey(season))
	return d
}

// Add adds the next entry.
func (d *SeasonDigest) Add(s *Standing) {
	var b [56]byte
	for i, n := range [7]uint64{uint64(s.Entry), s.Rounds, uint64(s.Staked), uint64(s.Paid), uint64(s.BestPayout), uint64(s.BestStaked), uint64(s.BestRound)} {
		binary.BigEndian.PutUint64(b[8*i:], n)
	}
	d.hash.Write(b[:])
	d.Players++
}

// Sum is the digest of what was added.
func (d *SeasonDigest) Sum() (sum [32]byte) {
	d.hash.Sum(sum[:0])
	return sum
}

// CompareOn compares two players' places on a board: below 0 if x is before y. Of players who are alike, the one whose best
// round, or whose entry, is older comes first. So no two have the same place.
func CompareOn(b command.Board, x, y *Standing) int {
	switch b {
	case command.BoardNet:
		return cmp.Or(cmp.Compare(y.Paid-y.Staked, x.Paid-x.Staked), cmp.Compare(x.Entry, y.Entry))
	case command.BoardMultiplier:
		return cmp.Or(compareMultipliers(y.BestPayout, y.BestStaked, x.BestPayout, x.BestStaked), cmp.Compare(x.BestRound, y.BestRound))
	}
	return cmp.Or(cmp.Compare(y.Rounds, x.Rounds), cmp.Compare(x.Entry, y.Entry))
}

// Tops finds the best of each board while entries are added in any order. Its memory does not grow with their number.
type Tops struct {
	most int
	list [command.Boards][]Standing // up to twice as many as are wanted; after a cut, the wanted ones come first, sorted
	cut  [command.Boards]bool       // list holds the best so far, and the last wanted one bounds what can still get in
}

// NewTops finds up to most for each board.
func NewTops(most int) *Tops { return &Tops{most: most} }

// Add adds an entry. Who has won nothing has no place among the multipliers.
func (t *Tops) Add(s *Standing) {
	for b := range t.list {
		if board := command.Board(b); board == command.BoardMultiplier && s.BestRound == 0 ||
			t.cut[b] && CompareOn(board, s, &t.list[b][t.most-1]) > 0 {
			continue
		}
		if t.list[b] = append(t.list[b], *s); len(t.list[b]) == 2*t.most {
			t.list[b], t.cut[b] = t.best(b), true
		}
	}
}

func (t *Tops) best(b int) []Standing {
	sort.Slice(t.list[b], func(i, j int) bool { return CompareOn(command.Board(b), &t.list[b][i], &t.list[b][j]) < 0 })
	return t.list[b][:min(t.most, len(t.list[b]))]
}

// Of are the best of a board, best first.
func (t *Tops) Of(b command.Board) []Standing { return slices.Clone(t.best(int(b))) }

// Entries are the entries of the best of each board, best first.
func (t *Tops) Entries() (top [command.Boards][]command.EntryID) {
	for b := range top {
		for _, s := range t.best(b) {
			top[b] = append(top[b], s.Entry)
		}
	}
	return top
}

// Running is the number of the running season; 0: none.
func (r *Record) Running() uint32 {
	if r.InSeason {
		return r.Season
	}
	return 0
}

// DueSeason is the command that the house should propose now: it ends a season that is over, or begins one. ok is false if there
// is nothing to do. again says whether the house wants another season. None begins while nobody takes part.
func (r *Reader) DueSeason(now int64, again bool) (b command.CloseSeason, ok bool, err error) {
	b = command.CloseSeason{Season: r.head.Running(), Begin: again && r.head.TakingPart > 0}
	if b.Season == 0 {
		return b, b.Begin, nil
	}
	s, err := r.season(b.Season)
	return b, err == nil && SeasonDue(s.Began, max(now, r.head.Time)), err
}

// Season reads a season. ok is false if there is none with this number.
func (r *Reader) Season(number uint32) (command.Season, bool, error) {
	s, ok, err := load[SeasonRecord](r, tableSeasons, seasonKey(number))
	return s.view(number), ok, err
}

func (s *SeasonRecord) view(number uint32) command.Season {
	return command.Season{Number: number, BeganAt: at(s.Began), EndedAt: at(s.Ended), Players: s.Players, Digest: s.Digest}
}

// Seasons lists up to limit seasons, newest first, from the one numbered before downwards; 0: from the newest.
func (r *Reader) Seasons(before uint32, limit int) (list []command.Season, err error) {
	n := r.head.Season
	if before != 0 {
		n = min(n, before-1)
	}
	for ; n > 0 && len(list) < limit; n-- {
		s, err := r.season(n)
		if err != nil {
			return nil, err
		}
		list = append(list, s.view(n))
	}
	return list, nil
}

// hidden reports whether a player is not shown on boards at the moment: she is locked or has excluded herself.
func (r *Reader) hidden(w *WalletRecord) bool { return w.Locked || w.ExcludedUntil > r.head.Time }

// SeasonPlayer shows an entry of a season to everybody. listed is false if it must not be listed: the player is locked or
// excluded, or has left the running season.
func (r *Reader) SeasonPlayer(s *Standing, running bool) (v command.SeasonPlayer, listed bool, err error) {
	v = s.view()
	w, ok, err := r.Wallet(s.Account)
	if err == nil && !ok {
		err = r.Damage("entry %d is of account %d, which does not exist", s.Entry, s.Account)
	}
	if err != nil {
		return v, false, err
	}
	v.Public = w.Entry == s.Entry
	if r.hidden(&w) || running && !v.Public {
		return v, false, nil
	}
	p, ok, err := r.Profile(s.Account)
	if ok {
		v.ShownName, v.Avatar = p.ShownName, p.Avatar
	}
	return v, err == nil, err
}

// OwnFigures reads an account's own figures in a season, under its present entry or an earlier one, also while it is not listed.
func (r *Reader) OwnFigures(season uint32, id command.AccountID) (v command.SeasonPlayer, ok bool, err error) {
	w, ok, err := r.Wallet(id)
	if err != nil || !ok || w.Deleted {
		return v, false, err
	}
	p, err := r.profileOf(id)
	if err != nil {
		return v, false, err
	}
	for _, entry := range append(p.Past, w.Entry) {
		s, ok, err := r.Entry(season, entry)
		if err != nil {
			return v, false, err
		}
		if !ok {
			continue
		}
		shown, _, err := r.Profile(id)
		if err != nil {
			return v, false, err
		}
		v = s.view()
		v.Public = entry == w.Entry && !r.hidden(&w)
		v.ShownName, v.Avatar = shown.ShownName, shown.Avatar
		return v, true, nil
	}
	return v, false, nil
}

func (s *Standing) view() command.SeasonPlayer {
	return command.SeasonPlayer{Entry: s.Entry, Account: s.Account, Rounds: s.Rounds, Staked: s.Staked, Paid: s.Paid,
		BestPayout: s.BestPayout, BestStaked: s.BestStaked, BestRound: s.BestRound}
}

// PublicEntry finds the figures of an entry whose player takes part under it and is listed. Others are not found.
func (r *Reader) PublicEntry(season uint32, entry command.EntryID) (v command.SeasonPlayer, s Standing, ok bool, err error) {
	s, ok, err = r.Entry(season, entry)
	if err != nil || !ok {
		return v, s, false, err
	}
	v, ok, err = r.SeasonPlayer(&s, true)
	return v, s, ok, err
}

// PublicRound finds a settled round that counts for a player who takes part and is listed. Others are not found.
func (r *Reader) PublicRound(id command.RoundID) (v command.Round, ok bool, err error) {
	e, ok, err := r.Event(uint64(id))
	if err != nil || !ok || e.Round == nil || e.Round.ID != id {
		return v, false, err
	}
	w, _, err := r.Wallet(e.Account)
	if err != nil || r.hidden(&w) || !e.Round.Counts(w.Entry) {
		return v, false, err
	}
	settled := e.Seq
	if !e.Round.Settled {
		if settled, err = r.Settlement(id); err != nil || settled == 0 {
			return v, false, err
		}
	}
	if in, err := r.seasonAt(settled); in == 0 || err != nil {
		return v, false, err
	}
	v, err = r.RoundOpenedBy(&e)
	return v, err == nil, err
}

// seasonAt is the season that was running at an event; 0: none.
func (r *Reader) seasonAt(event uint64) (uint32, error) {
	for n := r.head.Season; n > 0; n-- {
		s, err := r.season(n)
		if err != nil {
			return 0, err
		}
		if s.From < event {
			if s.To != 0 && event > s.To {
				return 0, nil
			}
			return n, nil
		}
	}
	return 0, nil
}

// SeasonFrom is the event that began a season.
func (r *Reader) SeasonFrom(number uint32) (uint64, error) {
	s, err := r.season(number)
	return s.From, err
}

// TopOf are the best of a season that has ended, with their figures, best first. An entry without figures is damage.
func (r *Reader) TopOf(number uint32, b command.Board) (list []Standing, err error) {
	season, err := r.season(number)
	if err != nil {
		return nil, err
	}
	for _, entry := range season.Top[b] {
		s, ok, err := r.Entry(number, entry)
		if err == nil && !ok {
			err = r.Damage("entry %d of season %d is missing", entry, number)
		}
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}
