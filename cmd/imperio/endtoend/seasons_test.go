package endtoend

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
)

// The built program runs a season: a player joins and plays, an operator ends it, and the house begins the next. The audit proves
// what it said, after a kill as well.
func TestSeasons_EndAndBeginAndAreProven(t *testing.T) {
	p := newProcess(t)
	p.start(t)
	who := &player{name: "ana", casino: p, random: rand.New(rand.NewPCG(3, 1))}
	who.signUp(t)
	if status, data, err := who.call(t.Context(), "PUT", "/api/v1/me/profile", `{"avatar":"owl","shown_name":"Night_Owl","in_seasons":true}`, ""); err != nil || status != 200 {
		t.Fatalf("join: %v %d %s", err, status, data)
	}
	who.playAll(t, 20)
	type standing struct {
		Own *struct {
			Rounds int     `json:"rounds"`
			Proof  *string `json:"proof"`
		} `json:"own"`
	}
	var before, after standing
	who.get(t, "/api/v1/seasons/1?board=net", &before)
	if before.Own == nil || before.Own.Rounds < 5 || before.Own.Proof == nil {
		t.Fatalf("own figures: %+v", before.Own)
	}
	if shown := p.does(t, 0, "account", "show", "NIGHT_OWL"); !strings.Contains(shown, "ana") || !strings.Contains(shown, "Night_Owl") || !strings.Contains(shown, "in seasons") {
		t.Errorf("an operator who looks for the shown name sees\n%s", shown)
	}
	p.kill(t)
	p.start(t)
	var ended struct {
		Season  uint32 `json:"season"`
		Players uint64 `json:"players"`
		Digest  string `json:"digest"`
	}
	if err := json.Unmarshal([]byte(p.does(t, 0, "season", "end", "--reason", "a feast", "--json")), &ended); err != nil || ended.Season != 1 || ended.Players != 1 {
		t.Fatalf("%+v, %v", ended, err)
	}
	var list struct {
		Running *struct{ Number uint32 }
		Past    []struct {
			Number uint32
			Digest string
		}
	}
	if !p.await(t, "season 2", func() bool {
		who.get(t, "/api/v1/seasons", &list)
		return list.Running != nil && list.Running.Number == 2
	}) {
		t.Fatal("the next season does not begin")
	}
	if len(list.Past) != 1 || list.Past[0].Digest != ended.Digest {
		t.Errorf("%+v, the operator was told %+v", list.Past, ended)
	}
	who.get(t, "/api/v1/seasons/1?board=net", &after)
	if after.Own == nil || after.Own.Rounds != before.Own.Rounds {
		t.Errorf("after its end: %+v", after.Own)
	}
	if acts := p.does(t, 0, "history", "--acts"); !strings.Contains(acts, "season_closed") || !strings.Contains(acts, ended.Digest) || !strings.Contains(acts, `because "a feast"`) {
		t.Errorf("the history says\n%s", acts)
	}
	p.stop(t)
	if report := p.does(t, 0, "audit"); !strings.Contains(report, "seasons   1 ended with the standings of their rounds") {
		t.Errorf("the audit says\n%s", report)
	}
}
