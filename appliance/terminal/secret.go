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

// ErrDiffer says that a secret was typed in two different ways.
var ErrDiffer = errors.New("the two passwords differ. Nothing was changed: try again")

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
	first, err := ask(ctx, fd, prompts, question+": ")
	if err != nil {
		return "", err
	}
	second, err := ask(ctx, fd, prompts, question+" again: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", ErrDiffer
	}
	return first, nil
}

// ask reads a line from a terminal without an echo.
func ask(ctx context.Context, fd int, prompts io.Writer, question string) (string, error) {
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("read the password from the terminal: %w", err)
	}
	fmt.Fprint(prompts, question)
	defer fmt.Fprintln(prompts) // the line ending that was typed is not echoed either
	type answer struct {
		line []byte
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		line, err := term.ReadPassword(fd)
		answered <- answer{line, err}
	}()
	select {
	case a := <-answered:
		if a.err != nil {
			return "", fmt.Errorf("read the password from the terminal: %w", a.err)
		}
		return string(a.line), nil
	case <-ctx.Done():
		// A read of a terminal can't be interrupted. It is left behind: the process is about to end.
		return "", errors.Join(ctx.Err(), term.Restore(fd, before))
	}
}
