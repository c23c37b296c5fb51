package main

import (
	"errors"

	"imperio/appliance"
	"imperio/appliance/config"
)

type configCommand struct {
	Show      configShowCommand      `cmd:"" default:"withargs" help:"Print the configuration in force and the source of each value. Takes the flags of serve."`
	Check     configCheckCommand     `cmd:"" help:"Check all that a start checks, without a start."`
	Reference configReferenceCommand `cmd:"" help:"Print all keys with their types, defaults and descriptions."`
	Limits    configLimitsCommand    `cmd:"" help:"Print the rate limits and connection caps in force."`
}

type configShowCommand struct {
	jsonFlag      `embed:""`
	Configuration configurationFlags `embed:""`
}

// Help explains the verb.
func (configShowCommand) Help() string {
	return `Values come from flags, the environment, the env file, the TOML file, or the default: the first of these wins. Without any flag or variable that says otherwise, it reads the casino that is installed on this machine (/etc/imperio/imperio.env). Secrets are masked. The exit code is 1 if the casino would not start with these values.

Examples:

  imperio config
  imperio config --domain casino.example --json`
}

// Run prints the values even if they are invalid, and then what is wrong.
func (c *configShowCommand) Run(env *environment) error {
	loaded, err := env.configuration()
	if err != nil {
		return err
	}
	invalid := loaded.Config.Validate()
	if c.JSON {
		return errors.Join(env.printJSON(struct {
			Values []config.Value `json:"values"`
		}{loaded.Values()}), invalid)
	}
	return errors.Join(loaded.Print(env.Stdout), invalid)
}

type configReferenceCommand struct {
	jsonFlag `embed:""`
	Format   string `enum:"text,markdown,env" default:"text" help:"Format of the reference: text, markdown, or env (a file of environment variables)."`
}

// Help explains the verb.
func (configReferenceCommand) Help() string {
	return `Examples:

  imperio config reference
  imperio config reference --json
  imperio config reference --format env`
}

// Run prints the reference.
func (c *configReferenceCommand) Run(env *environment) error {
	if c.JSON {
		return env.printJSON(struct {
			Keys []config.Fact `json:"keys"`
		}{config.Reference()})
	}
	switch c.Format {
	case "markdown":
		return config.WriteMarkdown(env.Stdout)
	case "env":
		return config.WriteEnv(env.Stdout)
	}
	return config.WriteText(env.Stdout)
}

type configLimitsCommand struct {
	jsonFlag      `embed:""`
	Configuration configurationFlags `embed:""`
}

// Help explains the verb.
func (configLimitsCommand) Help() string {
	return `Examples:

  imperio config limits
  imperio config limits --limit-slots-rate 120/m --json`
}

// Run prints the limits.
func (c *configLimitsCommand) Run(env *environment) error {
	loaded, err := env.configuration()
	if err != nil {
		return err
	}
	limits, invalid := loaded.Config.Limits, loaded.Config.Validate()
	if c.JSON {
		return errors.Join(env.printJSON(appliance.LimitsInForce(limits)), invalid)
	}
	return errors.Join(appliance.PrintLimits(env.Stdout, limits), invalid)
}
