package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// InstalledEnvFile and InstalledDataDir are where a casino that was installed on this machine has its configuration and, unless that
// says otherwise, its data. The operators' verbs find it there; see Input.Installed.
const (
	InstalledEnvFile = "/etc/imperio/imperio.env"
	InstalledDataDir = "/var/lib/imperio"
)

// envFile reads the file of environment variables, if one is named.
func (l *loader) envFile(environ map[string]string) map[string]string {
	path := l.envPath(environ)
	if path == "" {
		return nil
	}
	where := "env file " + path
	l.loaded.EnvFile = path
	raw, err := l.in.ReadFile(path)
	if err != nil {
		l.problem(where, "%s", fileAdvice(err))
		l.fileless = true
		return nil
	}
	values := make(map[string]string)
	lines := make(map[string]int)
	names := l.variables()
	for v, err := range assignments(string(raw)) {
		at := fmt.Sprintf("%s, line %d", where, v.line)
		switch name, known := names[v.name]; {
		case err != nil:
			l.problem(at, "%v", err)
			l.fileless = true
		case !strings.HasPrefix(v.name, EnvPrefix):
			l.problem(at, "%s does not configure imperio: this file takes only names that begin with %s. What else the service needs in its environment goes into a drop-in of its unit ('systemctl edit imperio', with [Service] and Environment=%s=…)", v.name, EnvPrefix, v.name)
		case name == envFileKey:
			l.problem(at, "an env file can't name another one: leave out the line")
		case !known:
			l.unread = append(l.unread, names[nearest(v.name, l.variableNames())])
			l.problem(at, "%s: no such key: see 'imperio config reference'.%s", v.name, suggestion(v.name, l.variableNames()))
		case v.value == "": // not set
		case lines[name] != 0:
			l.problem(at, "%s is already set in line %d: leave out one of the two lines", v.name, lines[name])
			l.unread = append(l.unread, name)
		default:
			values[name], lines[name] = v.value, v.line
		}
	}
	l.envLines = lines
	return values
}

// envPath is the path of the file to read; "" for none.
func (l *loader) envPath(environ map[string]string) string {
	path, given := l.in.Flags[envFileKey]
	if !given {
		path = environ[envFileKey]
	}
	if path == "" && l.in.Installed && !l.named(environ) {
		if _, err := l.in.ReadFile(InstalledEnvFile); err == nil {
			path = InstalledEnvFile
		}
	}
	return path
}

// named says whether anything else says which casino is meant: a flag, a variable, or a casino in the current directory.
func (l *loader) named(environ map[string]string) bool {
	for _, name := range []string{envFileKey, fileKey, "data-dir"} {
		if l.in.Flags[name] != "" || environ[name] != "" {
			return true
		}
	}
	return l.in.Exists != nil && l.in.Exists(Default().Data.Dir)
}

// installedDataDir is the default of the data directory for an installed casino: the same for its service and for operators' verbs.
func (l *loader) installedDataDir() {
	if l.loaded.EnvFile == InstalledEnvFile && l.loaded.Sources["data-dir"] == "" {
		l.set("data-dir", InstalledDataDir, "default of the installed casino")
	}
}

// variables are the keys by the names of their variables.
func (l *loader) variables() map[string]string {
	byEnv := map[string]string{envName(fileKey): fileKey, envName(envFileKey): envFileKey}
	for name, key := range l.keys {
		byEnv[key.Env] = name
	}
	return byEnv
}

// variableNames are the names of the variables, in order.
func (l *loader) variableNames() []string {
	known := make([]string, 0, len(l.keys)+2)
	for variable := range l.variables() {
		known = append(known, variable)
	}
	slices.Sort(known)
	return known
}

// assignment is one NAME=value of an env file, and the number of the line that it begins in.
type assignment struct {
	name, value string
	line        int
}

// assignments reads an env file by the rules of systemd's EnvironmentFile=: comments that begin with # or ;, blanks around names and
// values, values in quotes, \ before a character that is meant as it is, and \ at the end of a line that goes on in the next. What
// systemd ignores or takes otherwise than it looks is a mistake here: a line without =, a comment after a value, text after a quote,
// a value of several lines. The error is about the line of the assignment.
func assignments(text string) func(yield func(assignment, error) bool) {
	return func(yield func(assignment, error) bool) {
		lines := strings.Split(text, "\n")
		for i := 0; i < len(lines); i++ {
			a := assignment{line: i + 1}
			line := strings.TrimLeftFunc(lines[i], isBlank)
			if line == "" || line[0] == '#' || line[0] == ';' {
				continue
			}
			for endsInBackslash(line) {
				line = strings.TrimSuffix(line, "\r")
				line = line[:len(line)-1]
				if i++; i < len(lines) {
					line += lines[i]
				}
			}
			var err error
			a.name, a.value, err = readAssignment(line)
			if !yield(a, err) {
				return
			}
		}
	}
}

// endsInBackslash says whether a line goes on in the next one: it ends in an odd number of backslashes, outside single quotes.
func endsInBackslash(line string) bool {
	line = strings.TrimSuffix(line, "\r")
	n := len(line) - len(strings.TrimRight(line, `\`))
	_, value, _ := strings.Cut(line, "=")
	return n%2 == 1 && !strings.HasPrefix(strings.TrimLeftFunc(value, isBlank), "'")
}

func readAssignment(line string) (name, value string, err error) {
	if !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool { return r != '\t' && r != '\r' && unicode.IsControl(r) }) {
		return "", "", errors.New("the line is not plain text in UTF-8: write it again in an editor")
	}
	if strings.HasPrefix(line, "\ufeff") {
		return "", "", errors.New("the file begins with a byte order mark: save it as UTF-8 without one")
	}
	name, value, found := strings.Cut(line, "=")
	name = strings.TrimFunc(name, isBlank)
	if rest, export := strings.CutPrefix(name, "export "); export {
		return "", "", fmt.Errorf("leave out the word export: write %s=value", strings.TrimFunc(rest, isBlank))
	}
	if !found || !isVariable(name) {
		return "", "", errors.New("this is no NAME=value: begin a comment with #, or write a line such as IMPERIO_DOMAIN=casino.example")
	}
	value = strings.TrimFunc(value, isBlank)
	if value == "" {
		return name, "", nil
	}
	switch value[0] {
	case '\'', '"':
		value, err = readQuoted(value)
	default:
		value, err = readBare(value)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return name, value, err
}

// readBare reads a value without quotes: \ keeps the next character.
func readBare(text string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		case c == '\\':
		case c == '#' && i > 0 && isBlank(rune(text[i-1])):
			return "", errors.New("a comment can't follow a value: put it on a line of its own, or put the value in quotes if the # belongs to it")
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), nil
}

// readQuoted reads a value in quotes. In single quotes everything is meant as it is; in double quotes \ keeps ", \, ` and $.
func readQuoted(text string) (string, error) {
	quote := text[0]
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		c := text[i]
		switch {
		case c == quote:
			if i+1 < len(text) {
				return "", fmt.Errorf("there is more after the closing %c: leave it out, or put all of the value in quotes", quote)
			}
			return b.String(), nil
		case c == '\\' && quote == '"' && i+1 < len(text) && strings.IndexByte("\"\\`$", text[i+1]) >= 0:
			i++
			c = text[i]
		}
		b.WriteByte(c)
	}
	return "", fmt.Errorf("the value begins with %c and does not end with it: close the quotes in the same line", quote)
}

func isBlank(r rune) bool { return r == ' ' || r == '\t' || r == '\r' }

// isVariable says whether a name is one of a variable: letters, digits and underscores.
func isVariable(name string) bool {
	return name != "" && (name[0] < '0' || name[0] > '9') && strings.IndexFunc(name, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) < 0
}
