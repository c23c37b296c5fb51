package config

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// file reads the configuration file, if one is named.
func (l *loader) file(environ, envFile map[string]string) {
	path := cmp.Or(environ[fileKey], envFile[fileKey])
	if given, ok := l.in.Flags[fileKey]; ok {
		path = given
	}
	if path == "" {
		return
	}
	where := "file " + path
	raw, err := l.in.ReadFile(path)
	if err != nil {
		l.problem(where, "%s", fileAdvice(err))
		l.fileless = true
		return
	}
	var values map[string]toml.Primitive
	positions, err := toml.Decode(string(raw), &values)
	if err != nil {
		l.problem(where, "%v: it must be TOML, with lines such as data-dir = \"/var/lib/imperio\"", err)
		l.fileless = true
		return
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		line, value := 0, any(nil)
		// The library says where a key stands only when it reports that its value is refused.
		seen := positions.PrimitiveDecode(values[name], reader(func(v any) error { value = v; return errPosition }))
		if refused, ok := errors.AsType[toml.ParseError](seen); ok {
			line = refused.Position.Line
		}
		at := fmt.Sprintf("%s, line %d, key %s", where, line, name)
		if _, known := l.keys[name]; !known {
			l.unread = append(l.unread, nearest(name, l.names))
			l.problem(at, "no such key: see 'imperio config reference'.%s", suggestion(name, l.names))
			continue
		}
		text, err := tomlText(value, l.keys[name])
		if err != nil {
			l.problem(at, "%v", err)
			l.unread = append(l.unread, name)
			continue
		}
		l.setFrom(name, text, where, at)
	}
}

// reader is a value of the file that a function reads.
type reader func(value any) error

// UnmarshalTOML is called by the TOML library.
func (r reader) UnmarshalTOML(value any) error { return r(value) }

var errPosition = errors.New("only the position is wanted")

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
