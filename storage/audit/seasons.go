package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"maps"
	"slices"

	"imperio/storage/command"
	"imperio/storage/machine"
)

// seasons are the seasons and achievements according to the history.
type seasons struct {
	number  uint32 // of the newest season
	running bool
	began   int64
	from    uint64                                   // the event that began it
	entries map[command.EntryID]*machine.EntryRecord // of the running season
	ended   []endedSeason                            // season n at n-1
}

// endedSeason is what a season that has ended must have left in the state.
type endedSeason struct {
	record machine.SeasonRecord
	kept   [32]byte // the sum of all that is kept of its entries
}

// keptSum adds up all that is kept of a season's entries, also what its digest leaves out.
type keptSum struct{ hash.Hash }

func newKeptSum() keptSum { return keptSum{sha256.New()} }

func (k keptSum) add(s *machine.Standing) {
	for _, n := range [9]uint64{uint64(s.Entry), uint64(s.Account), s.Rounds, uint64(s.Staked), uint64(s.Paid), uint64(s.BestPayout), uint64(s.BestStaked), uint64(s.BestRound), s.Last} {
		_ = binary.Write(k, binary.BigEndian, n) // a hash takes everything
	}
}

// profileEvent takes what an event says of seasons and achievements into the books, apart from those of rounds. It comes after
// the event's other checks, and before that of its place in the account's chain.
func (a *auditor) profileEvent(e *machine.StoredEvent) error {
	if (e.Kind == machine.SeasonClosed || e.Kind == machine.SeasonBegun) != (e.Season != nil) {
		return violation(e.Seq, "a %s says of a season: %t", e.Kind, e.Season != nil)
	}
	if e.Entry != 0 && e.Kind != machine.ProfileChanged {
		return violation(e.Seq, "a %s lets an account take part in seasons", e.Kind)
	}
	switch e.Kind {
	case machine.ProfileChanged:
		return a.profileChanged(e)
	case machine.SeedRotated:
		acc, err := a.account(e)
		if err != nil {
			return err
		}
		var want []command.Achievement
		if machine.AchievedByRotation(acc.Achieved, e.Account, e.Seeds.Client) {
			want = []command.Achievement{command.OwnSeed}
		}
		return a.reached(acc, e, want)
	case machine.AccountDeleted:
		acc, err := a.account(e)
		if err != nil {
			return err
		}
		a.leave(acc)
		acc.Achieved, acc.reached, acc.past = 0, nil, nil
	case machine.SeasonClosed:
		return a.seasonClosed(e)
	case machine.SeasonBegun:
		return a.seasonBegun(e)
	}
	if len(e.Reached) != 0 {
		return violation(e.Seq, "a %s reaches the achievements %v", e.Kind, e.Reached)
	}
	return nil
}

// reached holds the achievements of an event against those that its account deserves with it.
func (a *auditor) reached(acc *account, e *machine.StoredEvent, want []command.Achievement) error {
	if !slices.Equal(e.Reached, want) {
		return violation(e.Seq, "account %d deserves the achievements %v with it, the event says %v", e.Account, want, e.Reached)
	}
	var round command.RoundID
	if e.Round != nil {
		round = e.Round.ID
	}
	for _, got := range want {
		acc.reached = append(acc.reached, machine.AchievementRecord{Achievement: got, At: e.Time, Round: round})
	}
	acc.Achieved = acc.Achieved.With(want...)
	a.report.Achievements += uint64(len(want))
	return nil
}

func (a *auditor) profileChanged(e *machine.StoredEvent) error {
	acc, err := a.account(e)
	if err != nil {
		return err
	}
	var want []command.Achievement
	switch {
	case e.Entry == 0:
		a.leave(acc)
	case acc.Entry == 0:
		if uint64(e.Entry) != e.Seq {
			return violation(e.Seq, "account %d joins the season as entry %d, which must be the event's number", e.Account, e.Entry)
		}
		if machine.AchievedByJoining(acc.Achieved) {
			want = []command.Achievement{command.InSeason}
		}
	case e.Entry != acc.Entry:
		return violation(e.Seq, "account %d takes part as entry %d, the event says %d", e.Account, acc.Entry, e.Entry)
	}
	acc.Entry = e.Entry
	return a.reached(acc, e, want)
}

// leave takes an account out of the running season.
func (a *auditor) leave(acc *account) {
	if acc.Entry == 0 {
		return
	}
	s := &a.seasons
	delete(s.entries, acc.Entry)
	newest := machine.SeasonRecord{From: s.from}
	if n := len(s.ended); !s.running && n > 0 {
		newest = s.ended[n-1].record
	}
	if machine.InPast(acc.Entry, &newest) {
		acc.past = append(acc.past, acc.Entry)
	}
	acc.Entry = 0
}

// seasonRound counts a settled round in the running season, and holds its achievements.
func (a *auditor) seasonRound(acc *account, e *machine.StoredEvent) error {
	if s := &a.seasons; s.running && e.Round.Counts(acc.Entry) {
		f := s.entries[acc.Entry]
		if f == nil {
			f = &machine.EntryRecord{Account: e.Account}
			s.entries[acc.Entry] = f
		}
		f.Count(e.Round, e.Seq)
	}
	version, ok := a.catalogue.Version(e.Round.Rules)
	if !ok {
		return nil // the replay says so
	}
	want, err := machine.AchievedByRound(acc.Achieved, version, e.Round)
	if err != nil {
		return nil // draws that can't be: the replay says so
	}
	return a.reached(acc, e, want)
}

func (a *auditor) seasonBegun(e *machine.StoredEvent) error {
	s := &a.seasons
	want := machine.SeasonChange{Number: s.number + 1, Began: e.Time}
	if s.running || *e.Season != want {
		return violation(e.Seq, "it begins season %d; season %d is running: %t", e.Season.Number, s.number, s.running)
	}
	s.number, s.running, s.began, s.from = want.Number, true, e.Time, e.Seq
	s.entries = make(map[command.EntryID]*machine.EntryRecord)
	return nil
}

func (a *auditor) seasonClosed(e *machine.StoredEvent) error {
	s := &a.seasons
	if !s.running || e.Season.Number != s.number || e.Season.Began != s.began || e.Season.Ended != e.Time {
		return violation(e.Seq, "it ends season %d; season %d is running: %t", e.Season.Number, s.number, s.running)
	}
	if house := e.Act == nil || e.Act.Actor == "house"; house && !machine.SeasonDue(s.began, e.Time) {
		return violation(e.Seq, "season %d ends before its month is over", s.number)
	}
	digest, kept, tops := machine.NewSeasonDigest(s.number), newKeptSum(), machine.NewTops(a.machine.SeasonTop())
	for _, entry := range slices.Sorted(maps.Keys(s.entries)) {
		standing := machine.Standing{Entry: entry, EntryRecord: *s.entries[entry]}
		digest.Add(&standing)
		kept.add(&standing)
		tops.Add(&standing)
	}
	if sum := digest.Sum(); e.Season.Digest != sum || e.Season.Players != digest.Players {
		return violation(e.Seq, "season %d has %d players and the standings %x by its rounds, the event says %d and %x",
			s.number, digest.Players, sum, e.Season.Players, e.Season.Digest)
	}
	s.ended = append(s.ended, endedSeason{kept: [32]byte(kept.Sum(nil)), record: machine.SeasonRecord{
		Began: s.began, From: s.from, Ended: e.Time, To: e.Seq, Players: digest.Players, Digest: digest.Sum(), Top: tops.Entries(),
	}})
	s.running, s.entries = false, nil
	a.report.Seasons++
	return nil
}

// compareSeasons checks what is kept of seasons, profiles and achievements against the history.
func (a *auditor) compareSeasons() error {
	s := &a.seasons
	if a.machine.Season != s.number || a.machine.InSeason != s.running {
		return violation(0, "season %d is the newest, running: %t; the machine says %d, running: %t", s.number, s.running, a.machine.Season, a.machine.InSeason)
	}
	takingPart := uint64(0)
	for i := range a.accounts {
		if a.accounts[i].Entry != 0 {
			takingPart++
		}
	}
	if a.machine.TakingPart != takingPart {
		return violation(0, "%d accounts take part in seasons, the machine says %d", takingPart, a.machine.TakingPart)
	}
	if err := a.snapshot.Read(a.compareSeasonRecords); err != nil {
		return err
	}
	if err := a.snapshot.Read(a.compareEntries); err != nil {
		return err
	}
	return a.snapshot.Read(a.compareProfiles)
}

func (a *auditor) compareSeasonRecords(r *machine.Reader) error {
	s := &a.seasons
	seen := uint32(0)
	err := r.SeasonRecords(func(number uint32, record *machine.SeasonRecord) error {
		if seen++; number != seen || number > s.number {
			return violation(0, "there is a season %d that the history does not know", number)
		}
		want := machine.SeasonRecord{Began: s.began, From: s.from}
		if int(number) <= len(s.ended) {
			want = s.ended[number-1].record
		}
		same := record.Began == want.Began && record.From == want.From && record.Ended == want.Ended && record.To == want.To &&
			record.Players == want.Players && record.Digest == want.Digest
		for b := range want.Top {
			same = same && slices.Equal(record.Top[b], want.Top[b])
		}
		if !same {
			return violation(0, "season %d is not kept as the history has it", number)
		}
		return nil
	})
	if err == nil && seen != s.number {
		err = violation(0, "%d seasons are kept, there were %d", seen, s.number)
	}
	return err
}

func (a *auditor) compareEntries(r *machine.Reader) error {
	s := &a.seasons
	sums := make([]keptSum, len(s.ended))
	for i := range sums {
		sums[i] = newKeptSum()
	}
	running := 0
	err := r.AllEntries(func(season uint32, standing *machine.Standing) error {
		switch {
		case season == 0 || season > s.number:
			return violation(0, "there are figures of season %d, which there was not", season)
		case int(season) <= len(sums):
			sums[season-1].add(standing)
		default:
			running++
			if f := s.entries[standing.Entry]; f == nil || *f != standing.EntryRecord {
				return violation(0, "the figures of entry %d in season %d are not those of its rounds", standing.Entry, season)
			}
		}
		return a.step()
	})
	if err != nil {
		return err
	}
	if running != len(s.entries) {
		return violation(0, "%d entries of season %d are kept, %d have rounds in it", running, s.number, len(s.entries))
	}
	for i := range sums {
		if [32]byte(sums[i].Sum(nil)) != s.ended[i].kept {
			return violation(0, "the figures of season %d are not those of its rounds", i+1)
		}
	}
	a.report.InSeason = uint64(running)
	return nil
}

func (a *auditor) compareProfiles(r *machine.Reader) error {
	var names, with uint64
	if err := r.Profiles(func(id command.AccountID, p *machine.ProfileRecord, found bool) error {
		i := uint64(id) - uint64(command.FirstAccountID)
		switch {
		case id < command.FirstAccountID || i >= uint64(len(a.accounts)) || a.accounts[i].Deleted:
			return violation(0, "there is a profile of account %d, which there is not", id)
		case !found:
			return violation(0, "the shown name of account %d leads to another one", id)
		case !slices.Equal(p.Past, a.accounts[i].past):
			return violation(0, "account %d has left seasons as the entries %v, its profile says %v", id, a.accounts[i].past, p.Past)
		case !slices.Equal(p.Achieved, a.accounts[i].reached):
			return violation(0, "the achievements of account %d are not those that it has reached", id)
		}
		if p.ShownKey != "" {
			names++
		}
		if len(p.Achieved) != 0 || len(p.Past) != 0 {
			with++
		}
		return a.step()
	}); err != nil {
		return err
	}
	reserved, err := r.CountShownNames()
	if err != nil {
		return err
	}
	if reserved != names {
		return violation(0, "%d shown names are reserved, profiles have %d", reserved, names)
	}
	for i := range a.accounts {
		if len(a.accounts[i].reached) != 0 || len(a.accounts[i].past) != 0 {
			with--
		}
	}
	if with != 0 {
		return violation(0, "the profile of an account is missing")
	}
	return nil
}
