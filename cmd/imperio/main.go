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
	"imperio/appliance/terminal"
)

// commands are the verbs.
type commands struct {
	Help        helpFlag    `name:"help" short:"h" help:"Show what a verb does and its flags."`
	ShowVersion versionFlag `name:"version" hidden:"" help:"Print the versions of the program and of the rules that it knows."`

	Serve      serveCommand      `cmd:"" help:"Run the casino."`
	Install    installCommand    `cmd:"" help:"Install the casino on this machine as a service, and start it; or complete that."`
	Uninstall  uninstallCommand  `cmd:"" help:"Stop the service and remove it. The data stay."`
	Reload     reloadCommand     `cmd:"" help:"Let the running casino read its configuration again."`
	Health     healthCommand     `cmd:"" help:"Print a running node's health; the exit code is 0 if it is ready."`
	Cluster    clusterCommand    `cmd:"" help:"Show and change the members of the casino's cluster."`
	Restart    restartCommand    `cmd:"" help:"Restart the running casino without refusing a request."`
	Account    accountCommand    `cmd:"" help:"Manage accounts, through the running server or on the data directory."`
	Invite     inviteCommand     `cmd:"" help:"Make and manage invitations, where people need one to sign up."`
	Season     seasonCommand     `cmd:"" help:"End the running season early."`
	History    historyCommand    `cmd:"" help:"Print what happened, who did it, and why."`
	Import     importCommand     `cmd:"" help:"Move in: open accounts for the players of another casino."`
	Backup     backupCommand     `cmd:"" help:"Make, show, prove and restore backups."`
	Mirror     mirrorCommand     `cmd:"" help:"Show and rebuild the mirror in PostgreSQL."`
	Audit      auditCommand      `cmd:"" help:"Audit the books: every balance, the history, and every round, recomputed."`
	Export     exportCommand     `cmd:"" help:"Write accounts, transfers or rounds for other programs, or all accounts for the older system."`
	Fair       fairCommand       `cmd:"" help:"Recompute rounds from their seeds, offline, or write random words."`
	Odds       oddsCommand       `cmd:"" help:"Print the mathematics of a game: return, house edge, best play."`
	Upgrade    upgradeCommand    `cmd:"" help:"Upgrade the running casino to another version, and go back if that does not prove itself."`
	Config     configCommand     `cmd:"" help:"Print the configuration in force and the source of each value."`
	Notify     notifyCommand     `cmd:"" help:"Send a test message to those whom the casino tells when something happens."`
	TLS        tlsCommand        `cmd:"" name:"tls" help:"Print the root certificate of tls=internal, or delete all stored certificates."`
	Bench      benchCommand      `cmd:"" help:"Play with many players against a running node, measure its speed, and compare every answer with its books."`
	Completion completionCommand `cmd:"" help:"Print the completion of verbs and flags for a shell."`
	Man        manCommand        `cmd:"" hidden:"" help:"Print the manual page."`
	Version    versionCommand    `cmd:"" help:"Print the versions of the program and of the rules that it knows."`
	HelpVerb   helpCommand       `cmd:"" name:"help" help:"Show what a verb does and its flags."`
}

// environment is what a verb may use of its process.
type environment struct {
	// Ctx ends when the process is asked to stop (SIGINT, SIGTERM). A second signal ends the process at once.
	Ctx            context.Context
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Environ        []string // NAME=value

	flags  keyFlags   // values from the command line
	parser *kong.Kong // of the command line
}

// The exit codes, besides 0. The help names them.
const (
	exitFailed = 1 // the verb failed, or found something wrong
	exitUsage  = 2 // the command line or the configuration makes no sense: trying again can't help
	exitLook   = 3 // the verb is done, and left something for somebody to look at
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
	output := terminal.NewOutput(env.Stdout)
	env.Stdout = output
	err := execute(args, env)
	// A verb may ignore failed writes. They count here, for all verbs.
	if failed := output.Err(); failed != nil {
		err = failed
	}
	if err == nil {
		return 0
	}
	fmt.Fprintln(env.Stderr, "imperio:", err)
	_, usage := errors.AsType[*usageError](err)
	_, mistakes := errors.AsType[config.Problems](err)
	_, unwanted := errors.AsType[*appliance.UnwantedSocketsError](err)
	if usage || mistakes || unwanted {
		return exitUsage
	}
	if _, look := errors.AsType[*attentionError](err); look {
		return exitLook
	}
	return exitFailed
}

func execute(args []string, env *environment) error {
	parser, err := newParser(env)
	if err != nil {
		return err
	}
	env.parser, env.flags = parser, make(keyFlags)
	env.flags.take(parser.Model.Node)
	chosen, err := parser.Parse(numbersLast(helpLast(args)))
	switch {
	case errors.Is(err, errAnswered):
		return nil
	case err != nil:
		return usagef("%v\nSee 'imperio help', or 'imperio help VERB'.", err)
	}
	return chosen.Run(env)
}

func newParser(env *environment) (*kong.Kong, error) {
	return kong.New(&commands{},
		kong.Name("imperio"),
		kong.Description("A casino in one file, for play-money coins."),
		kong.NoDefaultHelp(),
		kong.Writers(env.Stdout, env.Stderr),
		kong.Bind(env),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.ValueFormatter(formatFlagHelp),
	)
}

// usageError is a command line that parses but makes no sense.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}
