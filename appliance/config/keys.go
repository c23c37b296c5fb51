package config

import (
	"encoding"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// EnvPrefix is the prefix of all environment variables of the configuration.
const EnvPrefix = "IMPERIO_"

// fileKey names the configuration file itself: it is a flag and an environment variable, but not a key in the file.
const fileKey = "config"

// envFileKey names the env file: it is a flag and an environment variable, but not a key in a file.
const envFileKey = "env-file"

// Key describes one key of the configuration.
type Key struct {
	Field  string // the field of Config, e.g. "Dir"
	Name   string // in flags and in the file, e.g. "data-dir"
	Env    string // the environment variable, e.g. "IMPERIO_DATA_DIR"
	Group  string // its heading in the reference
	Type   string // what a value looks like, in words
	Help   string // what it does
	Secret bool   // never printed
	Flag   bool   // it has a flag
	InFile bool   // the key NAME-file may name a file that holds the value
	Reload bool   // a reload is enough for a change; else it needs a restart

	index []int // of the field in Config
}

// Keys lists all keys, in the order of the reference.
func Keys() []Key {
	return appendKeys(nil, reflect.TypeFor[Config](), nil)
}

func appendKeys(keys []Key, t reflect.Type, index []int) []Key {
	for i := range t.NumField() {
		field := t.Field(i)
		at := append(append([]int(nil), index...), i)
		name := field.Tag.Get("name")
		if name == "" {
			keys = appendKeys(keys, field.Type, at)
			continue
		}
		keys = append(keys, Key{
			Field:  field.Name,
			Name:   name,
			Env:    envName(name),
			Group:  field.Tag.Get("group"),
			Type:   typeName(field),
			Help:   field.Tag.Get("help"),
			Secret: field.Type == reflect.TypeFor[Secret](),
			Flag:   field.Tag.Get("kong") != "-",
			InFile: field.Type == reflect.TypeFor[Secret]() || field.Type == reflect.TypeFor[NotifyURLs](),
			Reload: field.Tag.Get("reload") == "yes",
			index:  at,
		})
	}
	return keys
}

func envName(key string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(key, "-", "_"))
}

func typeName(field reflect.StructField) string {
	switch field.Type {
	case reflect.TypeFor[Switch]():
		return "on or off"
	case reflect.TypeFor[bool]():
		return "true or false"
	case reflect.TypeFor[time.Duration]():
		return "duration (90s, 5m, 24h)"
	case reflect.TypeFor[ByteSize]():
		return "size (256MiB)"
	case reflect.TypeFor[Rate]():
		return "rate (10/s, 5/m, 3/h) or off"
	case reflect.TypeFor[Cap]():
		return "whole number or off"
	case reflect.TypeFor[TLSMode]():
		return "acme, files, internal or off"
	case reflect.TypeFor[SignUp]():
		return "open, invite or closed"
	case reflect.TypeFor[Season]():
		return "month or off"
	case reflect.TypeFor[HSTSMode]():
		return "off, host, subdomains or preload"
	case reflect.TypeFor[LogFormat]():
		return "text or json"
	case reflect.TypeFor[Schedule]():
		return "schedule of cron or off"
	case reflect.TypeFor[Compression]():
		return "zstd or gzip"
	case reflect.TypeFor[slog.Level]():
		return "debug, info, warn or error"
	case reflect.TypeFor[Secret]():
		return "secret"
	}
	switch field.Type.Kind() {
	case reflect.Slice:
		element := strings.ToLower(field.Tag.Get("placeholder"))
		if element == "url" {
			element = "URL"
		}
		return "list of " + element + "s, separated by commas"
	case reflect.Int, reflect.Int64:
		return "whole number"
	}
	return "text"
}

// text is the key's value in c, spelled as in the environment. Secrets are masked.
func (k Key) text(c *Config) string {
	return formatValue(reflect.ValueOf(c).Elem().FieldByIndex(k.index))
}

func formatValue(v reflect.Value) string {
	switch value := v.Interface().(type) {
	case time.Duration:
		return formatDuration(value)
	case slog.Level:
		return strings.ToLower(value.String())
	case fmt.Stringer:
		return value.String()
	}
	if v.Kind() == reflect.Slice {
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = formatValue(v.Index(i))
		}
		return strings.Join(parts, ",")
	}
	return fmt.Sprint(v.Interface())
}

// formatDuration writes 24h0m0s as 24h.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// set parses text into the key's field of c.
func (k Key) set(c *Config, text string) error {
	return parseValue(reflect.ValueOf(c).Elem().FieldByIndex(k.index), text)
}

func parseValue(v reflect.Value, text string) error {
	switch target := v.Addr().Interface().(type) {
	case *slog.Level:
		if err := target.UnmarshalText([]byte(text)); err != nil {
			return fmt.Errorf("%q is not one of debug, info, warn, error", text)
		}
		return nil
	case *netip.Prefix:
		network, err := parseNetwork(text)
		if err == nil {
			*target = network
		}
		return err
	case encoding.TextUnmarshaler:
		return target.UnmarshalText([]byte(text))
	}
	if v.Type() == reflect.TypeFor[time.Duration]() {
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is not a duration such as 90s, 5m or 24h", text)
		}
		v.SetInt(int64(d))
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		v.SetInt(n)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		v.SetBool(b)
	case reflect.Slice:
		list := reflect.MakeSlice(v.Type(), 0, 0)
		for part := range strings.SplitSeq(text, ",") {
			part = strings.TrimSpace(part)
			if part == "" {
				continue
			}
			element := reflect.New(v.Type().Elem()).Elem()
			if err := parseValue(element, part); err != nil {
				return err
			}
			list = reflect.Append(list, element)
		}
		v.Set(list)
	default:
		return fmt.Errorf("keys of type %s can't be parsed", v.Type())
	}
	return nil
}

// nearest is the candidate that a mistyped name most likely stands for; "" if none is close.
func nearest(name string, candidates []string) string {
	best, bestDistance := "", len(name)/3+2
	for _, candidate := range candidates {
		if d := editDistance(name, candidate); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// editDistance is how many letters to insert, delete or replace to turn a into b (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := diagonal
			if a[i-1] != b[j-1] {
				replace++
			}
			diagonal = row[j]
			row[j] = min(replace, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
