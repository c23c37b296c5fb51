package config

import (
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// Input has the sources of a configuration.
type Input struct {
	// Flags are the command line's values by key, with the type of the field in Config. "config" names the file to
	// read, if any. Names that are not keys are ignored: a verb may have other flags.
	Flags map[string]any
	// Environ are the environment variables, each NAME=value. Those without the prefix IMPERIO_ are ignored.
	Environ []string
	// ReadFile reads the configuration file and the files of secrets: os.ReadFile, except in tests.
	ReadFile func(name string) ([]byte, error)
}

// Loaded is a configuration and where each of its values came from.
type Loaded struct {
	Config Config
	// Sources says by key where the value came from, in words: "flag --data-dir", "environment IMPERIO_DATA_DIR",
	// "file imperio.toml", "default".
	Sources map[string]string
}

// Load reads the configuration, and changes nothing on the disk. It reports all mistakes in the input at once, as
// Problems. Validate checks whether the values fit together.
func Load(in Input) (*Loaded, error) {
	l := loader{in: in, keys: make(map[string]Key), loaded: &Loaded{Config: Default(), Sources: make(map[string]string)}}
	for _, key := range Keys() {
		l.keys[key.Name] = key
		l.names = append(l.names, key.Name)
	}
	environ := l.environment()
	l.file(environ)
	for _, name := range l.names {
		if text, found := environ[name]; found {
			l.set(name, text, "environment "+envName(name))
		}
	}
	l.flags()
	l.secrets()
	reasons := l.loaded.Config.derive(func(key string) bool { return l.loaded.Sources[key] != "" })
	for _, name := range l.names {
		if l.loaded.Sources[name] == "" {
			l.loaded.Sources[name] = "default"
			if reason := reasons[name]; reason != "" {
				l.loaded.Sources[name] = "default, " + reason
			}
		}
	}
	if len(l.problems) > 0 {
		return nil, l.problems
	}
	return l.loaded, nil
}

type loader struct {
	in       Input
	keys     map[string]Key
	names    []string // of keys, in order
	loaded   *Loaded
	problems Problems
}

func (l *loader) problem(where, format string, args ...any) {
	l.problems = append(l.problems, Problem{Where: where, Message: fmt.Sprintf(format, args...)})
}

func (l *loader) set(name, text, source string) {
	if err := l.keys[name].set(&l.loaded.Config, text); err != nil {
		l.problem(source, "%v", err)
		return
	}
	l.loaded.Sources[name] = source
}

// environment returns the environment's values by key, and reports variables that are not keys.
func (l *loader) environment() map[string]string {
	values := make(map[string]string)
	byEnv := map[string]string{envName(fileKey): fileKey}
	for name, key := range l.keys {
		byEnv[key.Env] = name
	}
	var unknown []string
	for _, entry := range l.in.Environ {
		variable, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(variable, EnvPrefix) {
			continue
		}
		if name, found := byEnv[variable]; found {
			values[name] = value
		} else {
			unknown = append(unknown, variable)
		}
	}
	sort.Strings(unknown)
	known := make([]string, 0, len(byEnv))
	for variable := range byEnv {
		known = append(known, variable)
	}
	sort.Strings(known)
	for _, variable := range unknown {
		hint := suggestion(variable, known)
		if strings.HasPrefix(variable, "IMPERIO_SERVICE_") || strings.HasPrefix(variable, "IMPERIO_PORT") {
			// Kubernetes sets such variables in each pod for a service named "imperio".
			hint = " If Kubernetes has set it, set enableServiceLinks: false in the pod."
		}
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

// file reads the configuration file, if one is named.
func (l *loader) file(environ map[string]string) {
	path := environ[fileKey]
	if given, ok := l.in.Flags[fileKey].(string); ok {
		path = given
	}
	if path == "" {
		return
	}
	where := "file " + path
	raw, err := l.in.ReadFile(path)
	if err != nil {
		l.problem(where, "%s", fileAdvice(err))
		return
	}
	var values map[string]any
	if err := toml.Unmarshal(raw, &values); err != nil {
		l.problem(where, "%v: it must be TOML, with lines such as data-dir = \"/var/lib/imperio\"", err)
		return
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if _, known := l.keys[name]; !known {
			l.problem(where, "no key %q: see 'imperio config reference'.%s", name, suggestion(name, l.names))
			continue
		}
		text, err := tomlText(values[name], l.keys[name])
		if err != nil {
			l.problem(where, "%s: %v", name, err)
			continue
		}
		l.set(name, text, where)
	}
}

// tomlText spells a value of the file as in the environment.
func tomlText(value any, key Key) (string, error) {
	isList := fieldType(key).Kind() == reflect.Slice
	switch value := value.(type) {
	case string:
		return value, nil
	case int64:
		return strconv.FormatInt(value, 10), nil
	case bool:
		return strconv.FormatBool(value), nil
	case []any:
		if !isList {
			return "", fmt.Errorf("needs one value, not a list")
		}
		parts := make([]string, len(value))
		for i, element := range value {
			text, ok := element.(string)
			if !ok {
				return "", fmt.Errorf("element %d must be a string in quotes", i+1)
			}
			parts[i] = text
		}
		return strings.Join(parts, ","), nil
	}
	return "", fmt.Errorf("needs a string, a whole number, true, false or a list")
}

func fieldType(key Key) reflect.Type {
	return reflect.TypeFor[Config]().FieldByIndex(key.index).Type
}

// flags takes the command line's values.
func (l *loader) flags() {
	for _, name := range l.names {
		given, found := l.in.Flags[name]
		if !found {
			continue
		}
		field := reflect.ValueOf(&l.loaded.Config).Elem().FieldByIndex(l.keys[name].index)
		value := reflect.ValueOf(given)
		if !value.IsValid() || value.Type() != field.Type() {
			// A verb declares this flag with another type: our mistake, not the operator's.
			l.problem("flag --"+name, "has type %T, but the key has type %s", given, field.Type())
			continue
		}
		field.Set(value)
		l.loaded.Sources[name] = "flag --" + name
	}
}

// secrets reads the files that hold secrets.
func (l *loader) secrets() {
	for _, name := range l.names {
		if !l.keys[name].Secret {
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
			continue
		}
		text := strings.TrimRight(string(raw), "\r\n")
		if text == "" {
			l.problem(source, "%s is empty: it must hold the secret", path)
			continue
		}
		l.set(name, text, source+" ("+path+")")
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
func Known(name string) bool {
	return name == fileKey || slices.ContainsFunc(Keys(), func(k Key) bool { return k.Name == name })
}
