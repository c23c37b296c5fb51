package main

import (
	"errors"

	"imperio/appliance"
	"imperio/appliance/config"
)

type configCommand struct {
	Show      configShowCommand      `cmd:"" default:"withargs" help:"Print the configuration in force and the source of each value. Takes the flags of serve."`
	Reference configReferenceCommand `cmd:"" help:"Print all keys with their types, defaults and descriptions."`
	Limits    configLimitsCommand    `cmd:"" help:"Print the rate limits and connection caps in force."`
}

type configShowCommand struct {
	Configuration configurationFlags `embed:""`
}

// Run prints the values even if they are invalid, and then what is wrong.
func (c *configShowCommand) Run(env *environment) error {
	loaded, err := env.configuration()
	if err != nil {
		return err
	}
	return errors.Join(loaded.Print(env.Stdout), loaded.Config.Validate())
}

type configReferenceCommand struct {
	Format string `enum:"text,markdown,env" default:"text" help:"Format of the reference: text, markdown, or env (a file of environment variables)."`
}

// Run prints the reference.
func (c *configReferenceCommand) Run(env *environment) error {
	switch c.Format {
	case "markdown":
		return config.WriteMarkdown(env.Stdout)
	case "env":
		return config.WriteEnv(env.Stdout)
	}
	return config.WriteText(env.Stdout)
}

type configLimitsCommand struct {
	Configuration configurationFlags `embed:""`
}

// Run prints the limits.
func (c *configLimitsCommand) Run(env *environment) error {
	loaded, err := env.configuration()
	if err != nil {
		return err
	}
	return errors.Join(appliance.PrintLimits(env.Stdout, loaded.Config.Limits), loaded.Config.Validate())
}
