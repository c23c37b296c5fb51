package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var zeroSeed = strings.Repeat("0", 64)

func TestFair_ShowsEveryStep(t *testing.T) {
	stdout, stderr, code := invoke(t, nil, "fair", "--rules", "slots/2", "--server-seed", zeroSeed, "--client-seed", "default:1",
		"--nonce", "0", "--stake", "10")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	for _, part := range []string{
		"66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925",
		"block 0, word 0   2cb8173ae072662e   uniform(16) = 14",
		"reel 0: 15 + 14 = stop 29, lemon",
		"staked 10 coins, paid",
	} {
		if !strings.Contains(stdout, part) {
			t.Errorf("%q is missing in:\n%s", part, stdout)
		}
	}
}

// round is a round as the API returns it, with the zero seed.
func round(t *testing.T, change func(map[string]any)) string {
	t.Helper()
	fields := map[string]any{
		"id": "12", "game": "slots", "rules": "slots/2", "opened_at": "2026-11-23T21:00:00.000Z", "settled_at": "2026-11-23T21:00:00.000Z",
		"settled": true, "stake": 10, "staked": 10, "payout": 0, "nonce": 0, "pair": 1, "client_seed": "default:1", "server_seed": zeroSeed,
		"commitment": "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925",
		"outcome":    map[string]any{"stops": []int{29, 29, 15}, "symbols": []string{"lemon", "apple", "lemon"}, "multiplier": 0},
	}
	if change != nil {
		change(fields)
	}
	data, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "round.json")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestFair_HoldsARoundAgainstWhatTheHouseSaid(t *testing.T) {
	stdout, stderr, code := invoke(t, nil, "fair", "--round", round(t, nil))
	if code != 0 || !strings.Contains(stdout, "The round is what the house said: commitment, settled, staked, payout, outcome agree.") {
		t.Errorf("exit code %d, %s%s", code, stdout, stderr)
	}
	for name, change := range map[string]func(map[string]any){
		"payout":           func(r map[string]any) { r["payout"] = 20 },
		"commitment":       func(r map[string]any) { r["commitment"] = strings.Repeat("a", 64) },
		"outcome.stops[1]": func(r map[string]any) { r["outcome"].(map[string]any)["stops"] = []int{29, 28, 15} },
	} {
		stdout, stderr, code := invoke(t, nil, "fair", "--round", round(t, change))
		if code != 1 || !strings.Contains(stdout, name+": the house said") {
			t.Errorf("%s: exit code %d, %s%s", name, code, stdout, stderr)
		}
	}
}

func TestFair_JSON(t *testing.T) {
	stdout, stderr, code := invoke(t, nil, "fair", "--json", "--rules", "roulette/1", "--server-seed", zeroSeed, "--client-seed", "a",
		"--nonce", "3", "--bets", `[{"type":"red","amount":5},{"type":"split","numbers":[1,2],"amount":2}]`)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	var proof struct {
		Words  []struct{ Word string }
		Staked int
	}
	if err := json.Unmarshal([]byte(stdout), &proof); err != nil || len(proof.Words) == 0 || proof.Staked != 7 {
		t.Errorf("%v in %s", err, stdout)
	}
}

func TestFair_SaysWhatIsWrong(t *testing.T) {
	full := []string{"fair", "--rules", "blackjack/1", "--server-seed", zeroSeed, "--client-seed", "a", "--nonce", "3", "--stake", "10"}
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"nothing":           {[]string{"fair"}, 2, "give --round FILE, or --rules"},
		"no stake":          {full[:9], 2, "--stake or for roulette --bets"},
		"a bad seed":        {append(full[:3:3], "--server-seed", "abc", "--client-seed", "a", "--nonce", "3", "--stake", "10"), 1, "64 hexadecimal digits"},
		"an unknown action": {append(full[:len(full):len(full)], "--actions", "dance"), 1, "There is no such action"},
		"no file":           {[]string{"fair", "--round", "/does/not/exist"}, 1, "open the round"},
		"unknown rules":     {append([]string{"fair", "--rules", "slots/9"}, full[3:]...), 1, "slots/1, slots/2, roulette/1"},
		"bad bets":          {append(full[:9:9], "--bets", "red"), 2, "--bets is not a JSON list"},
		"not revealed":      {[]string{"fair", "--round", round(t, func(r map[string]any) { r["server_seed"] = nil })}, 1, "no server_seed, since it is not revealed yet: rotate your seeds"},
		"no round":          {[]string{"fair", "--round", "-"}, 1, "not the JSON of a round"},
		"one coin":          {append(full[:9:9], "--stake", "1"), 1, "The stake is 1 coin; it must be from 2"},
	} {
		_, stderr, code := invoke(t, nil, c.args...)
		if code != c.code || !strings.Contains(stderr, c.says) {
			t.Errorf("%s: exit code %d: %s", name, code, stderr)
		}
	}
}

// Missing input is named, and never taken for 0 or empty: that would compute another round and accuse the house.
func TestFair_NamesWhatARoundLacks(t *testing.T) {
	roulette := func(r map[string]any) {
		r["rules"], r["bets"] = "roulette/1", []map[string]any{{"type": "red", "amount": 10}}
	}
	open := func(r map[string]any) { r["rules"], r["client_seed"], r["nonce"] = "blackjack/1", "lucky seed", 4 } // not settled without an action
	for field, c := range map[string]struct {
		of   func(map[string]any)
		flag string
	}{
		"rules": {nil, "--rules"}, "server_seed": {nil, "--server-seed"}, "client_seed": {nil, "--client-seed"}, "nonce": {nil, "--nonce"},
		"stake": {nil, "--stake"}, "bets": {roulette, "--bets"}, "actions": {open, "--actions"},
	} {
		for what, change := range map[string]func(map[string]any){
			"missing": func(r map[string]any) { delete(r, field) },
			"null":    func(r map[string]any) { r[field] = nil },
		} {
			file := round(t, func(r map[string]any) {
				if c.of != nil {
					c.of(r)
				}
				change(r)
			})
			stdout, stderr, code := invoke(t, nil, "fair", "--round", file)
			if code != 1 || stdout != "" || !strings.Contains(stderr, "the round has no "+field) || !strings.Contains(stderr, c.flag) {
				t.Errorf("%s is %s: exit code %d: %s%s", field, what, code, stdout, stderr)
			}
		}
	}
	// A flag supplies what the file lacks.
	file := round(t, func(r map[string]any) { delete(r, "nonce") })
	if stdout, stderr, code := invoke(t, nil, "fair", "--round", file, "--nonce", "0"); code != 0 {
		t.Errorf("with --nonce: exit code %d: %s%s", code, stdout, stderr)
	}
}

func TestFairStream_WritesRawWords(t *testing.T) {
	stdout, _, code := invoke(t, nil, "fair", "stream", "--server-seed", zeroSeed, "--client-seed", "default:1", "--words", "1000")
	if code != 0 || len(stdout) != 8000 || !strings.HasPrefix(stdout, "\x2c\xb8\x17\x3a\xe0\x72\x66\x2e") {
		t.Errorf("exit code %d, %d bytes, first % x", code, len(stdout), stdout[:8])
	}
	_, stderr, code := invoke(t, nil, "fair", "stream", "--words", "1")
	if code != 0 || !strings.HasPrefix(stderr, "server seed ") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

func TestOdds_PrintsTheMathematics(t *testing.T) {
	for _, c := range []struct {
		args  []string
		parts []string
	}{
		{[]string{"odds", "slots"}, []string{"Cherry Charm (slots/1)", "411/256", "Cherry Charm (slots/2)", "31/32", "96.8750 %"}},
		{[]string{"odds", "slots/2"}, []string{"13983/1024", "3.695304"}},
		{[]string{"odds", "roulette"}, []string{"roulette/1", "36/37", "73/74", "six_line", "hit frequency", "19/37", "51.3514 %", "variance", "46656/1369", "1341/1369"}},
	} {
		stdout, stderr, code := invoke(t, nil, c.args...)
		if code != 0 {
			t.Errorf("%v: exit code %d: %s", c.args, code, stderr)
		}
		for _, part := range c.parts {
			if !strings.Contains(stdout, part) {
				t.Errorf("%v: %q is missing in:\n%s", c.args, part, stdout)
			}
		}
	}
	if _, stderr, code := invoke(t, nil, "odds", "poker"); code != 1 || !strings.Contains(stderr, "give slots, roulette, blackjack") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

func TestOdds_StopsWhenTheProcessIsAskedTo(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out, errs bytes.Buffer
	code := run([]string{"odds", "blackjack"}, &environment{Ctx: ctx, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs})
	if code != 1 || !strings.Contains(errs.String(), "context canceled") {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
}
