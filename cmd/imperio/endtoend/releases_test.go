package endtoend

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"imperio/appliance/control"
)

// A release must start on every data directory that an earlier one has left. So a directory of each is kept, as a file of
// text: filled with something of everything, and killed, so that its log holds what its state does not. 'make fixture' writes
// one, with the program at hand. A file of a released version is never written again.

var writeRelease = flag.String("write-release", "", "write a data directory of this program under this name, such as v1.2.0")

const releasesDir = "../../../storage/testdata/releases"

// keptRelease says what is in a kept data directory.
type keptRelease struct {
	Audit   control.AuditReport `json:"audit"` // without its words
	Players []keptPlayer        `json:"players"`
}

// keptPlayer is a player of a kept casino. One without a password may not sign in.
type keptPlayer struct {
	Name     string `json:"name"`
	Password string `json:"password,omitempty"`
	Coins    int64  `json:"coins"`
	Rounds   int    `json:"rounds"`         // settled
	Open     string `json:"open,omitempty"` // the id of an open round of blackjack
}

// audited audits the directory of the process, and returns the figures.
func (p *process) audited(t *testing.T) (r control.AuditReport) {
	t.Helper()
	if err := json.Unmarshal([]byte(p.does(t, 0, "audit", "--json")), &r); err != nil {
		t.Fatal(err)
	}
	r.Proved = nil
	return r
}

func TestReleases_DataDirectoriesOfEachReleaseServe(t *testing.T) {
	if *writeRelease != "" {
		t.Skip("one is being written")
	}
	files, err := filepath.Glob(filepath.Join(releasesDir, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no data directory of a release is kept: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			p := newProcess(t)
			var kept keptRelease
			unpackDirectory(t, file, p.dir, &kept)
			if got := p.audited(t); fmt.Sprint(got) != fmt.Sprint(kept.Audit) {
				t.Errorf("the audit finds %+v, and the release had %+v", got, kept.Audit)
			}
			p.start(t)
			for i := range kept.Players {
				p.playsOn(t, &kept.Players[i])
			}
			p.does(t, 0, "account", "grant", kept.Players[0].Name, "7", "--reason", "a test")
			p.stop(t)
			p.start(t)
			p.stop(t)
			if got := p.audited(t); got.Events <= kept.Audit.Events || got.OpenRounds != 0 {
				t.Errorf("after some play, the audit finds %+v", got)
			}
		})
	}
}

// playsOn lets a player of a kept casino sign in, finish what is open, and play.
func (p *process) playsOn(t *testing.T, kept *keptPlayer) {
	t.Helper()
	who := &player{name: kept.Name, casino: p, random: rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1)), rounds: make(map[string]answer)}
	status, data, err := who.call(t.Context(), "POST", "/api/v1/sessions", fmt.Sprintf(`{"login":%q,"password":%q}`, kept.Name, kept.Password), "")
	if kept.Password == "" {
		if status == 201 {
			t.Errorf("%s may sign in", kept.Name)
		}
		return
	}
	var in struct {
		Token   string `json:"token"`
		Account struct {
			Coins int64 `json:"coins"`
		} `json:"account"`
	}
	if err != nil || status != 201 || json.Unmarshal(data, &in) != nil {
		t.Fatalf("%s can't sign in: %v %d %s", kept.Name, err, status, data)
	}
	if in.Account.Coins != kept.Coins {
		t.Errorf("%s has %d coins instead of %d", kept.Name, in.Account.Coins, kept.Coins)
	}
	who.token, who.coins = in.Token, in.Account.Coins
	settled := 0
	booked := who.newRounds(t)
	for _, r := range booked {
		if r.Round.Settled {
			settled++
		}
	}
	if settled != kept.Rounds {
		t.Errorf("%s has %d settled rounds instead of %d", kept.Name, settled, kept.Rounds)
	}
	if kept.Open != "" {
		var open struct {
			Round   *json.RawMessage `json:"round"`
			Allowed []string         `json:"allowed_actions"`
		}
		who.get(t, "/api/v1/games/blackjack/rounds/open", &open)
		if open.Round == nil || len(open.Allowed) == 0 {
			t.Fatalf("%s has no open round", kept.Name)
		}
		who.pending = &bet{path: "/api/v1/games/blackjack/rounds/" + kept.Open + "/actions", body: `{"action":"stand"}`, key: "after-" + kept.Open}
		for who.pending != nil && !who.try(t.Context()) {
			time.Sleep(time.Millisecond)
		}
		if who.open != nil {
			t.Errorf("%s stands, and the round is still open", kept.Name)
		}
	}
	who.fresh, who.checked = nil, booked[0].Round.ID
	who.bets = int(time.Now().UnixMilli()) // keys that were not used before
	who.playAll(t, 10)
	if compared := who.settleUp(t); compared == 0 {
		t.Errorf("%s did not play", kept.Name)
	}
}

// playAll plays a number of bets, and ends with no open round.
func (p *player) playAll(t *testing.T, bets int) {
	t.Helper()
	late := time.Now().Add(patience)
	for n := 0; n < bets || p.pending != nil || p.open != nil; {
		if p.pending == nil {
			p.pending = p.next()
			n++
		}
		if !p.try(t.Context()) && time.Now().After(late) {
			t.Fatalf("%s gets no answer to %+v", p.name, p.pending)
		}
	}
}

// TestWriteRelease writes a data directory with something of everything, for 'make fixture'.
func TestWriteRelease(t *testing.T) {
	if *writeRelease == "" {
		t.Skip("only 'make fixture' writes one")
	}
	p := newProcess(t)
	p.start(t)
	var players []*player
	for i, name := range []string{"ana", "bob", "cleo"} {
		who := &player{name: name, casino: p, random: rand.New(rand.NewPCG(14, uint64(i)))}
		who.signUp(t)
		who.playAll(t, 12)
		players = append(players, who)
	}
	p.does(t, 0, "account", "grant", "bob", "500", "--reason", "a birthday")
	players[1].coins += 500
	p.does(t, 0, "invite", "create", "--reason", "a friend")
	p.stop(t)

	p.flags = append(p.flags, "--checkpoint-interval", "1m") // only the log has most of what follows
	p.start(t)
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/api/v1/me/tokens", `{"name":"a bot","scopes":["read","play"],"days":366}`},
		{"PUT", "/api/v1/me/limits", `{"stake_per_day":900000,"loss_per_day":null,"loss_per_week":null,"loss_per_month":900000,"session_minutes":null,"reality_check_minutes":30}`},
		{"POST", "/api/v1/me/fairness/rotations", `{"client_seed":"my own"}`},
		{"PUT", "/api/v1/me/profile", `{"avatar":"owl","shown_name":"Night_Owl","in_seasons":true}`},
	} {
		if status, data, err := players[0].call(t.Context(), c.method, c.path, c.body, "fixture"+c.path); err != nil || status >= 300 {
			t.Fatalf("%s %s: %v %d %s", c.method, c.path, err, status, data)
		}
	}
	for _, who := range players {
		who.playAll(t, 8)
	}
	late := time.Now().Add(patience)
	for players[0].open == nil { // until a hand is dealt that waits
		if time.Now().After(late) {
			t.Fatal("no round stays open")
		}
		players[0].bets++
		players[0].pending = &bet{path: "/api/v1/games/blackjack/rounds", body: `{"stake":10}`, key: fmt.Sprintf("open-%d", players[0].bets)}
		players[0].try(t.Context())
	}
	if status, data, err := players[2].call(t.Context(), "POST", "/api/v1/me/exclusions", `{"days":"for_ever"}`, ""); err != nil || status != 201 {
		t.Fatalf("exclude: %v %d %s", err, status, data)
	}
	p.kill(t)

	kept := keptRelease{Audit: p.audited(t)}
	for i, who := range players {
		k := keptPlayer{Name: who.name, Password: "a long password", Coins: who.coins}
		for _, a := range who.rounds {
			if a.Round.Settled {
				k.Rounds++
			}
		}
		if who.open != nil {
			k.Open = who.open.Round.ID
		}
		if i == 2 {
			k.Password = "" // excluded
		}
		kept.Players = append(kept.Players, k)
	}
	file := filepath.Join(releasesDir, *writeRelease+".txt")
	packDirectory(t, p.dir, file, fmt.Sprintf("A data directory that imperio %s left when it was killed, as 'make fixture' writes it.", *writeRelease), kept)
	if info, err := os.Stat(file); err != nil || info.Size() > 60<<10 {
		t.Errorf("%s is too large to keep: %v %v", file, info, err)
	}
}
