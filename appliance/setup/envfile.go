package setup

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"imperio/appliance/config"
)

// checkSettings refuses settings that can't be written into the file, or had better not come by the command line.
func checkSettings(settings []Setting) error {
	var problems config.Problems
	keys := config.Keys()
	seen := make(map[string]bool)
	for _, s := range settings {
		i := slices.IndexFunc(keys, func(k config.Key) bool { return k.Env == s.Name })
		message := ""
		switch {
		case i < 0:
			message = "no such key: 'imperio config reference' lists them"
		case keys[i].Secret:
			message = "it is a secret, and others can read command lines: write it into " + config.InstalledEnvFile + " with an editor, or name a file with " + s.Name + "_FILE"
		case seen[s.Name]:
			message = "it is given twice: leave one out"
		case strings.ContainsAny(s.Value, "\n\r\x00"):
			message = "the value has several lines: a value has one"
		}
		seen[s.Name] = true
		if message != "" {
			problems = append(problems, config.Problem{Where: s.Name, Message: message})
		}
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}

// withSettings returns the text of an env file with settings, and the names of those that were not there already. A setting takes
// the place of the line that sets it, else of the commented one, else it comes at the end. All other lines stay.
func withSettings(text string, settings []Setting) (string, []string) {
	var names []string
	for _, s := range settings {
		line := s.Name + "=" + quoted(s.Value)
		set := regexp.MustCompile(`(?m)^[ \t]*` + s.Name + `[ \t]*=.*$`)
		commented := regexp.MustCompile(`(?m)^#` + s.Name + `=.*$`)
		at := set.FindStringIndex(text)
		if at != nil && text[at[0]:at[1]] == line {
			continue
		}
		if at == nil {
			at = commented.FindStringIndex(text)
		}
		if at == nil {
			if text != "" && !strings.HasSuffix(text, "\n") {
				text += "\n"
			}
			text += line + "\n"
		} else {
			text = text[:at[0]] + line + text[at[1]:]
		}
		names = append(names, s.Name)
	}
	return text, names
}

var plainValue = regexp.MustCompile(`^[A-Za-z0-9_./:,@%+=*?&~\[\]-]*$`)

// quoted writes a value as the env file takes it.
func quoted(value string) string {
	if plainValue.MatchString(value) {
		return value
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", `$`, `\$`).Replace(value) + `"`
}

// load reads the configuration that the service would have with a text in its env file. environ is what its unit sets.
func (w *work) load(text string, environ []string) (*config.Loaded, error) {
	in := config.Input{
		Flags: map[string]string{"env-file": config.InstalledEnvFile},
		ReadFile: func(name string) ([]byte, error) {
			if name == config.InstalledEnvFile {
				return []byte(text), nil
			}
			return w.read(name)
		},
		Environ: environ,
	}
	loaded, err := config.LoadValid(in)
	if err == nil && !filepath.IsAbs(loaded.Config.Data.Dir) {
		err = config.Problems{{Where: loaded.Sources["data-dir"], Message: "a service needs an absolute path, such as /srv/imperio"}}
	}
	if err != nil {
		return nil, fmt.Errorf("nothing was changed: %w", err)
	}
	return loaded, nil
}
