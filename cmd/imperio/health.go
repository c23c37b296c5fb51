package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"imperio/appliance"
	"imperio/appliance/ops"
	"imperio/appliance/terminal"
)

type healthCommand struct {
	Node    nodeFlags     `embed:""`
	DataDir string        `name:"data-dir" group:"Data" placeholder:"DIR" help:"The casino's data directory."`
	Timeout time.Duration `default:"5s" help:"Longest time to wait for the answer."`
	JSON    bool          `name:"json" help:"Print the node's answer unchanged."`
}

// Help explains the verb.
func (healthCommand) Help() string {
	return `Without --url it asks the node on this machine: on the control socket of the data directory, else on the operator's listener, else on the players' address. So it works whatever the node serves players with: TLS, a proxy, or no certificate yet. Only the casino's user and root may use the socket.

The exit code is 0 if the node is ready for players, and 1 if it is not or nobody answers.

Examples:

  imperio health
  imperio health --data-dir /var/lib/imperio --json
  imperio health --url https://casino.example`
}

// Run prints the checks of a running node, and fails if the node is not ready for players.
func (c *healthCommand) Run(env *environment) error {
	targets, err := c.targets(env)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(env.Ctx, c.Timeout)
	defer cancel()
	var silent []error
	for _, t := range targets {
		body, err := t.ask(ctx)
		if err != nil {
			silent = append(silent, err)
			continue
		}
		return c.tell(ctx, env, t, body)
	}
	return fmt.Errorf("no node has answered. Is the casino running?\n%w", errors.Join(silent...))
}

// tell prints what a node has answered, and whether it is ready.
func (c *healthCommand) tell(ctx context.Context, env *environment, t healthTarget, body []byte) error {
	if c.JSON {
		if _, err := fmt.Fprintf(env.Stdout, "%s\n", strings.TrimSpace(string(body))); err != nil {
			return err
		}
	} else if err := printHealth(env, body); err != nil {
		return err
	}
	status, _, err := t.fetch(ctx, "/health/ready")
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return errors.New("the node is not ready for players")
	}
	return nil
}

// healthTarget is one address at which a node may answer.
type healthTarget struct {
	name string // for people
	url  string
	dial func(ctx context.Context, network, address string) (net.Conn, error) // nil: by the network
	tls  *tls.Config
}

// socketTarget is the control socket.
func socketTarget(socket string) healthTarget {
	return healthTarget{name: socket, url: "http://imperio", dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
}

// targets are the addresses to ask, in order.
func (c *healthCommand) targets(env *environment) ([]healthTarget, error) {
	if c.Node.URL != "" {
		url, tlsConfig, err := c.Node.node(env)
		return []healthTarget{{name: url, url: url, tls: tlsConfig}}, err
	}
	loaded, err := env.configuration()
	if err != nil {
		return nil, err
	}
	socket := filepath.Join(loaded.Config.Data.Dir, appliance.SocketFile)
	targets := []healthTarget{socketTarget(socket)}
	if address := loaded.Config.Listen.OpsAddr; address != "" {
		if address, err = reachable(address); err != nil {
			return nil, err
		}
		targets = append(targets, healthTarget{name: "http://" + address, url: "http://" + address})
	}
	if url, tlsConfig, err := c.Node.node(env); err == nil { // a casino may have no address for players
		targets = append(targets, healthTarget{name: url, url: url, tls: tlsConfig})
	}
	return targets, nil
}

// ask returns a node's health report as JSON.
func (t healthTarget) ask(ctx context.Context) ([]byte, error) {
	_, body, err := t.fetch(ctx, "/health")
	if err == nil {
		_, err = readHealth(body)
	}
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", t.name, err)
	}
	return body, nil
}

// maxHealth bounds the size of the answer.
const maxHealth = 1 << 20

func (t healthTarget) fetch(ctx context.Context, path string) (status int, body []byte, err error) {
	transport := &http.Transport{TLSClientConfig: t.tls, DialContext: t.dial}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(t.url, "/")+path, nil)
	if err != nil {
		return 0, nil, err
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(io.LimitReader(response.Body, maxHealth))
	return response.StatusCode, body, err
}

func readHealth(body []byte) (report ops.Report, err error) {
	if err := json.Unmarshal(body, &report); err != nil || report.Status == "" {
		return report, errors.Join(errors.New("the answer is not a casino's health report"), err)
	}
	return report, nil
}

// printHealth writes the answer as a table.
func printHealth(env *environment, body []byte) error {
	report, err := readHealth(body)
	if err != nil {
		return err
	}
	var table terminal.Table
	table.Row(report.Status, fmt.Sprintf("version %s, applied index %d, history head %s", report.Version, report.AppliedIndex, report.HistoryHead))
	for _, name := range slices.Sorted(maps.Keys(report.Checks)) {
		check := report.Checks[name]
		line := name
		if check.Detail != "" {
			line += ": " + check.Detail
		}
		table.Row(check.Status, line)
	}
	return env.printTable(&table)
}
