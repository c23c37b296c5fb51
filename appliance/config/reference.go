package config

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// DefaultText is the default of a key, as it would be written in the environment; "" for none.
func (k Key) DefaultText() string {
	c := Default()
	return k.text(&c)
}

// HelpLine is the description of a flag with its default and its environment variable; "" if name is no key.
func HelpLine(name string) string {
	for _, key := range Keys() {
		if key.Name != name {
			continue
		}
		parts := []string{key.Env}
		if text := key.DefaultText(); text != "" {
			parts = append([]string{"default " + text}, parts...)
		}
		return key.Help + " (" + strings.Join(parts, "; ") + ")"
	}
	return ""
}

// Print writes each key with its value and where that came from. Secrets are masked.
func (l *Loaded) Print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, key := range Keys() {
		value := key.text(&l.Config)
		if value == "" {
			value = "-"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", key.Name, value, l.Sources[key.Name])
	}
	return table.Flush()
}

// WriteText writes the reference of all keys for a terminal.
func WriteText(w io.Writer) error {
	var b strings.Builder
	eachGroup(func(group string) {
		fmt.Fprintf(&b, "%s\n", strings.ToUpper(group))
	}, func(key Key) {
		fmt.Fprintf(&b, "  %s\n", key.Name)
		fmt.Fprintf(&b, "      %s; default: %s; environment: %s\n", key.Type, orNone(key.DefaultText()), key.Env)
		fmt.Fprintf(&b, "      %s\n", key.Help)
	})
	_, err := io.WriteString(w, b.String())
	return err
}

const markdownHead = `# Configuration

Made by ` + "`imperio config reference --format markdown`" + `; a test holds this file against the program.

Each key can be given in three places. The first that has it wins:

1. a **flag** of ` + "`imperio serve`" + `: ` + "`--data-dir /var/lib/imperio`" + `
2. an **environment variable**: ` + "`IMPERIO_DATA_DIR=/var/lib/imperio`" + ` (all of them, with comments: ` + "[deploy/imperio.env.example](../deploy/imperio.env.example)" + `)
3. a **TOML file**, named by ` + "`--config FILE`" + ` or ` + "`IMPERIO_CONFIG`" + `: ` + "`data-dir = \"/var/lib/imperio\"`" + `

Unknown keys and unknown ` + "`IMPERIO_…`" + ` variables are errors. Everything is checked before the disk is touched, and all
that is wrong is reported at once. ` + "`imperio config`" + ` prints the values in force and where each came from, and
` + "`imperio config limits`" + ` the limits as a table.

Secrets have no flag, since command lines can be read by other users of a machine: give them by a file
(` + "`…-file`" + `), or by the environment or the configuration file.

Lists are separated by commas in flags and variables, and are TOML lists in the file.
`

// WriteMarkdown writes docs/CONFIGURATION.md.
func WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString(markdownHead)
	eachGroup(func(group string) {
		fmt.Fprintf(&b, "\n## %s\n", group)
	}, func(key Key) {
		fmt.Fprintf(&b, "\n### `%s`\n\n%s\n\n", key.Name, key.Help)
		value := "none"
		if text := key.DefaultText(); text != "" {
			value = "`" + text + "`"
		}
		flag := "flag `--" + key.Name + "`"
		if key.Secret {
			flag = "no flag"
		}
		fmt.Fprintf(&b, "%s · default %s · %s · variable `%s`\n", key.Type, value, flag, key.Env)
	})
	_, err := io.WriteString(w, b.String())
	return err
}

const envHead = `# The configuration of imperio by environment variables, with the defaults.
# Made by 'imperio config reference --format env'; a test holds this file against the program.
# Take away the # of a line to set it. systemd reads such a file with EnvironmentFile=.
`

// WriteEnv writes deploy/imperio.env.example.
func WriteEnv(w io.Writer) error {
	var b strings.Builder
	b.WriteString(envHead)
	eachGroup(func(group string) {
		fmt.Fprintf(&b, "\n# ---- %s ----\n", group)
	}, func(key Key) {
		fmt.Fprintf(&b, "\n# %s\n# (%s)\n#%s=%s\n", key.Help, key.Type, key.Env, key.DefaultText())
	})
	_, err := io.WriteString(w, b.String())
	return err
}

func eachGroup(begin func(group string), each func(Key)) {
	group := ""
	for _, key := range Keys() {
		if key.Group != group {
			group = key.Group
			begin(group)
		}
		each(key)
	}
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
