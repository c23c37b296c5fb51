package main

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/alecthomas/kong"
)

// errAnswered ends parsing: a flag such as --help has answered.
var errAnswered = errors.New("a flag has answered")

// helpLast turns "help VERB" into "VERB --help", and no verb at all into "--help".
func helpLast(args []string) []string {
	if len(args) == 0 {
		return []string{"--help"}
	}
	if args[0] == "help" && !slices.Contains(args, "--help") {
		return append(slices.Clone(args[1:]), "--help")
	}
	return args
}

// helpCommand is the verb "help". helpLast turns it into the flag --help.
type helpCommand struct {
	Verb []string `arg:"" optional:"" help:"The verb to explain."`
}

// Help explains the verb.
func (helpCommand) Help() string {
	return `'imperio help VERB' prints the same as 'imperio VERB --help'.

Examples:

  imperio help
  imperio help account grant`
}

// helpFlag prints the help of the verb before it, and ends parsing.
type helpFlag bool

// BeforeReset is called by kong when the flag is seen.
func (helpFlag) BeforeReset(ctx *kong.Context) error {
	if err := ctx.PrintUsage(false); err != nil {
		return err
	}
	verb := ctx.Selected()
	if err := printNeighbours(ctx.Stdout, verb); err != nil {
		return err
	}
	if verb == nil {
		if _, err := io.WriteString(ctx.Stdout, exitCodes); err != nil {
			return err
		}
	}
	return errAnswered
}

// exitCodes ends the help of the program.
const exitCodes = `
Exit codes: 0 done, 1 failed or found something wrong, 2 the command line makes no sense, 3 done, but something is left for you to look at.
`

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

// versionFlag prints what the verb "version" prints, and ends parsing.
type versionFlag bool

// BeforeReset is called by kong when the flag is seen.
func (versionFlag) BeforeReset(env *environment) error {
	if err := new(versionCommand).Run(env); err != nil {
		return err
	}
	return errAnswered
}
