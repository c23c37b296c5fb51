package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"imperio/appliance/terminal"
)

// jsonFlag is the flag of a verb that prints facts.
type jsonFlag struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// printJSON prints a value as one document.
func (env *environment) printJSON(v any) error {
	if err := json.MarshalWrite(env.Stdout, v, json.Deterministic(true), jsontext.WithIndent("  ")); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	_, err := io.WriteString(env.Stdout, "\n")
	return err
}

// printTable prints a table.
func (env *environment) printTable(t *terminal.Table) error {
	_, err := t.WriteTo(env.Stdout)
	return err
}

// sudoUser is the user who ran this program by sudo; "" if none did.
func (env *environment) sudoUser() string {
	for _, variable := range env.Environ {
		if user, found := strings.CutPrefix(variable, "SUDO_USER="); found {
			return user
		}
	}
	return ""
}
