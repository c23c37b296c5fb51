package main

import (
	"os"

	"github.com/alecthomas/kong"

	"imperio/appliance/config"
)

// configurationFlags are the flags of a verb that takes the whole configuration. Embed them in a command with the tag
// embed:"", and call env.configuration.
type configurationFlags struct {
	File   string     `name:"config" placeholder:"FILE" help:"TOML file with the configuration; its keys are the flags' names. (IMPERIO_CONFIG)"`
	Values flagValues `embed:""`
}

// flagValues has the fields of the configuration but not its methods: kong would call Validate before the environment
// and the file are read.
type flagValues config.Config

// dataDirFlags are the flags of a verb that works on the data directory.
type dataDirFlags struct {
	File    string `name:"config" placeholder:"FILE" help:"TOML file with the configuration. (IMPERIO_CONFIG)"`
	DataDir string `name:"data-dir" group:"Data" placeholder:"DIR" help:"The casino's data directory."`
	KeyFile string `name:"encryption-key-file" group:"Data" placeholder:"FILE" help:"File that holds the casino's key."`
}

// configuration reads the configuration from the flags, the environment, and the file that one of them names. It does not
// validate it.
func (env *environment) configuration() (*config.Loaded, error) {
	return config.Load(config.Input{Flags: env.flags, Environ: env.Environ, ReadFile: os.ReadFile})
}

// givenFlags are the flags on the command line, with their values.
func givenFlags(ctx *kong.Context) map[string]any {
	given := make(map[string]any)
	for _, element := range ctx.Path {
		if element.Flag != nil && !element.Resolved {
			given[element.Flag.Name] = element.Flag.Target.Interface()
		}
	}
	return given
}

// formatFlagHelp adds a configuration key's default and environment variable to its flag's help.
func formatFlagHelp(value *kong.Value) string {
	if value.Flag != nil && value.Flag.Group != nil {
		if help := config.HelpLine(value.Name); help != "" {
			return help
		}
	}
	return kong.DefaultHelpValueFormatter(value)
}
