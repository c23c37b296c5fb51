package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// completionCommand is the verb "completion". A shell's script only asks this program: "imperio completion words" prints what the next
// word can be. So there is one description of the verbs and flags, that of the parser.
type completionCommand struct {
	Bash  bashCompletion  `cmd:"" help:"Print the completion for bash."`
	Zsh   zshCompletion   `cmd:"" help:"Print the completion for zsh."`
	Fish  fishCompletion  `cmd:"" help:"Print the completion for fish."`
	Words wordsCompletion `cmd:"" hidden:"" help:"Print what the next word can be. The scripts call it."`
}

type bashCompletion struct{}

// Help explains the verb.
func (bashCompletion) Help() string {
	return `Examples:

  imperio completion bash > ~/.local/share/bash-completion/completions/imperio
  source <(imperio completion bash)`
}

// Run prints the script.
func (bashCompletion) Run(env *environment) error {
	return env.printScript(`# Completion of imperio for bash.
_imperio() {
  local IFS=$'\n'
  COMPREPLY=($("${COMP_WORDS[0]}" completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1))
  if [[ ${COMPREPLY[0]} == :files ]]; then
    COMPREPLY=()
    compopt -o default 2>/dev/null
  fi
}
complete -F _imperio imperio
`)
}

type zshCompletion struct{}

// Help explains the verb.
func (zshCompletion) Help() string {
	return `Examples:

  imperio completion zsh > "${fpath[1]}/_imperio"
  source <(imperio completion zsh)`
}

// Run prints the script.
func (zshCompletion) Run(env *environment) error {
	return env.printScript(`#compdef imperio
# Completion of imperio for zsh.
_imperio() {
  local -a lines
  lines=("${(@f)$("${words[1]}" completion words -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ ${lines[1]} == :files ]]; then
    _files
    return
  fi
  lines=("${(@)${(@)lines//:/\\:}/$'\t'/:}")
  _describe imperio lines
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _imperio "$@"
else
  compdef _imperio imperio
fi
`)
}

type fishCompletion struct{}

// Help explains the verb.
func (fishCompletion) Help() string {
	return `Examples:

  imperio completion fish > ~/.config/fish/completions/imperio.fish
  imperio completion fish | source`
}

// Run prints the script.
func (fishCompletion) Run(env *environment) error {
	return env.printScript(`# Completion of imperio for fish.
function __imperio
  set -l words (commandline -opc) (commandline -ct)
  set -l lines ($words[1] completion words -- $words[2..-1] 2>/dev/null)
  if test "$lines[1]" = :files
    __fish_complete_path (commandline -ct)
  else
    printf '%s\n' $lines
  end
end
complete -c imperio -f -a '(__imperio)'
`)
}

func (env *environment) printScript(script string) error {
	_, err := io.WriteString(env.Stdout, script)
	return err
}

// wordsCompletion prints the candidates for the last word, one a line: the word, and after a tab what it is for. ":files" stands for
// the names of files.
type wordsCompletion struct {
	Words []string `arg:"" optional:"" help:"The words after imperio; the last one is begun."`
}

// Run prints the candidates.
func (c *wordsCompletion) Run(env *environment) error {
	if len(c.Words) == 0 {
		c.Words = []string{""}
	}
	for _, found := range complete(env.parser.Model, c.Words) {
		if _, err := fmt.Fprintln(env.Stdout, found); err != nil {
			return err
		}
	}
	return nil
}

// complete returns the candidates for the last of the words.
func complete(app *kong.Application, words []string) []string {
	at := app.Node
	var value *kong.Flag // whose value comes next
	argument, onlyArguments := 0, false
	for _, word := range words[:len(words)-1] {
		switch {
		case value != nil && word == "=": // bash makes it a word of its own
		case value != nil:
			value = nil
		case word == "--":
			onlyArguments = true
		case strings.HasPrefix(word, "-") && !onlyArguments:
			if flag := flagOf(at, word); flag != nil && !flag.IsBool() && !strings.Contains(word, "=") {
				value = flag
			}
		case child(at, word) != nil:
			if at, argument = child(at, word), 0; at.Name == "help" {
				at = app.Node // the words after "help" are verbs
			}
		default:
			argument++
		}
	}
	begun := words[len(words)-1]
	if value != nil {
		return candidates(strings.TrimPrefix(begun, "="), value.Value)
	}
	if strings.HasPrefix(begun, "-") && !onlyArguments {
		var found []string
		for _, flag := range flagsOf(at) {
			if name := "--" + flag.Name; !flag.Hidden && strings.HasPrefix(name, begun) {
				found = append(found, name+"\t"+firstSentence(flag.Help))
			}
		}
		return found
	}
	var found []string
	for _, c := range at.Children {
		if !c.Hidden && strings.HasPrefix(c.Name, begun) {
			found = append(found, c.Name+"\t"+firstSentence(c.Help))
		}
	}
	if argument < len(at.Positional) {
		found = append(found, candidates(begun, at.Positional[argument])...)
	}
	return found
}

// candidates are the values of a flag or an argument.
func candidates(begun string, v *kong.Value) []string {
	if v.Enum != "" {
		var found []string
		for _, value := range v.EnumSlice() {
			if strings.HasPrefix(value, begun) {
				found = append(found, value)
			}
		}
		return found
	}
	if v.Flag != nil && (v.Flag.PlaceHolder == "FILE" || v.Flag.PlaceHolder == "DIR") {
		return []string{":files"}
	}
	return nil
}

func child(of *kong.Node, name string) *kong.Node {
	for _, c := range of.Children {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// flagsOf lists the flags that a verb takes, with those of its default verb and of the verbs above it.
func flagsOf(verb *kong.Node) []*kong.Flag {
	if verb.DefaultCmd != nil {
		verb = verb.DefaultCmd
	}
	var flags []*kong.Flag
	for ; verb != nil; verb = verb.Parent {
		flags = append(flags, verb.Flags...)
	}
	return flags
}

func flagOf(verb *kong.Node, word string) *kong.Flag {
	for _, flag := range flagsOf(verb) {
		if word == "--"+flag.Name || flag.Short != 0 && word == "-"+string(flag.Short) {
			return flag
		}
	}
	return nil
}

func firstSentence(help string) string {
	first, _, _ := strings.Cut(help, ". ")
	return strings.TrimSuffix(first, ".")
}
