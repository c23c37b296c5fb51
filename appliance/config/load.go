package config

import (
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"sort"
	"strings"
	"sync"
)

// Input has the sources of a configuration.
type Input struct {
	// Flags are the command line's values by key, spelled as in the environment. "config" names the file to read, and "env-file"
	// the file of environment variables, if any. Names that are not keys are ignored: a verb may have other flags.
	Flags map[string]string
	// Environ are the environment variables, each NAME=value. Those without the prefix IMPERIO_ are ignored.
	Environ []string
	// ReadFile reads the configuration file, the env file and the files of secrets: os.ReadFile, except in tests.
	ReadFile func(name string) ([]byte, error)
	// Installed says to look for the casino that is installed on this machine, for operators' verbs. If no flag and no variable
	// gives data-dir, config or env-file, the default data directory does not exist, and InstalledEnvFile can be read, it is the
	// env file.
	Installed bool
	// Exists says whether a path exists, for Installed. nil: none does.
	Exists func(path string) bool
}

// Loaded is a configuration and where each of its values came from.
type Loaded struct {
	Config Config
	// Sources says by key where the value came from, in words: "flag --data-dir", "environment IMPERIO_DATA_DIR",
	// "env file /etc/imperio/imperio.env", "file imperio.toml", "default".
	Sources map[string]string
	// EnvFile is the path of the env file that was read; "" for none.
	EnvFile string
}

// Load reads the configuration, and changes nothing on the disk. It reports all mistakes in the input at once, as
// Problems. Validate checks whether the values fit together.
func Load(in Input) (*Loaded, error) {
	l := load(in)
	if len(l.problems) > 0 {
		return nil, l.problems
	}
	return l.loaded, nil
}

// LoadValid is Load and Validate in one: it reports the mistakes of both at once. A value that can't be read may make others
// look wrong, so groups that depend on such a value are not validated.
func LoadValid(in Input) (*Loaded, error) {
	l := load(in)
	if problems, ok := errors.AsType[Problems](l.loaded.Config.Validate()); ok {
		for _, p := range problems {
			if !l.doubts(p.Where) {
				l.problems = append(l.problems, p)
			}
		}
	}
	if len(l.problems) > 0 {
		return nil, l.problems
	}
	return l.loaded, nil
}

func load(in Input) *loader {
	l := &loader{in: in, keys: make(map[string]Key), loaded: &Loaded{Config: Default(), Sources: make(map[string]string)}}
	for _, key := range Keys() {
		l.keys[key.Name] = key
		l.names = append(l.names, key.Name)
	}
	environ := l.environment()
	fromFile := l.envFile(environ)
	l.file(environ, fromFile)
	for _, name := range l.names {
		if text, found := fromFile[name]; found {
			source := "env file " + l.loaded.EnvFile
			l.setFrom(name, text, source, fmt.Sprintf("%s, line %d, %s", source, l.envLines[name], envName(name)))
		}
	}
	for _, name := range l.names {
		if text, found := environ[name]; found {
			l.set(name, text, "environment "+envName(name))
		}
	}
	for _, name := range l.names {
		if text, found := in.Flags[name]; found {
			l.set(name, text, "flag --"+name)
		}
	}
	l.installedDataDir()
	l.secrets()
	l.domains()
	reasons := l.loaded.Config.derive(func(key string) bool { return l.loaded.Sources[key] != "" })
	for _, name := range l.names {
		if l.loaded.Sources[name] == "" {
			l.loaded.Sources[name] = "default"
			if reason := reasons[name]; reason != "" {
				l.loaded.Sources[name] = "default, " + reason
			}
		}
	}
	return l
}

type loader struct {
	in       Input
	keys     map[string]Key
	names    []string // of keys, in order
	loaded   *Loaded
	problems Problems
	unread   []string       // keys whose value could not be read, as far as that is known
	fileless bool           // a file could not be read, so that any of its values is missing
	envLines map[string]int // where the env file sets a key
}

func (l *loader) problem(where, format string, args ...any) {
	l.problems = append(l.problems, Problem{Where: where, Message: fmt.Sprintf(format, args...)})
}

func (l *loader) set(name, text, source string) { l.setFrom(name, text, source, source) }

// setFrom is set for a source that can say more exactly where the value stands.
func (l *loader) setFrom(name, text, source, at string) {
	if err := l.keys[name].set(&l.loaded.Config, text); err != nil {
		l.problem(at, "%v", err)
		l.unread = append(l.unread, name)
		return
	}
	l.loaded.Sources[name] = source
}

// doubts says whether a problem of Validate with this key may only follow from a value that could not be read. What the
// listeners are decides which TLS, limits and access are right, and the other way round.
func (l *loader) doubts(name string) bool {
	connected := []string{"Listeners", "TLS", "Limits", "Access"}
	group := l.keys[name].Group
	return l.fileless || slices.ContainsFunc(l.unread, func(unread string) bool {
		other := l.keys[unread].Group
		return other == group || slices.Contains(connected, group) && slices.Contains(connected, other)
	})
}

// environment returns the environment's values by key, and reports variables that are not keys. An empty variable counts as
// not set: files for systemd and containers have lines such as IMPERIO_TLS= for what they leave to the default.
func (l *loader) environment() map[string]string {
	values := make(map[string]string)
	byEnv, known := l.variables(), l.variableNames()
	var unknown []string
	for _, entry := range l.in.Environ {
		variable, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(variable, EnvPrefix) {
			continue
		}
		if name, found := byEnv[variable]; found {
			if value != "" {
				values[name] = value
			}
		} else {
			unknown = append(unknown, variable)
		}
	}
	sort.Strings(unknown)
	for _, variable := range unknown {
		hint := suggestion(variable, known)
		if strings.HasPrefix(variable, "IMPERIO_SERVICE_") || strings.HasPrefix(variable, "IMPERIO_PORT") {
			// Kubernetes sets such variables in each pod for a service named "imperio".
			hint = " If Kubernetes has set it, set enableServiceLinks: false in the pod."
		}
		l.unread = append(l.unread, byEnv[nearest(variable, known)])
		l.problem("environment "+variable, "no such key: unset it, or see 'imperio config reference'.%s", hint)
	}
	return values
}

func suggestion(name string, known []string) string {
	if best := nearest(name, known); best != "" {
		return " Did you mean " + best + "?"
	}
	return ""
}

// domains converts domains to the form that certificates, cookies and redirects have them in: lower-case ASCII, with other
// letters in the xn-- form.
func (l *loader) domains() {
	source := l.loaded.Sources["domain"]
	for i, name := range l.loaded.Config.Listen.Domains {
		ascii, err := asciiDomain(name)
		if err != nil {
			l.problem(source, "%v", err)
			l.unread = append(l.unread, "domain")
			continue
		}
		l.loaded.Config.Listen.Domains[i] = ascii
	}
}

func fieldType(key Key) reflect.Type {
	return reflect.TypeFor[Config]().FieldByIndex(key.index).Type
}

// secrets reads the files that hold secrets, or URLs with secrets.
func (l *loader) secrets() {
	for _, name := range l.names {
		if !l.keys[name].InFile {
			continue
		}
		file := l.keys[name+"-file"]
		path := file.text(&l.loaded.Config)
		if path == "" {
			continue
		}
		source := l.loaded.Sources[file.Name]
		if other := l.loaded.Sources[name]; other != "" {
			l.problem(source, "%s is also given, by %s: use only one of them", name, other)
			continue
		}
		raw, err := l.in.ReadFile(path)
		if err != nil {
			l.problem(source, "%s", fileAdvice(err))
			l.unread = append(l.unread, name)
			continue
		}
		l.set(name, string(raw), source+" ("+path+")")
		if l.loaded.Sources[name] != "" && l.keys[name].text(&l.loaded.Config) == "" {
			l.problem(source, "%s is empty: it must hold the value", path)
		}
	}
}

// fileAdvice says why a file can't be read, and what to do.
func fileAdvice(err error) string {
	advice := "name a readable file"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		advice = "name a file that exists"
	case errors.Is(err, fs.ErrPermission):
		advice = "let the user who runs imperio read it"
	}
	return err.Error() + ": " + advice
}

// Known says whether name is a key.
func Known(name string) bool { return known()[name] }

// known has the names of all keys. Listing them takes reflection, and the command line asks for each of its flags.
var known = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{fileKey: true, envFileKey: true}
	for _, k := range Keys() {
		names[k.Name] = true
	}
	return names
})
