package terminal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/term"
)

// Why a secret was not read from a terminal.
var (
	ErrDiffer   = errors.New("the two passwords differ. Nothing was changed: try again")
	ErrNoAnswer = errors.New("no password was given. Nothing was changed")
)

// maxSecret bounds the length of a line with a secret, in bytes.
const maxSecret = 4096

// NewSecret reads a secret that is to be set. On a terminal it asks for it on prompts, twice and without an echo. From anywhere
// else it reads one line, without a prompt. If ctx ends, it restores the terminal and returns the context's error.
func NewSecret(ctx context.Context, in io.Reader, prompts io.Writer, question string) (string, error) {
	fd, ok := descriptor(in)
	if !ok {
		line, err := bufio.NewReader(io.LimitReader(in, maxSecret)).ReadString('\n')
		if err != nil && !(errors.Is(err, io.EOF) && line != "") {
			return "", fmt.Errorf("read the password from standard input: %w", err)
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	// Raw before the question is there, so that nothing of the answer is ever echoed.
	before, err := term.MakeRaw(fd)
	if err != nil {
		return "", fmt.Errorf("prepare the terminal: %w", err)
	}
	type answer struct {
		secret string
		err    error
	}
	answered := make(chan answer, 1)
	go func() {
		secret, err := ask(in, prompts, question)
		answered <- answer{secret, err}
	}()
	select {
	case a := <-answered:
		return a.secret, errors.Join(a.err, term.Restore(fd, before))
	case <-ctx.Done():
		// A read of a terminal can't be interrupted. It is left behind: the process is about to end.
		err := errors.Join(ctx.Err(), term.Restore(fd, before))
		fmt.Fprintln(prompts)
		return "", err
	}
}

// ask asks for a secret twice, on a terminal that is raw.
func ask(in io.Reader, prompts io.Writer, question string) (string, error) {
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{in, prompts}, "")
	var answers [2]string
	for i, prompt := range []string{question + ": ", question + " again: "} {
		line, err := t.ReadPassword(prompt)
		if errors.Is(err, io.EOF) { // Ctrl-C, Ctrl-D, or no terminal any more
			fmt.Fprint(prompts, "\r\n")
			return "", ErrNoAnswer
		}
		if err != nil {
			return "", fmt.Errorf("read the password from the terminal: %w", err)
		}
		answers[i] = line
	}
	if answers[0] != answers[1] {
		return "", ErrDiffer
	}
	return answers[0], nil
}
