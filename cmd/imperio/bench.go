package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"imperio/appliance/bench"
)

type benchCommand struct {
	Play     benchPlayCommand     `cmd:"" default:"withargs" help:"Play with many players against a running node, measure it, and check each answer against its books."`
	Campaign benchCampaignCommand `cmd:"" help:"Measure what the casino promises, with casinos of its own of up to a million accounts, and print a report in Markdown."`
	Populate benchPopulateCommand `cmd:"" help:"Make a casino with many signed-in players to measure with."`
	Bare     benchBareCommand     `cmd:"" name:"bare-server" hidden:"" help:"Serve the bare handler of --baseline; started by bench itself."`
}

type benchPlayCommand struct {
	Node        nodeFlags     `embed:""`
	Connections int           `default:"64" help:"Connections that are kept alive and play at the same time."`
	Client      bench.Client  `enum:"lean,net/http" default:"lean" help:"HTTP client of the players, against casino and bare handler alike: lean takes the least of the machine, net/http is Go's ordinary one."`
	Players     int           `help:"Players who take part. The default is one for each connection, or one for each token."`
	Duration    time.Duration `default:"10s" help:"How long to measure."`
	Tokens      string        `placeholder:"FILE" help:"File with a session token in each line, for players that exist already. Without it, new accounts are opened."`
	Mix         bench.Mix     `placeholder:"GAMES" help:"Games with their shares, such as slots=2,roulette=1. The default is all three in equal shares; with --baseline slots=1, since the ratio is that of a spin of the slots."`
	Stake       int64         `default:"2" help:"Stake of each round, in coins."`
	Keys        bool          `name:"idempotency-keys" default:"true" negatable:"" help:"Send an Idempotency-Key with each bet, and ask again under the same key when an answer is lost."`
	Baseline    bool          `help:"Also measure a bare HTTP handler in the same run, in turns with the casino, and print the ratio."`
	Start       bool          `help:"Start a casino on this machine for this run, without limits and with TLS, and audit its books at the end."`
	Data        string        `placeholder:"DIR" help:"Data directory for --start. The default is a temporary one, removed at the end."`
	JSON        bool          `name:"json" help:"Print the report as JSON."`
}

// Run plays, prints the report, and fails if the casino broke a promise.
func (c *benchPlayCommand) Run(env *environment) (err error) {
	options := bench.Options{
		Connections: c.Connections, Client: c.Client, Players: c.Players, Duration: c.Duration, Mix: c.Mix, Stake: c.Stake,
		WithoutKeys: !c.Keys, Progress: env.Stderr,
	}
	if c.Tokens != "" {
		if options.Tokens, err = readTokens(c.Tokens); err != nil {
			return err
		}
	}
	if c.Baseline {
		options.StartBare = startBare
	}
	if options.Mix == (bench.Mix{}) {
		options.Mix = bench.Mix{Slots: 1}
		if !c.Baseline {
			options.Mix = bench.Mix{Slots: 1, Roulette: 1, Blackjack: 1}
		}
	}
	if err := options.Validate(); err != nil {
		return usagef("%v", err)
	}
	if c.Start {
		if c.Node.URL != "" {
			return usagef("give --url for a casino that runs, or --start for one of its own, not both")
		}
		return c.runWithOwnCasino(env, options)
	}
	if c.Data != "" {
		return usagef("--data is the data directory of a casino that --start starts: give both")
	}
	if options.URL, options.TLS, err = c.Node.node(env); err != nil {
		return err
	}
	return c.measure(env, options)
}

func (c *benchPlayCommand) measure(env *environment, options bench.Options) error {
	report, err := bench.Run(env.Ctx, options)
	if err != nil {
		return err
	}
	if c.JSON {
		err = json.MarshalWrite(env.Stdout, report, jsontext.Multiline(true))
		fmt.Fprintln(env.Stdout)
	} else {
		err = report.Print(env.Stdout)
	}
	if !report.Proven() {
		err = errors.Join(err, errors.New("the casino did not keep its promises; see the report"))
	}
	return err
}

// readTokens reads a file with a token in each line.
func readTokens(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the tokens: %w", err)
	}
	tokens := strings.Fields(string(text))
	if len(tokens) == 0 {
		return nil, fmt.Errorf("%s holds no token: write one into each line", path)
	}
	return tokens, nil
}

// benchBareCommand serves the bare handler in a process of its own, as the casino is in one of its own. Standard input
// brings the answer to give, in base64 on one line, and its end is the signal to stop; so the process never outlives
// the one that started it.
type benchBareCommand struct {
	TLS bool `name:"tls" help:"Speak TLS, with a certificate made for this run."`
}

// Run serves until standard input ends.
func (c *benchBareCommand) Run(env *environment) error {
	input := bufio.NewReader(env.Stdin)
	line, err := input.ReadString('\n')
	if err != nil {
		return usagef("the answer to give is read from standard input, in base64 on one line")
	}
	body, err := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
	if err != nil {
		return usagef("the answer on standard input is not in base64: %v", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(env.Ctx)
	served := make(chan error, 1)
	go func() { served <- bench.ServeBare(ctx, listener, c.TLS, body) }()
	_, printErr := fmt.Fprintf(env.Stdout, "%s\n", listener.Addr())
	_, readErr := io.Copy(io.Discard, input)
	stop()
	return errors.Join(<-served, printErr, readErr)
}
