package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"imperio/appliance/config"
)

// manCommand is the verb "man": the manual page, in the form that man reads, from the same source as the help.
type manCommand struct{}

// Help explains the verb.
func (manCommand) Help() string {
	return `Examples:

  imperio man > imperio.1
  imperio man | man -l -`
}

// Run prints the page.
func (manCommand) Run(env *environment) error {
	p := &manual{}
	p.request(".TH IMPERIO 1 \"\" \"imperio %s\"", thisBuild().version)
	p.request(".SH NAME")
	p.text("imperio - a casino in one file, for play-money coins")
	p.request(".SH SYNOPSIS")
	p.text("imperio VERB [flags]")
	p.request(".SH DESCRIPTION")
	p.text("Imperio serves slots, roulette and blackjack for coins that are never bought, sold or paid out. Each verb explains itself with --help.")
	p.request(".SH VERBS")
	p.verbs(env.parser.Model.Node)
	p.request(".SH CONFIGURATION")
	p.text("The flags of imperio serve, imperio config and imperio config limits. Each is also an environment variable, a line of the file that --env-file names, and a key of the file that --config names. The first of these wins.")
	for _, flag := range flagsOf(child(env.parser.Model.Node, "serve")) {
		if flag.Group != nil {
			p.flag(flag)
		}
	}
	p.request(".SH EXIT STATUS")
	p.text("0: done. 1: failed, or found something wrong. 2: the command line makes no sense. 3: done, but something is left for you to look at (imperio import).")
	_, err := io.WriteString(env.Stdout, p.String())
	return err
}

// manual is a page in the language of roff.
type manual struct{ strings.Builder }

// request writes a line that roff obeys.
func (p *manual) request(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// text writes help: paragraphs, and indented lines as they are.
func (p *manual) text(help string) {
	example := false
	for line := range strings.Lines(help) {
		line = strings.TrimSuffix(line, "\n")
		if indented := strings.HasPrefix(line, "  "); indented != example && line != "" {
			if example = indented; indented {
				p.request(".RS 4\n.EX")
			} else {
				p.request(".EE\n.RE")
			}
		}
		if line == "" {
			if !example {
				p.request(".PP")
			}
			continue
		}
		p.request("%s", roff(strings.TrimPrefix(line, "  ")))
	}
	if example {
		p.request(".EE\n.RE")
	}
}

// roff escapes a line of text.
func roff(line string) string {
	line = strings.NewReplacer(`\`, `\e`, `-`, `\-`, `'`, `\(aq`, "`", "\\(ga", `^`, `\(ha`, `~`, `\(ti`, "…", `\&...`).Replace(line)
	if strings.HasPrefix(line, ".") {
		line = `\&` + line
	}
	return line
}

// verbs describes all verbs below a node.
func (p *manual) verbs(n *kong.Node) {
	for _, verb := range n.Children {
		if verb.Hidden {
			continue
		}
		if len(verb.Children) > 0 {
			p.verbs(verb)
			continue
		}
		p.request(".SS %s", roff(verb.Summary()))
		p.text(verb.Help)
		p.request(".PP")
		if verb.Detail != "" {
			p.text(verb.Detail)
		}
		p.flags(verb)
	}
}

// flags describes the flags of a verb, but the whole configuration only by name.
func (p *manual) flags(verb *kong.Node) {
	var own, keys []*kong.Flag
	for ; verb.Parent != nil; verb = verb.Parent {
		for _, flag := range verb.Flags {
			if flag.Hidden {
				continue
			}
			if flag.Group != nil && config.Known(flag.Name) {
				keys = append(keys, flag)
			} else {
				own = append(own, flag)
			}
		}
	}
	const few = 5
	if len(keys) <= few {
		own, keys = append(own, keys...), nil
	}
	for _, flag := range own {
		p.flag(flag)
	}
	if len(keys) > 0 {
		p.request(".PP")
		p.text("It also takes all flags under CONFIGURATION.")
	}
}

func (p *manual) flag(flag *kong.Flag) {
	name := "--" + flag.Name
	if !flag.IsBool() {
		name += "=" + flag.FormatPlaceHolder()
	}
	p.request(".TP\n.B %s", roff(name))
	p.request("%s", roff(formatFlagHelp(flag.Value)))
}
