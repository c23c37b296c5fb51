package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"imperio/appliance/bench"
)

// benchBareCommand serves the bare handler in its own process, as the casino has its own. Standard input holds the answer,
// in base64 on one line. The server stops when standard input ends, so the process never outlives its parent.
type benchBareCommand struct {
	TLS bool `name:"tls" help:"Speak TLS, with a certificate made for this run."`
}

// Run serves until standard input ends.
func (c *benchBareCommand) Run(env *environment) error {
	input := bufio.NewReader(env.Stdin)
	line, err := input.ReadString('\n')
	if err != nil {
		return usagef("write the answer to standard input, in base64 on one line")
	}
	body, err := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
	if err != nil {
		return usagef("the answer on standard input is not base64: %v", err)
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
