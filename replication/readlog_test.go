package replication_test

import (
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"imperio/replication"
	"imperio/replication/logstore"
	"imperio/replication/replicationtest"
	"imperio/storage"
	"imperio/storage/command"
)

// A written log is one that a test makes entry by entry, as a member of a cluster might have it when its machine dies.
type writtenLog struct {
	t       *testing.T
	dir     string
	id      replication.Identity
	applied uint64 // what the node had applied when it wrote the newest entry
	entries []*raft.Log
	number  uint64 // of the newest command
}

func writeLog(t *testing.T) *writtenLog { return &writtenLog{t: t, dir: t.TempDir(), id: identity} }

func (w *writtenLog) add(kind raft.LogType, data []byte) {
	w.entries = append(w.entries, &raft.Log{Index: uint64(len(w.entries) + 1), Term: 1, Type: kind, Data: data})
}

// members adds an entry with a configuration. A name that begins with "-" has no vote.
func (w *writtenLog) members(names ...string) *writtenLog {
	var c raft.Configuration
	for _, name := range names {
		s := raft.Server{ID: raft.ServerID(strings.TrimPrefix(name, "-")), Address: raft.ServerAddress(name + ":1")}
		if strings.HasPrefix(name, "-") {
			s.Suffrage = raft.Nonvoter
		}
		c.Servers = append(c.Servers, s)
	}
	w.add(raft.LogConfiguration, raft.EncodeConfiguration(c))
	return w
}

// commands adds entries with one command each.
func (w *writtenLog) commands(count int) *writtenLog {
	for range count {
		w.number++
		data, err := command.Encode(replicationtest.Command(w.number))
		if err != nil {
			w.t.Fatal(err)
		}
		entry, err := command.Pack(time.Unix(int64(w.number), 0).UTC(), [][]byte{data})
		if err != nil {
			w.t.Fatal(err)
		}
		w.add(raft.LogCommand, entry)
	}
	return w
}

// applies says that the node had applied all entries so far when it wrote the next ones.
func (w *writtenLog) applies() *writtenLog {
	w.applied = uint64(len(w.entries))
	return w
}

// write makes the log. The history's head is that of a journal that has applied what the node had.
func (w *writtenLog) write() {
	w.t.Helper()
	head := logstore.Head{Index: w.applied}
	if w.applied > 0 {
		j := replicationtest.New()
		applyTo(w.t, j, w.entries[:w.applied])
		head.Event, head.Hash = j.Head()
	}
	o := logstore.Options{Identity: w.id, Head: func() logstore.Head { return head }}
	if err := logstore.Create(filepath.Join(w.dir, replication.LogDir), o, func(s *logstore.Store) error {
		return errors.Join(s.SetUint64([]byte("CurrentTerm"), 1), s.StoreLogs(w.entries))
	}); err != nil {
		w.t.Fatal(err)
	}
}

func applyTo(t *testing.T, j *replicationtest.Journal, entries []*raft.Log) {
	t.Helper()
	for _, l := range entries {
		e := storage.Entry{Index: l.Index, Term: l.Term}
		if l.Type == raft.LogCommand {
			e.Data = l.Data
		}
		commands, err := e.Commands()
		if err == nil {
			_, err = j.Apply(commands)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestReadLog_StopsWhereAMembersLogMayBeUncommitted(t *testing.T) {
	for name, c := range map[string]struct {
		log       func(*writtenLog)
		commands  int // that certainly count
		uncertain uint64
	}{
		"a lone node's log is committed":       {func(w *writtenLog) { w.members("node-1").applies().commands(5) }, 5, 0},
		"a member's up to what it had applied": {func(w *writtenLog) { w.members("node-1", "node-2").commands(3).applies().commands(2) }, 3, 2},
		"nothing, if it had applied nothing":   {func(w *writtenLog) { w.members("node-1", "node-2", "node-3").commands(4) }, 0, 5},
		"one without a vote decides nothing":   {func(w *writtenLog) { w.members("-node-1", "node-2").commands(3).applies().commands(1) }, 3, 1},
		"others without a vote change nothing": {func(w *writtenLog) { w.members("node-1", "-node-2").commands(3).applies().commands(1) }, 4, 0},
		"a lone node that takes a second": {func(w *writtenLog) {
			w.members("node-1").commands(2).applies().commands(2).members("node-1", "node-2").commands(1)
		}, 2, 4},
		"the last one, and its vote alone is not committed": {func(w *writtenLog) { w.members("node-1", "node-2").commands(2).applies().commands(1).members("node-1") }, 2, 2},
		"the last one, for sure":                            {func(w *writtenLog) { w.members("node-1", "node-2").commands(2).members("node-1").applies().commands(3) }, 5, 0},
		"removed":                                           {func(w *writtenLog) { w.members("node-1", "node-2").commands(2).members("node-2").applies().commands(3) }, 2, 3},
		"waiting to be added":                               {func(*writtenLog) {}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := writeLog(t)
			c.log(w)
			w.write()
			read := 0
			left, err := replication.ReadLog(w.dir, identity, 0, func(entry []storage.Command) error {
				for _, command := range entry {
					if len(command.Data) > 0 {
						read++
					}
				}
				return nil
			})
			if err != nil || read != c.commands || left.Uncertain != c.uncertain {
				t.Errorf("ReadLog visits %d commands and leaves out %d entries, %v; not %d and %d", read, left.Uncertain, err, c.commands, c.uncertain)
			}
			if told := left.TellUncertain() != ""; told != (c.uncertain > 0) {
				t.Errorf("ReadLog tells %q", left.TellUncertain())
			}
			above, left, err := replication.Above(w.dir, identity, replicationtest.New())
			if err != nil || above != c.commands || left.Uncertain != c.uncertain {
				t.Errorf("Above counts %d commands and leaves out %d entries: %v", above, left.Uncertain, err)
			}
			for what, bring := range map[string]func(*replicationtest.Journal) (replication.LeftOut, error){
				"Replay": func(j *replicationtest.Journal) (replication.LeftOut, error) {
					return replication.Replay(t.Context(), w.dir, identity, j)
				},
				"CatchUp": func(j *replicationtest.Journal) (replication.LeftOut, error) {
					return replication.CatchUp(t.Context(), w.dir, identity, j)
				},
			} {
				j := replicationtest.New()
				left, err := bring(j)
				if err != nil || left.Uncertain != c.uncertain {
					t.Errorf("%s leaves out %d entries: %v", what, left.Uncertain, err)
				}
				holds(t, j, uint64(c.commands))
			}
		})
	}
}

// What a state holds is committed, even if the log was cut off by a power cut before it said so.
func TestReadLog_TakesTheStatesWordForWhatIsCommitted(t *testing.T) {
	w := writeLog(t).members("node-1", "node-2").commands(5)
	w.write()
	j := replicationtest.New()
	applyTo(t, j, w.entries[:4])
	left, err := replication.Replay(t.Context(), w.dir, identity, j)
	if err != nil || left.Uncertain != 2 {
		t.Fatalf("left out %d entries: %v", left.Uncertain, err)
	}
	holds(t, j, 3)
	read := 0
	if left, err = replication.ReadLog(w.dir, identity, 4, func([]storage.Command) error { read++; return nil }); err != nil || read != 4 || left.Uncertain != 2 {
		t.Fatalf("visited %d entries, left out %d: %v", read, left.Uncertain, err)
	}
}

func TestReadMembers_TellsTheNewestConfigurationOfTheLog(t *testing.T) {
	w := writeLog(t).members("node-1").commands(2).members("node-2", "node-1", "-node-3").commands(1)
	w.write()
	members, err := replication.ReadMembers(w.dir, identity)
	if err != nil || len(members) != 3 {
		t.Fatal(members, err)
	}
	for i, expect := range []replication.Member{
		{ID: "node-1", Address: "node-1:1", Voter: true, Self: true},
		{ID: "node-2", Address: "node-2:1", Voter: true},
		{ID: "node-3", Address: "-node-3:1"},
	} {
		if !reflect.DeepEqual(members[i], expect) {
			t.Errorf("member %d is %+v", i, members[i])
		}
	}
	empty := writeLog(t)
	empty.write()
	if members, err := replication.ReadMembers(empty.dir, identity); err != nil || len(members) != 0 {
		t.Errorf("a node that waits to be added has the members %v, %v", members, err)
	}
}
