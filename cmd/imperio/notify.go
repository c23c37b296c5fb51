package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"imperio/appliance"
	"imperio/appliance/config"
	"imperio/appliance/ops"
	"imperio/appliance/terminal"
)

type notifyCommand struct {
	Test notifyTestCommand `cmd:"" help:"Send a test message to all destinations of the configuration."`
}

type notifyTestCommand struct {
	jsonFlag      `embed:""`
	Topic         string             `default:"health" placeholder:"TOPIC" help:"Topic of the message, such as backup_failed or low_disk."`
	Configuration configurationFlags `embed:""`
}

// Help explains the verb.
func (notifyTestCommand) Help() string {
	return fmt.Sprintf(`It reads the destinations from the configuration and sends to them once, without a server. It prints a line for each: its kind, its host, and "sent" or why it was not. Only kind and host are printed: the rest of a URL may be secret. The exit code is 1 if one failed, or if there is no destination.

Topics: %s.

Examples:

  imperio notify test
  imperio notify test --notify-file /etc/imperio/notify --topic backup_failed
  imperio notify test --json`, strings.Join(topicNames(), ", "))
}

func topicNames() []string {
	var names []string
	for _, t := range ops.Topics() {
		names = append(names, string(t))
	}
	return names
}

// notified is what became of the message to one destination, for programs.
type notified struct {
	Kind    string `json:"kind"`
	Host    string `json:"host"`
	Sent    bool   `json:"sent"`
	Problem string `json:"problem"` // "" if it was sent
}

// Run sends the message.
func (c *notifyTestCommand) Run(env *environment) error {
	if !slices.Contains(topicNames(), c.Topic) {
		return usagef("%q is not a topic: use one of %s", c.Topic, strings.Join(topicNames(), ", "))
	}
	loaded, err := config.LoadValid(env.operatorsInput())
	if err != nil {
		return err
	}
	outcomes, err := appliance.TryNotify(env.Ctx, &loaded.Config, thisBuild().version, ops.Message{
		Topic: ops.Topic(c.Topic), Status: ops.StatusOK, Title: "test message", Text: "Somebody ran 'imperio notify test'. Nothing has happened.",
		Details: map[string]string{"test": "true"},
	})
	if err != nil {
		return err
	}
	failed := 0
	list := make([]notified, len(outcomes))
	for i, o := range outcomes {
		list[i] = notified{Kind: o.Kind, Host: o.Host, Sent: o.Problem == "", Problem: o.Problem}
		if !list[i].Sent {
			failed++
		}
	}
	if err := c.print(env, list); err != nil {
		return err
	}
	switch {
	case len(list) == 0:
		return errors.New("there is no destination: set --notify or --notify-file")
	case failed > 0:
		return fmt.Errorf("not sent to %d of %d", failed, len(list))
	}
	return nil
}

func (c *notifyTestCommand) print(env *environment, list []notified) error {
	if c.JSON {
		return env.printJSON(struct {
			Destinations []notified `json:"destinations"`
		}{list})
	}
	var table terminal.Table
	for _, n := range list {
		result := "sent"
		if !n.Sent {
			result = "not sent: " + n.Problem
		}
		table.Row(n.Kind, n.Host, result)
	}
	return env.printTable(&table)
}
