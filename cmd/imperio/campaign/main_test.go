package campaign

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"imperio/storage/storagetest/postgrestest"
)

// options say what to measure, with what sizes. The flags set them.
type options struct {
	binary string // of the program to measure; "": one is built
	dir    string // for the casinos; "": the system's temporary directory
	report string // file for a copy of the report; "": none
	only   string // steps, separated by commas; "": all

	few, some, many  int // accounts of the small, the middle and the large casino
	rounds           int // in the large casino when it is made
	playing          int // largest number of accounts of a casino that play
	connections      int
	duration         time.Duration // of play for each ratio and for the mix of games
	turns            int
	turn             time.Duration
	idle             time.Duration               // before memory is read
	restarts         int                         // of each kind, under load
	kills            int                         // of a cluster's leader
	keys, keyPlayers int                         // used idempotency keys, and players who used them
	movers           int                         // users of an older casino, who move in
	within           time.Duration               // everything together
	patience         time.Duration               // of a player, for when the campaign is interrupted and its casinos have stopped
	postgres         func() *postgrestest.Server // nil: there is none
	quick            bool                        // the sizes are tiny, and the figures mean nothing
	t                testing.TB                  // starts PostgreSQL; nil: nothing is measured with it
}

// The promised sizes, and tiny ones whose figures mean nothing.
var (
	full = options{
		few: 10_000, some: 100_000, many: 1_000_000, playing: 100_000, connections: 64, duration: 20 * time.Second,
		turns: 5, turn: 5 * time.Second, idle: 5 * time.Second, keys: 2_000_000, keyPlayers: 64, within: 25 * time.Minute,
		patience: 3 * time.Second, restarts: 5, kills: 50, movers: 1_000_000,
	}
	tiny = options{
		few: 20, some: 40, many: 80, playing: 40, connections: 4, duration: 500 * time.Millisecond,
		turns: 2, turn: 200 * time.Millisecond, idle: 100 * time.Millisecond, keys: 1000, keyPlayers: 4, within: 10 * time.Minute, patience: 3 * time.Second, rounds: 100, restarts: 1, kills: 1, movers: 400, quick: true,
	}
)

func (o *options) register(flags *flag.FlagSet) {
	flags.StringVar(&o.binary, "binary", o.binary, "the `FILE` of the program to measure; without it, one is built")
	flags.StringVar(&o.dir, "dir", o.dir, "make the casinos in `DIR`, which needs about 4 GB on the kind of disk to be measured")
	flags.StringVar(&o.report, "report", o.report, "also write the report to `FILE`")
	flags.StringVar(&o.only, "only", o.only, "run only these `STEPS`, separated by commas: "+stepNames())
	flags.IntVar(&o.few, "few", o.few, "accounts of the small casino")
	flags.IntVar(&o.some, "some", o.some, "accounts of the middle casino")
	flags.IntVar(&o.many, "many", o.many, "accounts of the large casino")
	flags.IntVar(&o.rounds, "rounds", o.rounds, "rounds of slots that the large casino has when it is made")
	flags.IntVar(&o.playing, "playing", o.playing, "the largest number of accounts of a casino that play; they are spread evenly over all")
	flags.IntVar(&o.connections, "connections", o.connections, "kept-alive connections that play at the same time")
	flags.DurationVar(&o.duration, "duration", o.duration, "how long to play for each ratio to the bare handler, and for the mix of games")
	flags.IntVar(&o.turns, "turns", o.turns, "turns of each side of a comparison")
	flags.DurationVar(&o.turn, "turn", o.turn, "how long a turn is")
	flags.IntVar(&o.restarts, "restarts", o.restarts, "restarts of each kind, under load")
	flags.IntVar(&o.kills, "kills", o.kills, "kills of a cluster's leader in the step failover")
	flags.DurationVar(&o.idle, "idle", o.idle, "how long a casino idles before its memory is read")
	flags.IntVar(&o.keys, "keys", o.keys, "used idempotency keys in the step keys")
	flags.IntVar(&o.keyPlayers, "key-players", o.keyPlayers, "players who used them")
	flags.IntVar(&o.movers, "movers", o.movers, "users who move in from an older casino, a multiple of 20, in the step import")
	flags.DurationVar(&o.within, "within", o.within, "the longest time for everything; then the campaign ends without a result")
}

// validate refuses options that make no sense.
func (o *options) validate() error {
	if least := min(o.few, o.some, o.many, o.playing, o.connections, o.keyPlayers, o.turns, o.restarts, o.kills); least < 1 || o.rounds < 0 || o.keys < o.keyPlayers || o.movers < 40 || o.movers%20 != 0 {
		return fmt.Errorf("accounts, players, connections, turns, restarts and kills must be 1 or more, rounds 0 or more, movers 40 or another multiple of 20, and each key player must have used a key")
	}
	if o.turn < 100*time.Millisecond || o.duration < 500*time.Millisecond || o.idle < 0 {
		return fmt.Errorf("a turn must be 100ms or longer, and the duration 500ms or longer")
	}
	for _, name := range o.steps() {
		if !strings.Contains(" "+stepNames()+" ", " "+name+" ") {
			return fmt.Errorf("there is no step %q, but: %s", name, stepNames())
		}
	}
	return nil
}

// steps are the names of the requested steps; none: all.
func (o *options) steps() []string {
	return strings.FieldsFunc(o.only, func(r rune) bool { return r == ',' || r == ' ' })
}

// chosen are the options for TestCampaign.
var chosen options

func TestMain(m *testing.M) {
	quick := flag.Bool("quick", true, "tiny sizes: shows that the campaign works; its figures mean nothing")
	large := full
	large.register(flag.CommandLine)
	flag.Parse()
	chosen = large
	if *quick {
		small := flag.NewFlagSet("", flag.PanicOnError)
		chosen = tiny
		chosen.register(small)
		flag.Visit(func(given *flag.Flag) { // given flags also override the tiny sizes
			if small.Lookup(given.Name) != nil {
				small.Set(given.Name, given.Value.String())
			}
		})
	}
	code := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(code)
}

// built is the directory that binary has made; TestMain removes it.
var built string

// binary is the program to measure.
var binary = sync.OnceValues(func() (string, error) {
	if chosen.binary != "" {
		return chosen.binary, nil
	}
	dir, err := os.MkdirTemp("", "imperio-binary-")
	if err != nil {
		return "", err
	}
	built = dir
	path := filepath.Join(dir, "imperio")
	if out, err := exec.Command("go", "build", "-o", path, "imperio/cmd/imperio").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})
