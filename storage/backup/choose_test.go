package backup

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// chronicle is a casino's log, and what of it a target holds. It is the model of the tests below: it looks at single entries, and
// knows nothing of names and order.
type chronicle struct {
	times    []time.Time // of entry i+1
	archives []uint64
	segments [][2]uint64
}

var chronicleBegan = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

func (w *chronicle) time(index uint64) time.Time {
	if index == 0 {
		return chronicleBegan
	}
	return w.times[index-1]
}

// inventory is what a target's names say.
func (w *chronicle) inventory() *Inventory {
	l := LineageInventory{Lineage: Origin}
	for _, i := range w.archives {
		a, ok := parseArchive(Object{Name: archiveName("c", Origin, w.time(i), i), Size: 1000})
		if !ok {
			panic("an archive's name can't be read")
		}
		l.Archives = append(l.Archives, a)
	}
	for _, s := range w.segments {
		g, ok := parseSegment(Object{Name: segmentName("c", Origin, s[0], s[1], w.time(s[0]-1), w.time(s[1])), Size: 1000})
		if !ok {
			panic("a segment's name can't be read")
		}
		l.Segments = append(l.Segments, g)
	}
	slices.SortFunc(l.Archives, func(a, b ArchiveInfo) int { return int(a.Index) - int(b.Index) })
	slices.SortFunc(l.Segments, func(a, b SegmentInfo) int {
		return 1000*(int(a.First)-int(b.First)) + int(a.Last) - int(b.Last)
	})
	return &Inventory{Casino: "c", Lineages: []LineageInventory{l}}
}

// restorable reports whether there is an archive at or before an entry, and whether segments have every entry in between.
func (w *chronicle) restorable(index uint64) bool {
	return slices.ContainsFunc(w.archives, func(a uint64) bool {
		for i := a + 1; i <= index; i++ {
			if !slices.ContainsFunc(w.segments, func(s [2]uint64) bool { return s[0] <= i && i <= s[1] }) {
				return false
			}
		}
		return a <= index
	})
}

// known is the newest entry that a backup tells of.
func (w *chronicle) known() (newest uint64) {
	for _, a := range w.archives {
		newest = max(newest, a)
	}
	for _, s := range w.segments {
		newest = max(newest, s[1])
	}
	return newest
}

func (w *chronicle) lastAt(t time.Time) (last uint64) {
	for i, at := range w.times {
		if !at.After(t) {
			last = uint64(i + 1)
		}
	}
	return last
}

// carryOut does what a restore does with a plan, entry by entry.
func (w *chronicle) carryOut(t *rapid.T, p *Plan) uint64 {
	index := p.Archive.Index
	for n, s := range p.Segments {
		if s.First > index+1 || s.Last <= index {
			t.Fatalf("segment %d of the plan, %d to %d, does not go on from entry %d", n, s.First, s.Last, index)
		}
		r := p.Request
		if !r.At.IsZero() && s.First == index+1 && s.From.After(r.At) {
			t.Fatalf("segment %d of the plan is not needed", n)
		}
		for i := index + 1; i <= s.Last; i++ {
			if r.Index != 0 && i > r.Index || !r.At.IsZero() && w.time(i).After(r.At) {
				if n < len(p.Segments)-1 {
					t.Fatalf("the plan goes on after the moment")
				}
				return index
			}
			index = i
		}
	}
	return index
}

func drawChronicle(t *rapid.T) *chronicle {
	w := &chronicle{}
	at := chronicleBegan
	for range rapid.IntRange(1, 40).Draw(t, "entries") {
		at = at.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "milliseconds")) * time.Millisecond)
		w.times = append(w.times, at)
	}
	n := uint64(len(w.times))
	index := rapid.Uint64Range(1, n)
	w.archives = rapid.SliceOfNDistinct(index, 0, 4, rapid.ID).Draw(t, "archives")
	for next := uint64(1); next <= n; { // in order, some missing, some doubled or overlapping
		last := min(n, next+rapid.Uint64Range(0, 6).Draw(t, "length"))
		switch rapid.IntRange(0, 9).Draw(t, "fate") {
		case 0: // missing
		case 1:
			w.segments = append(w.segments, [2]uint64{next, last}, [2]uint64{max(next, 2) - 1, min(n, last+rapid.Uint64Range(0, 4).Draw(t, "overlap"))})
		default:
			w.segments = append(w.segments, [2]uint64{next, last})
		}
		next = last + 1
	}
	return w
}

func TestSpans_AreWhatCanBeRestored(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawChronicle(t)
		l := &w.inventory().Lineages[0]
		spans, holes := l.Spans()
		for i, s := range spans {
			if s.First > s.Last || i > 0 && s.First <= spans[i-1].Last+1 || !s.From.Equal(w.time(s.First)) || !s.To.Equal(w.time(s.Last)) {
				t.Fatalf("the spans %+v", spans)
			}
		}
		for i := uint64(1); i <= uint64(len(w.times)); i++ {
			in := slices.ContainsFunc(spans, func(s Span) bool { return s.First <= i && i <= s.Last })
			hole := slices.ContainsFunc(holes, func(g Hole) bool { return g.First <= i && i <= g.Last })
			if in != w.restorable(i) {
				t.Fatalf("entry %d: in a span %t, restorable %t; %+v", i, in, w.restorable(i), spans)
			}
			if between := len(spans) > 0 && i > spans[0].First && i <= w.known(); between && in == hole {
				t.Fatalf("entry %d: in a span %t, in a gap %t; %+v, %+v", i, in, hole, spans, holes)
			}
		}
	})
}

func TestPlan_LeadsToTheEntry(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawChronicle(t)
		i := rapid.Uint64Range(1, uint64(len(w.times))+2).Draw(t, "index")
		p, err := choose(w.inventory(), Request{Moment: Moment{Index: i}})
		if (err == nil) != w.restorable(i) {
			t.Fatalf("restorable %t: %v", w.restorable(i), err)
		}
		if err != nil {
			if !errors.Is(err, ErrNotRestorable) {
				t.Fatal(err)
			}
			return
		}
		if got := w.carryOut(t, p); got != i {
			t.Fatalf("the plan leads to entry %d instead of %d", got, i)
		}
		if p.Archive.Index != slices.MaxFunc(w.archives, func(a, b uint64) int {
			value := func(x uint64) int {
				if x > i {
					return -1
				}
				return int(x)
			}
			return value(a) - value(b)
		}) {
			t.Fatalf("the archive of entry %d is not the newest before %d", p.Archive.Index, i)
		}
	})
}

// A plan for a time leads to all entries up to that time, or to the end of everything that the target has. Whenever that is
// possible, there is a plan.
func TestPlan_LeadsToTheTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawChronicle(t)
		at := chronicleBegan.Add(time.Duration(rapid.IntRange(0, 130).Draw(t, "at")) * time.Millisecond)
		want := min(w.lastAt(at), w.known())
		possible := want > 0 && w.restorable(want) && !slices.ContainsFunc(w.archives, func(a uint64) bool { return a == want+1 && !w.time(a).After(at) })
		// Whether an entry that no backup has is after the time can't be told.
		told := want == w.known() || w.restorable(want+1)
		p, err := choose(w.inventory(), Request{Moment: Moment{At: at}})
		switch {
		case err != nil && possible && told:
			t.Fatalf("entry %d can be restored: %v", want, err)
		case err != nil:
			return
		}
		if got := w.carryOut(t, p); got != want && !w.time(got).Equal(at) {
			t.Fatalf("the plan leads to entry %d of %s instead of %d of %s, for %s", got, w.time(got), want, w.time(want), at)
		}
	})
}

func TestPlan_TheLatestIsTheEndOrNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawChronicle(t)
		p, err := choose(w.inventory(), Request{})
		if possible := w.known() > 0 && w.restorable(w.known()); (err == nil) != possible {
			t.Fatalf("possible %t: %v", possible, err)
		}
		if err == nil {
			if got := w.carryOut(t, p); got != w.known() {
				t.Fatalf("the plan leads to entry %d instead of %d", got, w.known())
			}
		}
	})
}

// secondly is a chronicle with an entry each second.
func secondly(entries int) *chronicle {
	w := &chronicle{}
	for i := range entries {
		w.times = append(w.times, chronicleBegan.Add(time.Duration(i+1)*time.Second))
	}
	return w
}

func TestPlan_RefusesAGapAndSaysWhatCanBeRestored(t *testing.T) {
	w := secondly(100)
	w.archives = []uint64{10, 80}
	w.segments = [][2]uint64{{11, 20}, {21, 30}, {41, 50}, {81, 90}}
	for _, c := range []struct {
		moment Moment
		want   []string // of the error; nil: there is a plan
	}{
		{Moment{Index: 30}, nil},
		{Moment{Index: 31}, []string{"entries 31 to 40", "--index 30 ", "2026-11-20T10:00:30.000Z", "--index 80 "}},
		{Moment{Index: 45}, []string{"entries 31 to 40", "--index 30 "}},
		{Moment{Index: 9}, []string{"before the first archive", "--index 10 "}},
		{Moment{Index: 91}, []string{"after the end", "--index 90 "}},
		{Moment{At: w.time(30)}, nil},
		{Moment{At: w.time(30).Add(time.Millisecond)}, []string{"entries 31 to 40", "--index 30 "}},
		{Moment{At: w.time(79)}, []string{"entries 31 to 40"}},
		{Moment{At: w.time(80)}, nil},
		{Moment{At: w.time(100)}, nil},
		{Moment{At: w.time(9)}, []string{"before the first archive", "--index 10 "}},
		{Moment{}, nil},
	} {
		_, err := choose(w.inventory(), Request{Moment: c.moment})
		if (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v", c.moment, err)
		}
		for _, text := range c.want {
			if err != nil && !strings.Contains(err.Error(), text) {
				t.Errorf("%s: the error does not say %q: %v", c.moment, text, err)
			}
		}
	}
}

// A gap at the very end must not make the latest state an older one in silence.
func TestPlan_RefusesTheLatestBehindAGap(t *testing.T) {
	w := secondly(100)
	w.archives, w.segments = []uint64{10}, [][2]uint64{{11, 20}, {31, 40}}
	if _, err := choose(w.inventory(), Request{}); err == nil || !strings.Contains(err.Error(), "--index 20 --lineage origin") {
		t.Error(err)
	}
}

func TestPlan_AfterTheEndOfTheBackupsIsTheEndAndSaysSo(t *testing.T) {
	w := secondly(100)
	w.archives, w.segments = []uint64{10}, [][2]uint64{{11, 20}}
	p, err := choose(w.inventory(), Request{Moment: Moment{At: w.time(50)}})
	if err != nil || len(p.Notes) != 1 || !strings.Contains(p.Notes[0], stamp(w.time(20))) {
		t.Errorf("%v, %+v", err, p)
	}
}

func TestPlan_AnEmptyArchiveIsNone(t *testing.T) {
	w := secondly(100)
	w.archives, w.segments = []uint64{10, 20}, [][2]uint64{{11, 30}}
	v := w.inventory()
	v.Lineages[0].Archives[1].Object.Size = 0
	p, err := choose(v, Request{})
	if err != nil || p.Archive.Index != 10 {
		t.Errorf("%v, %+v", err, p)
	}
	if spans, _ := v.Lineages[0].Spans(); len(spans) != 1 || spans[0].First != 10 || spans[0].Last != 30 {
		t.Errorf("%+v", spans)
	}
}

func TestPlan_TakesTheArchiveThatIsNamed(t *testing.T) {
	w := secondly(100)
	w.archives, w.segments = []uint64{10, 20, 30}, [][2]uint64{{11, 40}}
	v := w.inventory()
	name := v.Lineages[0].Archives[0].Object.Name
	p, err := choose(v, Request{Archive: name})
	if err != nil || p.Archive.Index != 10 || len(p.Segments) != 1 {
		t.Errorf("%v, %+v", err, p)
	}
	if _, err := choose(v, Request{Archive: name, Moment: Moment{Index: 5}}); !errors.Is(err, ErrNotRestorable) {
		t.Error(err)
	}
	if _, err := choose(v, Request{Archive: "c/origin/archives/none"}); !errors.Is(err, ErrNotRestorable) {
		t.Error(err)
	}
}

// Lineages: the first one with entries 1 to 100; the second begins after entry 50, at the time of entry 60.
func lineages() *Inventory {
	first, second := secondly(100), secondly(100)
	first.archives, first.segments = []uint64{10}, [][2]uint64{{11, 100}}
	second.archives, second.segments = []uint64{52, 70}, [][2]uint64{{53, 60}, {61, 90}}
	for i := 50; i < 100; i++ {
		second.times[i] = second.times[i].Add(time.Minute)
	}
	v := first.inventory()
	l := second.inventory().Lineages[0]
	l.Lineage = first.time(60).Format("20060102T150405Z") + "-4f3a9c21"
	for i := range l.Archives {
		l.Archives[i].Lineage = l.Lineage
	}
	for i := range l.Segments {
		l.Segments[i].Lineage = l.Lineage
	}
	v.Lineages = append(v.Lineages, l)
	return v
}

func TestPlan_TakesTheLineageThatWasLive(t *testing.T) {
	v := lineages()
	second := v.Lineages[1].Lineage
	at := func(index int) Moment { return Moment{At: secondly(200).time(uint64(index))} }
	for _, c := range []struct {
		request Request
		want    string // "": refused
	}{
		{Request{}, second},
		{Request{Lineage: Origin}, Origin},
		{Request{Lineage: "none"}, ""},
		{Request{Moment: at(59)}, Origin},
		{Request{Moment: at(60)}, ""}, // the second has begun, but has no archive yet
		{Request{Moment: at(60), Lineage: Origin}, Origin},
		{Request{Moment: at(120)}, second},
		{Request{Moment: at(120), Lineage: Origin}, Origin},
		{Request{Moment: Moment{Index: 40}}, Origin},
		{Request{Moment: Moment{Index: 80}}, second},
		{Request{Moment: Moment{Index: 95}}, Origin},
		{Request{Moment: Moment{Index: 80}, Lineage: Origin}, Origin},
	} {
		p, err := choose(v, c.request)
		if err != nil && c.want != "" || err == nil && p.Lineage != c.want {
			t.Errorf("%+v: lineage of %+v, %v", c.request, p, err)
		}
		if err == nil && p.Archive.Lineage != c.want {
			t.Errorf("%+v: the archive is of %s", c.request, p.Archive.Lineage)
		}
	}
	p, err := choose(v, Request{Moment: Moment{Index: 80}})
	if err != nil || !strings.Contains(fmt.Sprint(p.Notes), Origin) {
		t.Errorf("nothing says that entry 80 is in two lineages: %+v, %v", p, err)
	}
	p, err = choose(v, Request{Lineage: Origin})
	if err != nil || !strings.Contains(fmt.Sprint(p.Notes), second) {
		t.Errorf("nothing says that there is a newer lineage: %+v, %v", p, err)
	}
}

func TestPlan_AsksWhichCasinoIsMeant(t *testing.T) {
	to := directoryOf(t)
	put(t, to, archiveName("red", Origin, chronicleBegan, 7), "x")
	put(t, to, archiveName("black", Origin, chronicleBegan, 7), "x")
	for casino, want := range map[string]string{"": "black, red", "green": "black, red"} {
		if _, err := MakePlan(t.Context(), to, Request{Casino: casino}); !errors.Is(err, ErrNotRestorable) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", casino, err)
		}
	}
	if _, err := MakePlan(t.Context(), directoryOf(t), Request{}); !errors.Is(err, ErrNotRestorable) || !strings.Contains(err.Error(), "holds no backup") {
		t.Error(err)
	}
}
