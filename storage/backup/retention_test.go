package backup

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// noon is when these tests look: a Friday.
var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// daily are archives of each day at 02:00, the oldest first, the last one today.
func daily(lineage string, days int) []ArchiveInfo {
	var all []ArchiveInfo
	for i := days - 1; i >= 0; i-- {
		at := time.Date(2026, 11, 20-i, 2, 0, 0, 0, time.UTC)
		all = append(all, ArchiveInfo{Object: Object{Name: lineage + "/" + at.Format(time.DateOnly)}, Lineage: lineage, Time: at, Index: uint64(1000 * (days - i)), Verified: true})
	}
	return all
}

// wantLeft checks which archives stay, by the days in their names.
func wantLeft(t *testing.T, archives []ArchiveInfo, keep Keep, want ...string) {
	t.Helper()
	removed := make(map[string]bool)
	for _, a := range Expired(archives, keep, noon) {
		removed[a.Object.Name] = true
	}
	var left []string
	for _, a := range archives {
		if !removed[a.Object.Name] {
			left = append(left, a.Object.Name)
		}
	}
	slices.Sort(left)
	slices.Sort(want)
	if !slices.Equal(left, want) {
		t.Errorf("%+v leaves\n%s\nwant\n%s", keep, strings.Join(left, "\n"), strings.Join(want, "\n"))
	}
}

func names(archives []ArchiveInfo) (all []string) {
	for _, a := range archives {
		all = append(all, a.Object.Name)
	}
	return all
}

func TestExpired_EveryMomentOfTheDaysStaysRestorable(t *testing.T) {
	all := daily("origin", 60)
	// 30 days ago is 21 October, 12:00. The archive of that morning is the base.
	wantLeft(t, all, Keep{Days: 30}, names(all[60-31:])...)
	wantLeft(t, all, Keep{Days: 1}, "origin/2026-11-19", "origin/2026-11-20")
	wantLeft(t, all, Keep{}, "origin/2026-11-20")
	wantLeft(t, all, Keep{Days: 365}, names(all)...)
	wantLeft(t, nil, Keep{Days: 30})

	// If the base was never verified, the last verified one before it is the base, and those between stay.
	all[29].Verified, all[28].Verified = false, false
	wantLeft(t, all, Keep{Days: 30}, names(all[27:])...)
	for i := range all {
		all[i].Verified = false
	}
	wantLeft(t, all, Keep{Days: 30}, names(all[29:])...)
}

func TestExpired_WeeksAndMonthsKeepTheNewestOfEach(t *testing.T) {
	all := daily("origin", 200)
	wantLeft(t, all, Keep{Days: 1, Weeks: 2}, "origin/2026-11-20", "origin/2026-11-19", "origin/2026-11-15", "origin/2026-11-08")
	wantLeft(t, all, Keep{Months: 3}, "origin/2026-11-20", "origin/2026-10-31", "origin/2026-09-30", "origin/2026-08-31")
	at := slices.IndexFunc(all, func(a ArchiveInfo) bool { return a.Object.Name == "origin/2026-11-15" })
	all[at].Verified = false
	wantLeft(t, all, Keep{Weeks: 1}, "origin/2026-11-20", "origin/2026-11-14")
	for i := at - 6; i < at; i++ {
		all[i].Verified = false
	}
	wantLeft(t, all, Keep{Weeks: 1}, "origin/2026-11-20", "origin/2026-11-15")
}

func TestExpired_WeeksAreISOWeeksOfTheMachinesZone(t *testing.T) {
	east := time.FixedZone("east", 3*60*60)
	sunday := ArchiveInfo{Object: Object{Name: "sunday"}, Time: time.Date(2027, 1, 3, 20, 0, 0, 0, time.UTC), Index: 1, Verified: true} // of week 53 in 2026
	night := ArchiveInfo{Object: Object{Name: "night"}, Time: time.Date(2027, 1, 3, 22, 0, 0, 0, time.UTC), Index: 2, Verified: true}   // Monday in the east
	friday := ArchiveInfo{Object: Object{Name: "friday"}, Time: time.Date(2027, 1, 8, 2, 0, 0, 0, time.UTC), Index: 3, Verified: true}
	all := []ArchiveInfo{sunday, night, friday}
	now := time.Date(2027, 1, 8, 12, 0, 0, 0, time.UTC)
	if got := names(Expired(all, Keep{Weeks: 1}, now)); !slices.Equal(got, []string{"sunday"}) {
		t.Errorf("in UTC: %q", got)
	}
	if got := names(Expired(all, Keep{Weeks: 1}, now.In(east))); !slices.Equal(got, []string{"night"}) {
		t.Errorf("in the east: %q", got)
	}
}

func TestExpired_TheNewestVerifiedArchiveOfTheNewestLineageStaysHoweverOld(t *testing.T) {
	old := daily("origin", 400)[:10]
	wantLeft(t, old, Keep{Days: 30}, old[9].Object.Name)
	old[9].Verified = false
	wantLeft(t, old, Keep{Days: 30}, old[8].Object.Name, old[9].Object.Name)
}

func TestExpired_AnOldLineageGoesWhenNoMomentOfItCanBeRestored(t *testing.T) {
	const restored = "20261001T120000Z-4f3a9c21"
	first := daily("origin", 100)[:50] // until 1 October, 02:00
	second := daily(restored, 50)      // from 2 October on
	all := append(slices.Clone(first), second...)
	wantLeft(t, all, Keep{Days: 30}, names(second[50-31:])...)
	// 50 days ago, on 1 October at 12:00, the second one began.
	wantLeft(t, all, Keep{Days: 51}, append(names(first[48:]), names(second)...)...)
	wantLeft(t, all, Keep{Days: 50}, names(second)...)
	wantLeft(t, all, Keep{Days: 1, Months: 2}, restored+"/2026-11-20", restored+"/2026-11-19", restored+"/2026-10-31", "origin/2026-09-30", "origin/2026-10-01")

	// Until an archive of the new lineage is verified, the old one's newest stays.
	for i := range second {
		second[i].Verified = false
	}
	all = append(slices.Clone(first), second...)
	wantLeft(t, all, Keep{Days: 1}, append(names(first[49:]), names(second[48:])...)...)
}

func TestExpiredSegments_GoOnceTheBaseHoldsThem(t *testing.T) {
	archives := daily("origin", 10) // indexes 1000 to 10000
	segment := func(lineage string, first, last uint64) SegmentInfo {
		return SegmentInfo{Object: Object{Name: fmt.Sprintf("%s/%d-%d", lineage, first, last)}, Lineage: lineage, First: first, Last: last}
	}
	all := []SegmentInfo{segment("origin", 7001, 7500), segment("origin", 6001, 6500), segment("", 6501, 7000), segment("origin", 6900, 7001), segment("origin", 7501, 10100)}
	var got []string
	for _, s := range ExpiredSegments(all, archives, Keep{Days: 3}, noon) { // the base is that of 17 November, 7000
		got = append(got, s.Object.Name)
	}
	if want := []string{"origin/6001-6500", "/6501-7000"}; !slices.Equal(got, want) {
		t.Errorf("removed: %q, want %q", got, want)
	}
	if got := ExpiredSegments(all, nil, Keep{Days: 3}, noon); got != nil {
		t.Errorf("without an archive: %+v", got)
	}
	later := append(archives, daily("20261101T000000Z-4f3a9c21", 2)...)
	if got := ExpiredSegments(all, later, Keep{Days: 3}, noon); len(got) != len(all) {
		t.Errorf("of an old lineage: %d removed, want all %d", len(got), len(all))
	}
}

// world is what lies in a target, and which entries there were. Its rule for restores is the one of the documents.
type world struct {
	begins   []time.Time // of the lineages
	lineages []string
	entries  [][]time.Time // of each lineage: entry i has index i+1
	archives []ArchiveInfo
	segments []SegmentInfo
}

// randomWorld makes some lineages with entries every few hours, archives of some of them, and segments, some of which are missing.
func randomWorld(random *rand.Rand) world {
	var w world
	at := noon.Add(-time.Duration(random.IntN(120*24)) * time.Hour)
	for n := range 1 + random.IntN(4) {
		lineage := []string{"", "origin"}[random.IntN(2)]
		if n > 0 {
			lineage = at.Format("20060102T150405Z") + "-4f3a9c21"
		}
		w.begins, w.lineages = append(w.begins, at), append(w.lineages, lineage)
		var entries []time.Time
		for range random.IntN(60) {
			if at = at.Add(time.Duration(random.IntN(30*60)) * time.Minute); at.After(noon) {
				break
			}
			entries = append(entries, at)
		}
		w.entries = append(w.entries, entries)
		gaps, verified := random.Float64()*0.2, random.Float64()
		for first := 1; first <= len(entries); {
			last := min(len(entries), first+random.IntN(5))
			if random.Float64() > gaps {
				w.segments = append(w.segments, SegmentInfo{
					Object: Object{Name: fmt.Sprintf("%d/segment %d-%d", n, first, last)}, Lineage: lineage,
					First: uint64(first), Last: uint64(last), From: entries[first-1], To: entries[last-1],
				})
			}
			first = last + 1
		}
		for i, entry := range entries {
			if random.IntN(4) == 0 {
				w.archives = append(w.archives, ArchiveInfo{
					Object: Object{Name: fmt.Sprintf("%d/archive %d", n, i+1)}, Lineage: lineage, Time: entry, Index: uint64(i + 1), Verified: random.Float64() < verified,
				})
			}
		}
		if at = at.Add(time.Duration(1+random.IntN(100)) * time.Hour); at.After(noon) {
			break
		}
	}
	return w
}

// restorable says whether the state at a moment can be had: from an archive at or before it, and the segments after that.
func (w world) restorable(at time.Time, archives []ArchiveInfo, segments []SegmentInfo, verified bool) bool {
	n := -1
	for i, begin := range w.begins {
		if !begin.After(at) {
			n = i
		}
	}
	if n < 0 {
		return false
	}
	last := uint64(0)
	for i, entry := range w.entries[n] {
		if !entry.After(at) {
			last = uint64(i + 1)
		}
	}
	have := make(map[uint64]bool)
	for _, s := range segments {
		if s.Lineage == w.lineages[n] {
			for i := s.First; i <= s.Last; i++ {
				have[i] = true
			}
		}
	}
	for _, a := range archives {
		if a.Lineage != w.lineages[n] || a.Time.After(at) || verified && !a.Verified {
			continue
		}
		next := a.Index + 1
		for next <= last && have[next] {
			next++
		}
		if next > last {
			return true
		}
	}
	return false
}

func without[T any](all, removed []T, name func(T) string) (left []T) {
	for _, x := range all {
		if !slices.ContainsFunc(removed, func(r T) bool { return name(r) == name(x) }) {
			left = append(left, x)
		}
	}
	return left
}

func TestRetention_WhateverCouldBeRestoredStillCan(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	moments, archivesRemoved, segmentsRemoved := 0, 0, 0
	for round := range 400 {
		w := randomWorld(random)
		keep := Keep{Days: random.IntN(60), Weeks: random.IntN(2) * random.IntN(6), Months: random.IntN(2) * random.IntN(4)}
		gone := Expired(w.archives, keep, noon)
		archives := without(w.archives, gone, func(a ArchiveInfo) string { return a.Object.Name })
		goneSegments := ExpiredSegments(w.segments, archives, keep, noon)
		segments := without(w.segments, goneSegments, func(s SegmentInfo) string { return s.Object.Name })
		archivesRemoved, segmentsRemoved = archivesRemoved+len(gone), segmentsRemoved+len(goneSegments)

		from := noon.AddDate(0, 0, -keep.Days)
		asked := []time.Time{from, noon}
		for _, entries := range w.entries {
			for _, at := range entries {
				asked = append(asked, at.Add(-time.Millisecond), at, at.Add(time.Millisecond))
			}
		}
		for _, at := range append(asked, w.begins...) {
			if at.Before(from) || at.After(noon) {
				continue
			}
			for _, verified := range []bool{false, true} {
				if !w.restorable(at, w.archives, w.segments, verified) {
					continue
				}
				moments++
				if !w.restorable(at, archives, segments, verified) {
					t.Fatalf("round %d, %+v: the state at %v could be restored before (from verified archives: %t). Removed: %q, %d segments",
						round, keep, at, verified, names(gone), len(goneSegments))
				}
			}
		}

		if again := Expired(archives, keep, noon); again != nil {
			t.Fatalf("round %d: a second run removes %q", round, names(again))
		}
		if again := ExpiredSegments(segments, archives, keep, noon); again != nil {
			t.Fatalf("round %d: a second run removes %d segments", round, len(again))
		}
		shuffled, shuffledSegments := slices.Clone(w.archives), slices.Clone(w.segments)
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		random.Shuffle(len(shuffledSegments), func(i, j int) {
			shuffledSegments[i], shuffledSegments[j] = shuffledSegments[j], shuffledSegments[i]
		})
		if !slices.Equal(Expired(shuffled, keep, noon), gone) || !slices.Equal(ExpiredSegments(shuffledSegments, archives, keep, noon), goneSegments) {
			t.Fatalf("round %d: the order of the input matters", round)
		}
		for n := len(w.lineages) - 1; n >= 0; n-- { // the newest verified archive of the newest lineage that has one
			ofIt := func(a ArchiveInfo) bool { return a.Lineage == w.lineages[n] && a.Verified }
			if !slices.ContainsFunc(w.archives, ofIt) {
				continue
			}
			var newest ArchiveInfo
			for _, a := range w.archives {
				if ofIt(a) && a.Index > newest.Index {
					newest = a
				}
			}
			if slices.ContainsFunc(gone, func(a ArchiveInfo) bool { return a.Object.Name == newest.Object.Name }) {
				t.Fatalf("round %d: the newest verified archive is removed", round)
			}
			break
		}
	}
	if moments < 1000 || archivesRemoved < 100 || segmentsRemoved < 100 {
		t.Errorf("too little was tried: %d moments, %d archives and %d segments removed", moments, archivesRemoved, segmentsRemoved)
	}
}
