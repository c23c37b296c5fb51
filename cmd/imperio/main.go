// Command imperio is a casino in one file. Each verb has its own file; 'imperio VERB --help' explains it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"

	"imperio/appliance"
	"imperio/appliance/config"
)

// commands are the verbs.
type commands struct {
	Help helpFlag `name:"help" short:"h" help:"Show what a verb does and its flags."`

	Serve   serveCommand   `cmd:"" help:"Run the casino."`
	Health  healthCommand  `cmd:"" help:"Print a running node's health; the exit code is 0 if it is ready."`
	Bench   benchCommand   `cmd:"" help:"Play with many players against a running node, measure its speed, and compare every answer with its books."`
	Account accountCommand `cmd:"" help:"Manage accounts, through the running server or on the data directory."`
	Audit   auditCommand   `cmd:"" help:"Audit the books: every balance, the history, and every round, recomputed."`
	Config  configCommand  `cmd:"" help:"Print the configuration in force and the source of each value."`
	Fair    fairCommand    `cmd:"" help:"Recompute rounds from their seeds, offline, or write random words."`
	TLS     tlsCommand     `cmd:"" name:"tls" help:"Print the root certificate of tls=internal, or delete all stored certificates."`
	Odds    oddsCommand    `cmd:"" help:"Print the mathematics of a game: return, house edge, best play."`
	Version versionCommand `cmd:"" help:"Print the versions of the program and of the rules that it knows."`
}

// environment is what a verb may use of its process.
type environment struct {
	// Ctx ends when the process is asked to stop (SIGINT, SIGTERM). A second signal ends the process at once.
	Ctx            context.Context
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Environ        []string // NAME=value

	flags keyFlags // values from the command line
}

// The exit codes.
const (
	exitFailed = 1 // the verb failed, or found something wrong
	exitUsage  = 2 // the command line or the configuration makes no sense: trying again can't help
)

// heapGrowth is GOGC unless the environment sets it. A casino's heap is small, and collecting garbage less often leaves the
// processors to bets.
const heapGrowth = 400

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
	limitHeap(appliance.PlanMemory(0).Heap) // a large casino should not keep four times as much garbage as live data
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal has its usual effect
	code := run(os.Args[1:], &environment{
		Ctx:     ctx,
		Stdin:   os.Stdin,
		Stdout:  os.Stdout,
		Stderr:  os.Stderr,
		Environ: os.Environ(),
	})
	stop()
	os.Exit(code)
}

// limitHeap sets GOMEMLIMIT unless the environment sets it.
func limitHeap(bytes int64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(bytes)
	}
}

// run executes the command line and returns the exit code.
func run(args []string, env *environment) int {
	parser, err := kong.New(&commands{},
		kong.Name("imperio"),
		kong.Description("A casino in one file, for play-money coins."),
		kong.NoDefaultHelp(),
		kong.Writers(env.Stdout, env.Stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.ValueFormatter(formatFlagHelp),
	)
	if err != nil {
		fmt.Fprintln(env.Stderr, "imperio:", err)
		return exitFailed
	}
	env.flags = make(keyFlags)
	env.flags.take(parser.Model.Node)
	chosen, err := parser.Parse(numbersLast(args))
	switch {
	case errors.Is(err, errHelpShown):
		return 0
	case err != nil:
		fmt.Fprintf(env.Stderr, "imperio: %v\nSee 'imperio --help', or 'imperio VERB --help'.\n", err)
		return exitUsage
	}
	err = chosen.Run(env)
	var usage *usageError
	var problems config.Problems
	switch {
	case errors.As(err, &usage), errors.As(err, &problems):
		fmt.Fprintln(env.Stderr, "imperio:", err)
		return exitUsage
	case err != nil:
		fmt.Fprintln(env.Stderr, "imperio:", err)
		return exitFailed
	}
	return 0
}

// usageError is a command line that parses but makes no sense.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// helpFlag prints the help of the verb before it, and ends parsing.
type helpFlag bool

var errHelpShown = errors.New("help was shown")

// BeforeReset is called by kong when the flag is seen.
func (helpFlag) BeforeReset(ctx *kong.Context) error {
	if err := ctx.PrintUsage(false); err != nil {
		return err
	}
	if err := printNeighbours(ctx.Stdout, ctx.Selected()); err != nil {
		return err
	}
	return errHelpShown
}

// printNeighbours lists the verbs beside a default verb, since its help doesn't.
func printNeighbours(w io.Writer, verb *kong.Node) error {
	if verb == nil || verb.Parent == nil || verb.Parent.DefaultCmd != verb {
		return nil
	}
	for _, neighbour := range verb.Parent.Children {
		if neighbour == verb || neighbour.Hidden {
			continue
		}
		if _, err := fmt.Fprintf(w, "\nSee also: %s --help\n  %s\n", neighbour.FullPath(), neighbour.Help); err != nil {
			return err
		}
	}
	return nil
}
