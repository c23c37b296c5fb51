package endtoend

import (
	"bufio"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	_ "modernc.org/sqlite"
)

const sampleData = "../../../storage/importer/testdata/"

// outcome is what 'imperio import --json' prints.
type outcome struct {
	Import struct {
		Users           int64
		Imported        int64
		AlreadyImported int64 `json:"already_imported"`
		Coins, Stakes   int64
	}
	Comparison struct {
		Equal, Differs int64
		SourceCoins    int64 `json:"source_coins"`
		CasinoCoins    int64 `json:"casino_coins"`
	}
}

// moveIn runs an import and returns what it tells, and its exit code.
func (p *process) moveIn(t *testing.T, from string, args ...string) (told outcome, stderr string, code int) {
	t.Helper()
	var out, errs strings.Builder
	c := exec.Command(p.path, append([]string{"import", "imperiocasino", "--from", from, "--data-dir", p.dir, "--json"}, args...)...)
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if out.Len() > 0 {
		if err := json.Unmarshal([]byte(out.String()), &told); err != nil {
			t.Fatalf("%v: %s", err, out.String())
		}
	}
	return told, errs.String(), code
}

// Whatever characters a password has: it signs in as it did there, and again when its hash has become bcrypt.
func TestImport_AllPlayersOfTheSampleSignIn(t *testing.T) {
	p := newProcess(t)
	p.start(t)
	told, stderr, code := p.moveIn(t, "sqlite:"+sampleData+"imperiocasino.db", "--verify")
	if code != 0 || told.Import.Imported != 20 || told.Comparison.Equal != 20 || told.Import.Stakes != 95 {
		t.Fatalf("exit code %d: %s\n%+v", code, stderr, told)
	}
	text, err := os.ReadFile(sampleData + "imperiocasino.passwords.txt")
	if err != nil {
		t.Fatal(err)
	}
	stakes := map[string]int64{"greta": 20, "hugo": 15, "jonas": 60}
	players := 0
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(strings.TrimSpace(line), "\t")
		name, email, password := fields[1], fields[2], fields[4]
		coins, err := strconv.ParseInt(fields[3], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		players++
		logins := []string{name}
		if players%7 == 1 { // some of each kind of hash; checking one is slow by design
			logins = append(logins, strings.ToUpper(email))
			wrong := &player{casino: p}
			if status, _, _ := wrong.call(t.Context(), "POST", "/api/v1/sessions", fmt.Sprintf(`{"login":%q,"password":"wrong horse"}`, name), ""); status != http.StatusUnauthorized {
				t.Errorf("%s: a wrong password gets %d", name, status)
			}
		}
		for _, login := range logins {
			who := &player{casino: p}
			status, answer, err := who.call(t.Context(), "POST", "/api/v1/sessions", fmt.Sprintf(`{"login":%q,"password":%s}`, login, password), "")
			var in struct{ Account struct{ Coins int64 } }
			if err != nil || status != http.StatusCreated || json.Unmarshal(answer, &in) != nil || in.Account.Coins != coins+stakes[name] {
				t.Errorf("%s: %v %d %s, want %d coins", login, err, status, answer, coins+stakes[name])
			}
		}
	}
	if players != 20 {
		t.Errorf("only %d players were tried", players)
	}
	// The accounts are used now. That is no difference.
	if told, stderr, code = p.moveIn(t, "sqlite:"+sampleData+"imperiocasino.db", "--dry-run", "--verify"); code != 0 || told.Comparison.Differs != 0 {
		t.Errorf("exit code %d: %s\n%+v", code, stderr, told)
	}
	p.stop(t)
	p.audit(t)
}

// olderCasino is a database with many users, each with an open game of 3 coins.
func olderCasino(t *testing.T, users int) (path string, coins int64) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "app.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, err = db.Exec(fmt.Sprintf(`CREATE TABLE users (id INTEGER PRIMARY KEY, username VARCHAR(64) UNIQUE, email VARCHAR(120) UNIQUE, password VARCHAR(128), coins INTEGER NOT NULL);
		CREATE TABLE blackjack_game_state (id INTEGER PRIMARY KEY, user_id INTEGER, deck BLOB, current_wager INTEGER, game_over BOOLEAN, double_down BOOLEAN, split BOOLEAN, dealer_value INTEGER);
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		INSERT INTO users SELECT i, 'user' || i, 'user' || i || '@example.com', 'pbkdf2:sha1:1000$eyWn9DShVzXtHLrZ$b831252161ae5224f9f994d20bf5f417b2305292', i FROM n;
		INSERT INTO blackjack_game_state SELECT id, id, x'80059580', 3, 0, 0, 0, NULL FROM users;`, users))
	if err != nil {
		t.Fatal(err)
	}
	return path, int64(users) * int64(users+1) / 2
}

// importUntil runs an import until it has told of a progress, and then does something. It returns what the import told afterwards.
func (p *process) importUntil(t *testing.T, from, progress string, then func(*exec.Cmd)) string {
	t.Helper()
	c := exec.Command(p.path, "import", "imperiocasino", "--from", from, "--data-dir", p.dir)
	stderr, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var after strings.Builder
	lines, seen := bufio.NewScanner(stderr), false
	for lines.Scan() {
		if after.WriteString(lines.Text() + "\n"); !seen && strings.HasPrefix(lines.Text(), progress) {
			seen = true
			then(c)
		}
	}
	if err := c.Wait(); err == nil || !seen {
		t.Errorf("the import ended before %q: %v\n%s", progress, err, after.String())
	}
	return after.String()
}

func TestImport_SurvivesKills(t *testing.T) {
	const users = 10_000
	p := newProcess(t)
	p.start(t)
	path, coins := olderCasino(t, users)
	from := "sqlite:" + path

	// The verb is killed, then interrupted, then the casino is killed.
	p.importUntil(t, from, "importing: 20 %", func(c *exec.Cmd) { c.Process.Kill() })
	told := p.importUntil(t, from, "importing: 40 %", func(c *exec.Cmd) { c.Process.Signal(os.Interrupt) })
	if !strings.Contains(told, "interrupted. ") || !strings.Contains(told, "Run the same command again to go on") {
		t.Errorf("an interrupted import says: %s", told)
	}
	told = p.importUntil(t, from, "importing: 60 %", func(*exec.Cmd) { p.kill(t) })
	if !strings.Contains(told, "Run the same command again to go on") {
		t.Errorf("an import without a casino says: %s", told)
	}
	p.start(t)
	last, stderr, code := p.moveIn(t, from, "--verify")
	if code != 0 || last.Import.Imported == 0 || last.Import.AlreadyImported < users*6/10 || last.Import.Users != users ||
		last.Comparison.Equal != users || last.Comparison.SourceCoins != coins || last.Comparison.CasinoCoins != coins {
		t.Errorf("exit code %d: %s\n%+v", code, stderr, last)
	}
	p.stop(t)
	p.audit(t)
	// The same on the data directory of a casino that is stopped.
	if again, stderr, code := p.moveIn(t, from, "--verify"); code != 0 || again.Import.Imported != 0 || again.Comparison.Equal != users {
		t.Errorf("exit code %d: %s\n%+v", code, stderr, again)
	}
}
