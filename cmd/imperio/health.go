package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/go-json-experiment/json"

	"imperio/appliance/ops"
)

type healthCommand struct {
	Node    nodeFlags     `embed:""`
	Timeout time.Duration `default:"5s" help:"Longest time to wait for the answer."`
	JSON    bool          `name:"json" help:"Print the node's answer unchanged."`
}

// Run prints the checks of a running node, and fails if the node is not ready for players.
func (c *healthCommand) Run(env *environment) error {
	url, tlsConfig, err := c.Node.node(env)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(env.Ctx, c.Timeout)
	defer cancel()
	transport := &http.Transport{TLSClientConfig: tlsConfig}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}

	_, body, err := fetch(ctx, client, strings.TrimSuffix(url, "/")+"/health")
	if err != nil {
		return fmt.Errorf("ask %s: %w. Is the casino running there?", url, err)
	}
	if c.JSON {
		if _, err := fmt.Fprintf(env.Stdout, "%s\n", strings.TrimSpace(string(body))); err != nil {
			return err
		}
	} else if err := printHealth(env.Stdout, body); err != nil {
		return fmt.Errorf("%s/health: %w", url, err)
	}
	status, _, err := fetch(ctx, client, strings.TrimSuffix(url, "/")+"/health/ready")
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return errors.New("the node is not ready for players")
	}
	return nil
}

// maxHealth bounds the size of the answer.
const maxHealth = 1 << 20

func fetch(ctx context.Context, client *http.Client, url string) (status int, body []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(io.LimitReader(response.Body, maxHealth))
	return response.StatusCode, body, err
}

// printHealth writes the answer as a table.
func printHealth(w io.Writer, body []byte) error {
	var report ops.Report
	if err := json.Unmarshal(body, &report); err != nil || report.Status == "" {
		return errors.Join(errors.New("the answer is not a casino's health report"), err)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "%s\tversion %s, applied index %d, history head %s\n", report.Status, report.Version, report.AppliedIndex, report.HistoryHead)
	for _, name := range slices.Sorted(maps.Keys(report.Checks)) {
		check := report.Checks[name]
		line := name
		if check.Detail != "" {
			line += ": " + check.Detail
		}
		fmt.Fprintf(table, "%s\t%s\n", check.Status, line)
	}
	return table.Flush()
}
