package appliance

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"imperio/appliance/config"
	"imperio/appliance/control"
)

// What runs once in a cluster: backups, drills, messages to operators and the end of abandoned rounds.

// notice is a message that an operator got. By is the member that sent it: each has a URL of its own here.
type notice struct{ By, Topic, Status, Title, Text, Check, Leader string }

// inbox is a receiver of webhooks. Like any receiver it drops what was sent again because the answer got lost.
type inbox struct {
	*httptest.Server
	mu   sync.Mutex
	seen map[string]bool // guarded by mu, as is got
	got  []notice
}

func newInbox(t *testing.T) *inbox {
	t.Helper()
	b := &inbox{seen: make(map[string]bool)}
	b.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m struct {
			notice
			Details struct{ Check, Leader string }
		}
		body, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(body, &m); err != nil {
			t.Errorf("%v: %s", err, body)
		}
		m.By, m.Check, m.Leader = strings.TrimPrefix(r.URL.Path, "/"), m.Details.Check, m.Details.Leader
		b.mu.Lock()
		defer b.mu.Unlock()
		if id := r.Header.Get("Imperio-Delivery"); !b.seen[id] {
			b.seen[id] = true
			b.got = append(b.got, m.notice)
		}
	}))
	t.Cleanup(b.Close)
	return b
}

// url is where a member sends its messages.
func (b *inbox) url(c *config.Config) config.NotifyURL {
	return config.NotifyURL(b.URL + "/" + c.Cluster.Address)
}

// all are the messages so far that are about something.
func (b *inbox) all(about func(notice) bool) (list []notice) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.got {
		if about(m) {
			list = append(list, m)
		}
	}
	return list
}

// await waits for a message that is about something, while it does something.
func (b *inbox) await(t *testing.T, what string, about func(notice) bool, meanwhile func()) {
	t.Helper()
	eventually(t, "a message of "+what, func() (any, bool) {
		meanwhile()
		return b.all(func(notice) bool { return true }), len(b.all(about)) > 0
	})
}

// worker is a member whose work this test watches.
type worker struct {
	*memberHouse
	logs *lockedBuffer
	disk *smallDisk
}

func newWorker(t *testing.T, change ...func(*config.Config)) *worker {
	t.Helper()
	w := &worker{newMember(t, change...), new(lockedBuffer), new(smallDisk)}
	w.disk.free.Store(1 << 40)
	w.options = func(o *Options) { o.Logs, o.Space, o.Hold = w.logs, w.disk.space, time.Millisecond }
	return w
}

// settled is how many abandoned rounds the member has settled.
func (w *worker) settled() int {
	return strings.Count(w.logs.String(), `msg="settled an abandoned round"`)
}

// shipped waits until the target has something after an entry, and returns how it stands.
func (w *worker) shipped(after uint64) control.BackupTarget {
	w.t.Helper()
	return answers(w.memberHouse, control.GetBackupStatus, fmt.Sprint("a segment after entry ", after), func(s control.BackupStatus) bool {
		return s.Targets[0].State == "shipping" && s.Targets[0].Index > after
	}).Targets[0]
}

// drills asks for a drill, which must pass. One that was asked for is gone if leadership moves.
func (w *worker) drills() {
	w.t.Helper()
	began, asked := time.Now().Truncate(time.Millisecond), uint64(0)
	s := answers(w.memberHouse, control.GetBackupStatus, "the drill", func(s control.BackupStatus) bool {
		if term := w.app.dir.node.Status().Term; term != asked {
			if _, err := ask(w.memberHouse, control.StartDrill, control.None{}); err == nil {
				asked = term
			}
		}
		return s.LastDrill != nil && !s.LastDrill.At.Before(began)
	})
	if !s.LastDrill.OK {
		w.t.Errorf("the drill: %+v", s.LastDrill)
	}
}

// finds reports whether a problem of another member is known to one of these. Only a leader knows any.
func finds(these []*worker, problem string) (seen any, holds bool) {
	var all []string
	for _, w := range these {
		detail := w.app.health.Report().Checks["members"].Detail
		all, holds = append(all, detail), holds || strings.Contains(detail, problem)
	}
	return all, holds
}

// tells is about a message of one of these that others have problems. It comes with the first one, whichever that is.
func tells(these []*worker) func(m notice) bool {
	return func(m notice) bool {
		by := func(w *worker) bool { return m.By == w.config.Cluster.Address }
		return m.Check == "members" && m.Status == "warning" && slices.ContainsFunc(these, by)
	}
}

// led reports whether the member has ever led. On a busy machine leadership also moves by itself.
func (w *worker) led() bool { return strings.Contains(w.logs.String(), "msg=ready node="+w.id) }

// rests checks that a member that has never led has done none of the work.
func (w *worker) rests() {
	w.t.Helper()
	s, settled := w.app.backups.Load().Status(), w.settled()
	if w.led() {
		return
	}
	if s.Targets[0].ShippedSegments != 0 || s.Run.Number != 0 || !s.LastDrill.At.IsZero() {
		w.t.Errorf("%s makes backups, and has never led: %+v", w.id, s)
	}
	if strings.Contains(w.logs.String(), `msg="turned the season"`) {
		w.t.Errorf("%s has turned the season, and has never led", w.id)
	}
	if settled != 0 {
		w.t.Errorf("%s has settled %d rounds, and has never led", w.id, settled)
	}
}

// abandons leaves a round open, and returns its number.
func (c *realClient) abandons() (round string) {
	c.h.t.Helper()
	v, _ := c.dealUntil("stand")
	return v["round"].(map[string]any)["id"].(string)
}

// events are how many events a round has, and how many of them settle it.
func (w *worker) events(round string) (all, settled int) {
	w.t.Helper()
	for _, e := range does(w.memberHouse, control.ListEvents, control.EventQuery{Limit: 1000}).Events {
		if e.Round == nil || fmt.Sprint(e.Round.ID) != round {
			continue
		}
		all++
		if e.Round.Settled {
			settled++
		}
	}
	return all, settled
}

// settles has members look for abandoned rounds until one is settled.
func settles(t *testing.T, round string, looking []*worker) {
	t.Helper()
	done := func() (n int) {
		for _, w := range looking {
			n += w.settled()
		}
		return n
	}
	before := done()
	for _, w := range looking {
		eventually(t, "the open round", func() (any, bool) { n, _ := w.events(round); return n, n > 0 })
		if _, err := w.app.dir.store.Checkpoint(t.Context()); err != nil { // where a look finds the round
			t.Fatal(err)
		}
	}
	var all, settled int
	eventually(t, "the end of an abandoned round", func() (any, bool) {
		for _, w := range looking {
			w.app.lookForAbandoned(t.Context())
		}
		all, settled = looking[0].events(round)
		return all, settled > 0
	})
	if all != 2 || settled != 1 {
		t.Errorf("the round has %d events, and %d of them settle it", all, settled)
	}
	eventually(t, "the line of the log", func() (any, bool) { return before, done() == before+1 })
}

// turnsOver ends the running season as an operator does, and has members turn the season until the next one runs.
func turnsOver(t *testing.T, looking []*worker) {
	t.Helper()
	ended := does(looking[0].memberHouse, control.EndSeason, control.SeasonEnd{Reason: "a feast"}).Season
	eventually(t, "the next season", func() (any, bool) {
		for _, w := range looking {
			if err := w.app.turnSeason(t.Context()); err != nil {
				t.Log(err) // leadership moves
			}
		}
		list, err := looking[0].app.dir.store.Seasons(0, 2)
		return err, len(list) == 2 && list[0].Number == ended+1 && list[0].EndedAt.IsZero()
	})
}

func TestCluster_ItsWorkIsDoneOnceAndMovesWithTheLeader(t *testing.T) {
	t.Parallel()
	box := newInbox(t)
	target := config.BackupURL("file://" + t.TempDir())
	var workers []*worker
	var all []*memberHouse
	for range 3 {
		w := newWorker(t, func(c *config.Config) {
			c.Backups.To, c.Backups.Interval = []config.BackupURL{target}, 100*time.Millisecond
			c.Notifications.To = config.NotifyURLs{box.url(c)}
			c.Games.BlackjackAbandonAfter = time.Millisecond
		})
		workers, all = append(workers, w), append(all, w.memberHouse)
	}
	form(all)
	workerOf := func(m *memberHouse) *worker {
		return workers[slices.IndexFunc(workers, func(w *worker) bool { return w.memberHouse == m })]
	}
	first := workerOf(leaderOf(all[0], all))
	others := []*worker{workerOf(without(all, first.memberHouse)[0]), workerOf(without(all, first.memberHouse)[1])}
	ana := others[0].player("ana")

	// Members that don't lead look first. So if any could settle the round, the leader would not.
	settles(t, ana.abandons(), append(slices.Clone(others), first))
	ana.object(200, "PUT", "/api/v1/me/profile", `{"avatar":"owl","shown_name":null,"in_seasons":true}`)
	turnsOver(t, append(slices.Clone(others), first))
	index, _ := first.app.dir.store.Applied()
	ana.spins("before")
	ships := others[0].shipped(index)
	others[1].drills()

	// A member's problem is a failed check of its own, and part of the leader's check of all members. Only the leader tells.
	term := others[0].app.dir.node.Status().Term
	others[0].disk.free.Store(1 << 20)
	eventually(t, "a full disk in the leader's health", func() (any, bool) {
		others[0].app.gate.Look()
		return finds(workers, others[0].id+": disk_space")
	})
	box.await(t, "a full disk", tells(workers), func() {})
	others[0].disk.free.Store(1 << 40)
	eventually(t, "room on the disk", func() (any, bool) {
		others[0].app.gate.Look()
		r := others[0].app.health.Report().Checks["disk_space"]
		return r, r.Status == "healthy"
	})
	// Else the member may have been without a leader, and spoken for itself.
	followed := others[0].app.dir.node.Status().Term == term && !others[0].led()
	for _, w := range others {
		w.rests()
	}

	abandoned := ana.abandons()
	first.lose()
	next, stays := workerOf(leaderOf(others[0].memberHouse, []*memberHouse{others[0].memberHouse, others[1].memberHouse})), others[0]
	if next == stays {
		stays = others[1]
	}
	index, _ = stays.app.dir.store.Applied()
	ana.at(stays.memberHouse).spins("after")
	settles(t, abandoned, []*worker{stays, next})
	turnsOver(t, []*worker{stays, next})
	now := stays.shipped(index)
	if now.Lineage != ships.Lineage || now.Backups != ships.Backups || now.Errors != 0 || now.Error != "" || now.Differs != "" || !now.GapSince.IsZero() {
		t.Errorf("shipping does not go on: %+v, and before %+v", now, ships)
	}
	stays.drills()

	moved := func(m notice) bool { return m.Leader == next.id }
	box.await(t, "another leader", moved, func() {
		for _, w := range others {
			w.app.lookForLeader() // so both have seen it by now
		}
	})
	eventually(t, "a silent member in the leader's health", func() (any, bool) {
		return finds(others, first.id+": no answer")
	})
	box.await(t, "a silent member", tells(others), func() {})

	// A member that has stopped has sent all that it had to tell. So what has not come by now never comes.
	stays.rests()
	stays.stop()
	next.stop()
	if list := box.all(moved); len(list) != 1 || list[0].By != next.config.Cluster.Address {
		t.Errorf("of its leadership %s tells %+v", next.id, list)
	}
	if list := box.all(func(m notice) bool { return m.Topic == "low_disk" }); followed && len(list) != 0 {
		t.Errorf("a member that follows tells of its disk itself: %+v", list)
	}
	for _, w := range workers {
		if w.led() {
			continue
		}
		// All of this is the leader's to tell.
		if list := box.all(func(m notice) bool {
			return m.By == w.config.Cluster.Address && (m.Check == "members" || m.Check == "")
		}); len(list) != 0 {
			t.Errorf("%s has never led, and tells %+v", w.id, list)
		}
	}
}
