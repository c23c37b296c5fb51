package endtoend

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
)

// booked is a round as the casino's books have it.
type booked struct {
	answer
	OpenedAt, SettledAt time.Time
}

// books reads all rounds of a player, by id.
func (p *player) books(t *testing.T) map[string]booked {
	t.Helper()
	rounds := make(map[string]booked)
	cursor := ""
	for {
		var page struct {
			Rounds []json.RawMessage `json:"rounds"`
			Next   *string           `json:"next_cursor"`
		}
		p.get(t, "/api/v1/me/rounds?limit=100"+cursor, &page)
		for _, raw := range page.Rounds {
			var b booked
			var times struct {
				OpenedAt  time.Time `json:"opened_at"`
				SettledAt time.Time `json:"settled_at"`
			}
			if err := json.Unmarshal(raw, &b.Round); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(raw, &times); err != nil {
				t.Fatal(err)
			}
			b.OpenedAt, b.SettledAt = times.OpenedAt, times.SettledAt
			rounds[b.Round.ID] = b
		}
		if page.Next == nil {
			return rounds
		}
		cursor = "&cursor=" + *page.Next
	}
}

// signIn signs a player in with the password of signUp.
func (p *player) signIn(t *testing.T) {
	t.Helper()
	p.token = ""
	status, data, err := p.call(t.Context(), "POST", "/api/v1/sessions", fmt.Sprintf(`{"login":%q,"password":"a long password"}`, p.name), "")
	var in struct {
		Token string `json:"token"`
	}
	if err != nil || status != http.StatusCreated || json.Unmarshal(data, &in) != nil {
		t.Fatalf("sign in: %v %d %s", err, status, data)
	}
	p.token = in.Token
}

// backedUp is a casino with backups in a directory, and with players.
type backedUp struct {
	*process
	target  string // the directory's URL
	key     string // a copy of the casino's key
	restore []string
	players []*player
}

// newBackedUp starts a casino that ships its log each second.
func newBackedUp(t *testing.T, seed uint64, players int, flags ...string) *backedUp {
	t.Helper()
	target := "file://" + filepath.Join(t.TempDir(), "backups")
	p := newProcess(t, append([]string{"--backup-to", target, "--backup-interval", "1s", "--backup-schedule", "off", "--backup-drill", "off"}, flags...)...)
	b := &backedUp{process: p, target: target, key: filepath.Join(t.TempDir(), "casino.key")}
	b.start(t)
	key, err := os.ReadFile(filepath.Join(b.dir, "encryption.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(b.key, key, 0o600); err != nil {
		t.Fatal(err)
	}
	b.restore = []string{"--key-file", b.key}
	for i := range players {
		p := &player{name: fmt.Sprintf("player-%d", i), casino: b.process, random: rand.New(rand.NewPCG(seed, uint64(i)+2))}
		p.signUp(t)
		b.players = append(b.players, p)
	}
	return b
}

// bet makes every player bet n times.
func (b *backedUp) bet(t *testing.T, n int) {
	t.Helper()
	for range n {
		for _, p := range b.players {
			p.pending = p.next()
			if !p.try(t.Context()) {
				t.Fatalf("%s got no answer", p.name)
			}
		}
	}
}

// must runs a verb that must succeed.
func (b *backedUp) must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := b.run(args...)
	if err != nil {
		t.Fatalf("imperio %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// shipped waits until the target holds everything that was answered so far.
func (b *backedUp) shipped(t *testing.T) {
	t.Helper()
	var health struct {
		Applied uint64 `json:"applied_index"`
	}
	b.players[0].get(t, "/health", &health)
	b.await(t, "the target to hold the newest bets", func() bool {
		time.Sleep(20 * time.Millisecond) // between two looks
		return b.lastShipped(t) >= health.Applied
	})
}

// lineages are the directories of the lineages in the target, the oldest first.
func (b *backedUp) lineages(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(strings.TrimPrefix(b.target, "file://"), "*", "*", "archives"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range dirs {
		dirs[i] = filepath.Dir(dirs[i])
	}
	origin := func(dir string) int { return map[bool]int{true: 0, false: 1}[filepath.Base(dir) == "origin"] }
	slices.SortFunc(dirs, func(a, b string) int { return cmp.Or(cmp.Compare(origin(a), origin(b)), cmp.Compare(a, b)) })
	return dirs
}

// lastShipped is the newest entry that a file of the newest lineage in the target holds, by the files' names.
func (b *backedUp) lastShipped(t *testing.T) (last uint64) {
	t.Helper()
	dirs := b.lineages(t)
	if len(dirs) == 0 {
		return 0
	}
	filepath.WalkDir(dirs[len(dirs)-1], func(path string, _ os.DirEntry, err error) error {
		name := filepath.Base(path)
		var first, index uint64
		if strings.HasSuffix(name, ".segment") {
			fmt.Sscanf(name, "%d-%d-", &first, &index)
		} else if stamp, rest, ok := strings.Cut(strings.TrimSuffix(name, ".archive"), "-"); ok && strings.HasSuffix(name, ".archive") && stamp != "" {
			fmt.Sscanf(rest, "%d", &index)
		}
		last = max(last, index)
		return nil
	})
	return last
}

// A casino is played in, backed up, played in further, destroyed, and restored to a moment in between. Exactly the bets that
// were answered up to that moment are there. Then it goes on, and can be restored again.
func TestBackup_RestoresExactlyTheBetsBeforeTheMoment(t *testing.T) {
	for _, encrypted := range []bool{false, true} {
		t.Run(map[bool]string{false: "open", true: "encrypted"}[encrypted], func(t *testing.T) {
			testRestore(t, encrypted)
		})
	}
}

func testRestore(t *testing.T, encrypted bool) {
	seed := uint64(time.Now().UnixNano() % 1e9)
	t.Logf("seed %d", seed)
	var flags, keys []string
	if encrypted {
		id, err := age.GenerateX25519Identity()
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "identity.txt")
		if err := os.WriteFile(file, []byte(id.String()+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		flags, keys = []string{"--backup-recipients", id.Recipient().String()}, []string{"--identity-file", file}
	}
	b := newBackedUp(t, seed, 3, flags...)
	if encrypted {
		b.restore = keys
	}
	b.bet(t, 10)
	b.must(t, "backup", "create", "--data-dir", b.dir)
	b.bet(t, 20)
	before := make(map[string]map[string]booked)
	var moments []time.Time
	for _, p := range b.players {
		p.settleUp(t)
		before[p.name] = p.books(t)
		for _, r := range before[p.name] {
			moments = append(moments, r.OpenedAt)
		}
	}
	slices.SortFunc(moments, time.Time.Compare)
	moment := moments[len(moments)/2]
	b.shipped(t)
	old := b.players[0].token
	b.kill(t)
	if err := os.RemoveAll(b.dir); err != nil {
		t.Fatal(err)
	}

	at := moment.UTC().Format(time.RFC3339Nano)
	args := append([]string{"backup", "restore", "--data-dir", b.dir, "--from", b.target, "--at", at, "--reason", "a test", "--yes"}, b.restore...)
	if out := b.must(t, append(args, "--dry-run")...); !strings.Contains(out, "rounds") {
		t.Errorf("the dry run does not tell what is taken back:\n%s", out)
	}
	if _, err := os.Stat(filepath.Join(b.dir, "state.db")); err == nil {
		t.Error("the dry run restored something")
	}
	b.must(t, args...)
	b.audit(t)
	b.start(t)

	p := b.players[0]
	if p.token = old; true {
		if status, data, err := p.call(t.Context(), "GET", "/api/v1/me", "", ""); err != nil || status != http.StatusUnauthorized {
			t.Errorf("a session from before the restore: %v %d %s", err, status, data)
		}
	}
	kept := 0
	for _, p := range b.players {
		p.signIn(t)
		after := p.books(t)
		for id, was := range before[p.name] {
			is, there := after[id]
			if want := !was.OpenedAt.After(moment); there != want {
				t.Errorf("round %s of %s was opened at %v, the moment is %v: restored: %t", id, p.name, was.OpenedAt, moment, there)
				continue
			}
			if !there {
				continue
			}
			kept++
			if !was.Round.Settled || was.SettledAt.After(moment) {
				if !is.Round.Settled {
					t.Errorf("round %s, which was open at the moment, is not settled", id)
				}
				continue
			}
			if !sameRound(was.answer, is.answer) {
				t.Errorf("round %s was %+v, and is %+v", id, was, is)
			}
		}
		for id := range after {
			if _, known := before[p.name][id]; !known {
				t.Errorf("%s has a round %s that nobody played", p.name, id)
			}
		}
	}
	if kept == 0 || kept == len(moments) {
		t.Errorf("%d of %d rounds were restored: the test proves nothing", kept, len(moments))
	}
	if out := b.must(t, "history", "--data-dir", b.dir, "--acts"); !strings.Contains(out, "lineage_begun") || !strings.Contains(out, "a test") {
		t.Errorf("the history does not tell of the restore:\n%s", out)
	}

	// The new lineage is backed up as well, and restored to its end.
	for _, p := range b.players {
		p.open, p.rounds, p.bets = nil, make(map[string]answer), p.bets+1000
	}
	b.bet(t, 5)
	b.shippedLineages(t, 2)
	b.shipped(t)
	want := b.players[1].books(t)
	b.kill(t)
	b.must(t, append([]string{"backup", "restore", "--data-dir", b.dir, "--from", b.target, "--reason", "again", "--yes"}, b.restore...)...)
	b.start(t)
	b.players[1].signIn(t)
	if got := b.players[1].books(t); len(got) != len(want) {
		t.Errorf("%d rounds of %d were restored from the new lineage", len(got), len(want))
	}
	b.stop(t)
	b.audit(t)
}

// shippedLineages waits until the target holds archives of so many lineages.
func (b *backedUp) shippedLineages(t *testing.T, n int) {
	t.Helper()
	b.await(t, fmt.Sprintf("%d lineages in the target", n), func() bool {
		time.Sleep(20 * time.Millisecond) // between two looks
		return len(b.lineages(t)) >= n
	})
}

// endRound ends a player's open round: a restore would settle it.
func (p *player) endRound(t *testing.T) {
	t.Helper()
	for p.open != nil {
		p.bets++
		action := "stand"
		if slices.Contains(p.open.Allowed, "decline_insurance") { // it is asked first
			action = "decline_insurance"
		}
		p.pending = &bet{path: "/api/v1/games/blackjack/rounds/" + p.open.Round.ID + "/actions", body: fmt.Sprintf(`{"action":%q}`, action), key: fmt.Sprintf("%s-%d", p.name, p.bets)}
		if !p.try(t.Context()) {
			t.Fatalf("%s got no answer", p.name)
		}
	}
}

// sameRound compares two answers about one round.
func sameRound(a, b answer) bool {
	var x, y any
	json.Unmarshal(a.Round.Outcome, &x)
	json.Unmarshal(b.Round.Outcome, &y)
	a.Round.Outcome, b.Round.Outcome = nil, nil
	return reflect.DeepEqual(a.Round, b.Round) && reflect.DeepEqual(x, y)
}
