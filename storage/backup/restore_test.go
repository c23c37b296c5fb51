package backup

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"imperio/games"
	"imperio/games/catalogue"
	"imperio/storage"
	"imperio/storage/backup/backuptest"
	"imperio/storage/command"
	"imperio/storage/machine"
	"imperio/storage/storagetest"
)

// story is a casino that plays and is backed up into a directory. It remembers how its state was.
type story struct {
	t       *testing.T
	casino  *storagetest.Casino
	to      *directory
	ana     command.AccountID
	entries []storage.Entry
	from    time.Time // the casino's time before the entries that are not shipped yet
	batch   Batch
	marks   []mark
}

// mark is the state after an entry.
type mark struct {
	index uint64
	at    time.Time
	hash  [32]byte
	head  string // of the history
}

func tell(t *testing.T, seed uint64) *story {
	s := &story{t: t, casino: storagetest.New(t, seed, storage.Options{}), to: directoryOf(t)}
	s.ana = s.casino.Player("ana", 100_000)
	s.take()
	return s
}

// take takes over what the casino's log has gained. The log's own entries are those that it leaves out.
func (s *story) take() {
	s.t.Helper()
	last := uint64(len(s.entries))
	for _, c := range s.casino.Log {
		if c.Index <= last {
			continue
		}
		for len(s.entries)+1 < int(c.Index) {
			s.add(storage.Entry{Index: uint64(len(s.entries) + 1), Term: 1})
		}
		data, err := command.Pack(c.Time, [][]byte{c.Data})
		if err != nil {
			s.t.Fatal(err)
		}
		s.add(storage.Entry{Index: c.Index, Term: c.Term, Data: data})
	}
	hash, record := s.casino.Identity()
	s.marks = append(s.marks, mark{uint64(len(s.entries)), record.At(), hash, hex.EncodeToString(record.Head[:])})
}

func (s *story) add(e storage.Entry) {
	s.entries = append(s.entries, e)
	if err := s.batch.Add(e); err != nil {
		s.t.Fatal(err)
	}
}

// play plays some rounds, a second apart.
func (s *story) play(rounds int) {
	s.t.Helper()
	for range rounds {
		s.casino.Now = s.casino.Now.Add(time.Second)
		s.casino.One(command.Command{Account: s.ana, Body: command.PlaceWager{Rules: "slots/2", Stake: 5}})
		s.take()
	}
}

func (s *story) writing() Writing {
	return Writing{Casino: "cluster", Program: "1.2.3", Sealing: Sealing{Compression: Zstd}}
}

// ship ships what was played since the last time.
func (s *story) ship() SegmentInfo {
	s.t.Helper()
	_, _, record, err := s.casino.Store.Position()
	if err != nil {
		s.t.Fatal(err)
	}
	info, err := WriteSegment(s.t.Context(), s.to, &s.batch, s.from, &record, s.writing())
	if err != nil {
		s.t.Fatal(err)
	}
	s.batch, s.from = Batch{}, record.At()
	return info
}

func (s *story) archive() ArchiveInfo {
	s.t.Helper()
	snapshot, err := s.casino.Store.Snapshot(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	defer snapshot.Close()
	a, _, err := WriteArchive(s.t.Context(), s.to, snapshot, s.writing())
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

// told is a story with two archives and segments up to its end.
func told(t *testing.T, seed uint64) (s *story, archives []ArchiveInfo, segments []SegmentInfo) {
	s = tell(t, seed)
	s.play(5)
	archives = append(archives, s.archive())
	for range 3 {
		s.play(6)
		segments = append(segments, s.ship())
	}
	archives = append(archives, s.archive())
	for range 3 {
		s.play(6)
		segments = append(segments, s.ship())
	}
	return s, archives, segments
}

// openRestored opens a state with the keys of casinos under test.
func openRestored(dir string, _ []byte, o storage.Options) (*storage.Store, error) {
	return storage.OpenWith(dir, catalogue.Released(), storagetest.Keys, machine.UsualCacheBytes, o)
}

// restore restores into a directory and returns the hash of the state there.
func (s *story) restore(r Request) (hash [32]byte, passed []*DamageError, restored *Restored, err error) {
	s.t.Helper()
	dir := s.t.TempDir()
	p, err := MakePlan(s.t.Context(), s.to, r)
	if err == nil {
		restored, err = Restore(s.t.Context(), s.to, p, dir, Restoring{Open: openRestored, Passed: func(d *DamageError) { passed = append(passed, d) }})
	}
	if err != nil {
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			s.t.Errorf("after the error, the directory holds %v", left)
		}
		return hash, passed, nil, err
	}
	store, err := openRestored(dir, nil, storage.Options{ReadOnly: true})
	if err != nil {
		s.t.Fatal(err)
	}
	defer store.Close()
	return hashOf(s.t, store), passed, restored, nil
}

// restores expects the state of a mark.
func (s *story) restores(r Request, want mark) *Restored {
	s.t.Helper()
	hash, passed, restored, err := s.restore(r)
	if err != nil {
		s.t.Fatalf("%s: %v", r.Moment, err)
	}
	if len(passed) > 0 {
		s.t.Errorf("%s: passed over %v", r.Moment, passed)
	}
	if !r.At.IsZero() {
		// The log's own entries have no time: those behind the last one of the time are restored as well.
		if restored.Position.HistoryHead != want.head {
			s.t.Errorf("%s: it is not the state after entry %d", r.Moment, want.index)
		}
		return restored
	}
	if hash != want.hash || restored.Index != want.index || !restored.Position.Time.Equal(want.at) {
		s.t.Errorf("%s: entry %d of %s instead of %d of %s; the same state: %t", r.Moment, restored.Index, restored.Position.Time, want.index, want.at, hash == want.hash)
	}
	return restored
}

func TestRestore_ToTheLatestToEntriesAndToTimes(t *testing.T) {
	s, _, _ := told(t, 1)
	end := s.marks[len(s.marks)-1]
	s.restores(Request{}, end)
	for _, m := range s.marks[5:] { // from the first archive on
		s.restores(Request{Moment: Moment{Index: m.index}}, m)
		s.restores(Request{Moment: Moment{At: m.at}}, m)
		between := m.at.Add(500 * time.Millisecond) // two bets are a second apart
		s.restores(Request{Moment: Moment{At: between}}, m)
	}
	_, _, restored, err := s.restore(Request{})
	if err != nil || restored.Commands != 18 { // behind the second archive
		t.Errorf("%+v, %v", restored, err)
	}
}

func TestRestore_OverlappingAndDoubledSegmentsDoNoHarm(t *testing.T) {
	s, _, segments := told(t, 2)
	_, _, record, err := s.casino.Store.Position()
	if err != nil {
		t.Fatal(err)
	}
	var all Batch
	for _, e := range s.entries[segments[1].First+1:] {
		if err := all.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := WriteSegment(t.Context(), s.to, &all, segments[1].To, &record, s.writing()); err != nil {
		t.Fatal(err)
	}
	s.restores(Request{}, s.marks[len(s.marks)-1])
	// And with it, some may go.
	for _, g := range segments[3:5] {
		if err := s.to.Delete(t.Context(), g.Object.Name); err != nil {
			t.Fatal(err)
		}
	}
	s.restores(Request{}, s.marks[len(s.marks)-1])
}

// corrupt changes the content of an object.
func (s *story) corrupt(name string, change func([]byte) []byte) {
	s.t.Helper()
	path := filepath.Join(s.to.root, filepath.FromSlash(name))
	data, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, change(data), 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func flipped(at int) func([]byte) []byte {
	return func(data []byte) []byte {
		data = bytes.Clone(data)
		data[(at+len(data))%len(data)] ^= 1
		return data
	}
}

func TestRestore_ADamagedArchiveIsPassedOver(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"in its content": flipped(200), "in its manifest": flipped(-100), "empty": func([]byte) []byte { return nil },
		"half": func(data []byte) []byte { return data[:len(data)/2] },
	} {
		t.Run(name, func(t *testing.T) {
			s, archives, _ := told(t, 3)
			s.corrupt(archives[1].Object.Name, change)
			hash, passed, restored, err := s.restore(Request{})
			if err != nil || hash != s.marks[len(s.marks)-1].hash || restored.Plan.Archive.Index != archives[0].Index {
				t.Fatalf("%+v, %v", restored, err)
			}
			if told := len(passed) + len(restored.Plan.Notes); told == 0 && name != "empty" { // an empty one never counts
				t.Error("nobody was told")
			}
			if _, _, _, err := s.restore(Request{Archive: archives[1].Object.Name}); err == nil {
				t.Error("the damaged one was taken when it was named")
			}
			s.corrupt(archives[0].Object.Name, change)
			if _, _, _, err := s.restore(Request{}); err == nil {
				t.Error("a casino was made of nothing")
			}
		})
	}
}

func TestRestore_RefusesADamagedSegmentAndSaysWhatCanBeRestored(t *testing.T) {
	s, _, segments := told(t, 4)
	s.corrupt(segments[4].Object.Name, flipped(60))
	_, _, _, err := s.restore(Request{})
	if err == nil || !strings.Contains(err.Error(), "is damaged") || !strings.Contains(err.Error(), fmt.Sprintf("--index %d ", segments[3].Last)) {
		t.Fatal(err)
	}
	s.restores(Request{Moment: Moment{Index: segments[3].Last}}, s.markOf(segments[3].Last))
	// A damaged one before the newest archive makes no difference.
	s, _, segments = told(t, 4)
	s.corrupt(segments[1].Object.Name, flipped(60))
	s.restores(Request{}, s.marks[len(s.marks)-1])
}

func (s *story) markOf(index uint64) mark {
	i := slices.IndexFunc(s.marks, func(m mark) bool { return m.index == index })
	return s.marks[i]
}

// move puts an object under another name.
func (s *story) move(from, to string) {
	s.t.Helper()
	old, as := filepath.Join(s.to.root, filepath.FromSlash(from)), filepath.Join(s.to.root, filepath.FromSlash(to))
	if err := errors.Join(os.MkdirAll(filepath.Dir(as), 0o700), os.Rename(old, as)); err != nil {
		s.t.Fatal(err)
	}
}

func TestRestore_NamesThatLieAreFoundOut(t *testing.T) {
	other := strings.NewReplacer("cluster/origin/", "cluster/20261123T210000Z-00000000/")
	for name, move := range map[string]func(s *story, archives []ArchiveInfo, segments []SegmentInfo) (r Request, want string){
		"segments in another order": func(s *story, _ []ArchiveInfo, segments []SegmentInfo) (Request, string) {
			a, b := segments[4].Object.Name, segments[5].Object.Name
			s.move(a, "aside")
			s.move(b, a)
			s.move("aside", b)
			return Request{}, "moved or renamed"
		},
		"an archive of another lineage": func(s *story, archives []ArchiveInfo, _ []SegmentInfo) (Request, string) {
			s.move(archives[1].Object.Name, other.Replace(archives[1].Object.Name))
			return Request{}, "moved or renamed"
		},
		"a segment of another casino": func(s *story, _ []ArchiveInfo, segments []SegmentInfo) (Request, string) {
			name := segments[5].Object.Name
			neighbour, _, _ := told(s.t, 99)
			w := neighbour.writing()
			w.Casino = "neighbour"
			_, _, record, err := neighbour.casino.Store.Position()
			if err != nil {
				s.t.Fatal(err)
			}
			var b Batch
			for i := segments[5].First; i <= segments[5].Last; i++ {
				e := neighbour.entries[min(int(i), len(neighbour.entries))-1]
				e.Index = i
				if err := b.Add(e); err != nil {
					s.t.Fatal(err)
				}
			}
			info, err := WriteSegment(s.t.Context(), s.to, &b, segments[5].From, &record, w)
			if err != nil {
				s.t.Fatal(err)
			}
			s.move(info.Object.Name, name)
			return Request{Casino: "cluster"}, "casino neighbour"
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, archives, segments := told(t, 5)
			r, want := move(s, archives, segments)
			if _, _, _, err := s.restore(r); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v", err)
			}
		})
	}
}

// A copy of a data directory that went on by itself ships segments of the same casino and lineage. They don't fit.
func TestRestore_SegmentsOfAnotherHistoryAreRefused(t *testing.T) {
	s, _, _ := told(t, 6)
	copied, _, _ := told(t, 6) // the same seed gives the same history, up to here
	at := s.marks[len(s.marks)-1]
	if at != copied.marks[len(copied.marks)-1] {
		t.Fatal("the histories should be the same")
	}
	copied.casino.One(command.Command{Account: copied.ana, Body: command.PlaceWager{Rules: "slots/2", Stake: 77}})
	copied.take()
	theirs := copied.ship()
	data, err := os.ReadFile(filepath.Join(copied.to.root, filepath.FromSlash(theirs.Object.Name)))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.to.root, filepath.FromSlash(theirs.Object.Name)), data, 0o600); err != nil {
		t.Fatal(err)
	}
	for uint64(len(s.entries)) < theirs.Last { // this casino goes on as well, and ships what comes after
		s.play(1)
	}
	from := s.marks[len(s.marks)-1]
	s.batch, s.from = Batch{}, from.at
	s.play(3)
	s.ship()
	_, _, _, err = s.restore(Request{})
	if err == nil || !strings.Contains(err.Error(), "is damaged") && !errors.Is(err, ErrNotRestorable) {
		t.Fatalf("segments of two histories were put together: %v", err)
	}
	s.restores(Request{Moment: Moment{Index: at.index}}, at)
}

func TestRestore_ANewerFormatNamesItsProgram(t *testing.T) {
	s, archives, segments := told(t, 7)
	newer := func(text []byte) []byte {
		i := bytes.Index(text, []byte("\"format\": 1"))
		manifest := text[bytes.LastIndexByte(text[:i], '{') : len(text)-footerSize]
		changed := strings.Replace(string(manifest), `"format": 1`, `"format": 2`, 1)
		changed = strings.Replace(changed, `"1.2.3"`, `"9.8.7"`, 1)
		return append(bytes.Clone(text[:len(text)-footerSize-len(manifest)]), footed(changed)...)
	}
	s.corrupt(segments[5].Object.Name, newer)
	if _, _, _, err := s.restore(Request{}); err == nil || !strings.Contains(err.Error(), "9.8.7") {
		t.Errorf("a segment: %v", err)
	}
	// An older archive would be a way around it, but one that the operator should know of first.
	s.corrupt(archives[1].Object.Name, newer)
	if _, _, _, err := s.restore(Request{Moment: Moment{Index: segments[3].Last}}); err == nil || !strings.Contains(err.Error(), "9.8.7") {
		t.Errorf("an archive: %v", err)
	}
}

func TestRestore_AWrongKeyIsSaid(t *testing.T) {
	s, _, _ := told(t, 8)
	p, err := MakePlan(t.Context(), s.to, Request{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	_, err = Restore(t.Context(), s.to, p, dir, Restoring{Open: func(string, []byte, storage.Options) (*storage.Store, error) { return nil, storage.ErrWrongKey }})
	if left, _ := os.ReadDir(dir); !errors.Is(err, storage.ErrWrongKey) || len(left) > 0 {
		t.Errorf("%v, and %v is left", err, left)
	}
}

func TestRestore_AnEndedContextLeavesNothing(t *testing.T) {
	s, _, _ := told(t, 9)
	p, err := MakePlan(t.Context(), s.to, Request{})
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []Phase{PhaseState, PhaseReplay} {
		ctx, end := context.WithCancel(t.Context())
		dir := t.TempDir()
		_, err := Restore(ctx, s.to, p, dir, Restoring{Open: openRestored, Progress: func(p Phase, _, _ int64) {
			if p == at {
				end()
			}
		}})
		if left, _ := os.ReadDir(dir); !errors.Is(err, context.Canceled) || len(left) > 0 {
			t.Errorf("%s: %v, and %v is left", at, err, left)
		}
		end()
	}
}

// No damage gives another state: each one is found, or makes no difference.
func TestRestore_NoDamageGoesUnnoticed(t *testing.T) {
	const seed = 20261129
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	s, archives, segments := told(t, 10)
	want := s.marks[len(s.marks)-1]
	names := []string{archives[1].Object.Name}
	for _, g := range segments[3:] {
		names = append(names, g.Object.Name)
	}
	found := 0
	for range 60 {
		name := names[random.IntN(len(names))]
		path := filepath.Join(s.to.root, filepath.FromSlash(name))
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		at := random.IntN(len(whole))
		if random.IntN(2) == 0 {
			s.corrupt(name, flipped(at))
		} else {
			s.corrupt(name, func(data []byte) []byte { return data[:at] })
		}
		hash, passed, restored, err := s.restore(Request{})
		if err != nil || len(passed) > 0 || len(restored.Plan.Notes) > 0 {
			found++
		}
		if err == nil && (hash != want.hash || restored.Index != want.index) {
			t.Errorf("byte %d of %s: another state was restored", at, name)
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if found < 40 {
		t.Errorf("only %d of 60 damages were noticed", found)
	}
}

func TestAftermath_CountsWhatComesAfter(t *testing.T) {
	s := tell(t, 11)
	s.play(3)
	s.archive()
	s.play(4)
	s.ship()
	moment := s.marks[len(s.marks)-1]
	s.play(5)
	before := s.marks[len(s.marks)-1]
	s.casino.One(command.Command{Account: s.ana, Body: command.SetLimits{Limits: command.LimitSet{StakePerDay: 90_000}}})
	s.casino.One(command.Command{Account: s.ana, Body: command.GrantCoins{Amount: 7, Actor: "cashier", Reason: "luck"}})
	s.casino.Player("bea", 5)
	s.casino.One(command.Command{Account: s.ana, Body: command.Exclude{Days: 30}})
	s.take()
	s.ship()
	for _, c := range []struct {
		name   string
		moment Moment
		rounds uint64
		asked  int
		atMost bool
	}{
		{"the latest", Moment{}, 0, 0, false},
		{"the end of a segment", Moment{Index: moment.index}, 5, 4, false},
		{"the time of that", Moment{At: moment.at}, 5, 4, true},       // the next segment could begin with that time
		{"within a segment", Moment{Index: before.index}, 5, 4, true}, // up to 5 rounds: those of the segment
		{"the archive", Moment{Index: s.marks[3].index}, 9, 4, false},
	} {
		p, err := MakePlan(t.Context(), s.to, Request{Moment: c.moment})
		if err != nil {
			t.Fatal(err)
		}
		a, newest, err := p.Aftermath(t.Context(), s.to, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		asked := uint64(0)
		for _, each := range a.Asked {
			asked += each.Count
		}
		if a.Rounds != c.rounds || a.Staked != games.Coins(5*c.rounds) || int(asked) != c.asked || a.AtMost != c.atMost || a.AtLeast || newest.Accounts != 2 {
			t.Errorf("%s: %+v", c.name, a)
		}
	}
}

func TestRestore_FromS3(t *testing.T) {
	s3 := openTestS3(t, backuptest.S3Server(t), "restored", time.Minute)
	s, archives, _ := told(t, 13)
	if err := s.to.List(t.Context(), "", func(o Object) error {
		data, err := os.ReadFile(filepath.Join(s.to.root, filepath.FromSlash(o.Name)))
		if err != nil {
			return err
		}
		return putWhole(t.Context(), s3, o.Name, data)
	}); err != nil {
		t.Fatal(err)
	}
	for _, m := range []mark{s.marks[len(s.marks)-1], s.marks[len(s.marks)-4], s.markOf(archives[0].Index)} {
		p, err := MakePlan(t.Context(), s3, Request{Moment: Moment{Index: m.index}})
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		r, err := Restore(t.Context(), s3, p, dir, Restoring{Open: openRestored})
		if err != nil || r.Index != m.index || r.Position.HistoryHead != m.head {
			t.Errorf("to entry %d: %+v, %v", m.index, r, err)
		}
	}
}

func TestRestore_ATargetThatIsGoneIsSaid(t *testing.T) {
	s, _, _ := told(t, 12)
	p, err := MakePlan(t.Context(), s.to, Request{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(s.to.root, s.to.root+"-away"); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	_, err = Restore(t.Context(), s.to, p, dir, Restoring{Open: openRestored})
	if err2 := os.Rename(s.to.root+"-away", s.to.root); err2 != nil {
		t.Fatal(err2)
	}
	if !errors.Is(err, fs.ErrNotExist) || errors.As(err, new(*DamageError)) {
		t.Errorf("%v", err)
	}
}
