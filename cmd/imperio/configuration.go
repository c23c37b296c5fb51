package main

import (
	"errors"
	"io/fs"
	"os"
	"reflect"

	"github.com/alecthomas/kong"

	"imperio/appliance/config"
)

// configurationFlags are the flags of a verb that takes the whole configuration. Embed them in a command with the tag
// embed:"", and call env.configuration.
type configurationFlags struct {
	Files  fileFlags  `embed:""`
	Values flagValues `embed:""`
}

// fileFlags name the files that the configuration may be in.
type fileFlags struct {
	EnvFile string `name:"env-file" placeholder:"FILE" help:"File with IMPERIO_ variables, such as /etc/imperio/imperio.env. (IMPERIO_ENV_FILE)"`
	File    string `name:"config" placeholder:"FILE" help:"TOML file with the configuration; its keys are the flags' names. (IMPERIO_CONFIG)"`
}

// flagValues has the fields of the configuration but not its methods: kong would call Validate before the environment
// and the file are read.
type flagValues config.Config

// dataDirFlags are the flags of a verb that works on the data directory.
type dataDirFlags struct {
	Files   fileFlags `embed:""`
	DataDir string    `name:"data-dir" group:"Data" placeholder:"DIR" help:"The casino's data directory."`
	KeyFile string    `name:"encryption-key-file" group:"Data" placeholder:"FILE" help:"File that holds the casino's key."`
}

// configuration reads the configuration from the flags, the environment, and the files that one of them names, or else that of the
// casino that is installed on this machine. It does not validate it.
func (env *environment) configuration() (*config.Loaded, error) {
	return config.Load(env.operatorsInput())
}

// operatorsInput has the sources of the configuration for all verbs but serve.
func (env *environment) operatorsInput() config.Input {
	in := env.input()
	in.Installed = true
	in.Exists = func(path string) bool { _, err := os.Lstat(path); return !errors.Is(err, fs.ErrNotExist) }
	return in
}

// input has the sources of the configuration for serve: only what it is told.
func (env *environment) input() config.Input {
	return config.Input{Flags: env.flags, Environ: env.Environ, ReadFile: os.ReadFile}
}

// keyFlags takes the values of flags that are keys as they are written. The configuration reads them, so that it reports
// their mistakes together with those of the environment and of the file.
type keyFlags map[string]string

// take replaces what reads a key's flag, for all verbs. A verb may have a flag of its own with the name of a key; the flags of keys
// have the keys' groups, all but --config and --env-file.
func (k keyFlags) take(node *kong.Node) {
	for _, flag := range node.Flags {
		if config.Known(flag.Name) && (flag.Group != nil || flag.Name == "config" || flag.Name == "env-file") {
			flag.Mapper = keyMapper{k}
		}
	}
	for _, child := range node.Children {
		k.take(child)
	}
}

// keyMapper keeps a flag's text.
type keyMapper struct{ taken keyFlags }

// Decode is called by kong for each occurrence of the flag. Values of lists add up. A flag such as --acme-staging needs no value.
func (m keyMapper) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	name := ctx.Value.Name
	if target.Type() == reflect.TypeFor[bool]() && ctx.Scan.Peek().Type != kong.FlagValueToken {
		m.taken[name] = "true"
		return nil
	}
	token, err := ctx.Scan.PopValue(name)
	if err != nil {
		return err
	}
	text := token.String()
	if before, given := m.taken[name]; given && ctx.Value.IsSlice() {
		text = before + "," + text
	}
	m.taken[name] = text
	return nil
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
