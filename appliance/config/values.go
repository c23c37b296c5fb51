package config

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Switch is a choice between on and off.
type Switch bool

// UnmarshalText takes on or off, and also true or false.
func (s *Switch) UnmarshalText(text []byte) error {
	switch string(text) {
	case "on", "true":
		*s = true
	case "off", "false":
		*s = false
	default:
		return fmt.Errorf("%q is neither on nor off", text)
	}
	return nil
}

func (s Switch) String() string {
	if s {
		return "on"
	}
	return "off"
}

// TLSMode says where certificates come from.
type TLSMode string

// The modes of TLS.
const (
	TLSOff      TLSMode = "off"      // plain HTTP
	TLSACME     TLSMode = "acme"     // from an ACME authority
	TLSFiles    TLSMode = "files"    // from the operator's files
	TLSInternal TLSMode = "internal" // from a certificate authority of the casino's own
)

// UnmarshalText takes the name of a mode.
func (m *TLSMode) UnmarshalText(text []byte) error {
	switch mode := TLSMode(text); mode {
	case TLSOff, TLSACME, TLSFiles, TLSInternal:
		*m = mode
		return nil
	}
	return fmt.Errorf("%q is not one of acme, files, internal, off", text)
}

// SignUp says who may open an account.
type SignUp string

// The ways of signing up.
const (
	SignUpOpen   SignUp = "open"   // anybody
	SignUpInvite SignUp = "invite" // whoever has an invitation
	SignUpClosed SignUp = "closed" // nobody; operators open accounts
)

// UnmarshalText takes the name of a way.
func (s *SignUp) UnmarshalText(text []byte) error {
	switch way := SignUp(text); way {
	case SignUpOpen, SignUpInvite, SignUpClosed:
		*s = way
		return nil
	}
	return fmt.Errorf("%q is not one of open, invite, closed", text)
}

// Season says how long a season of the boards lasts.
type Season string

// The seasons.
const (
	SeasonMonth Season = "month" // a calendar month, UTC
	SeasonOff   Season = "off"   // there are none
)

// UnmarshalText takes the name of a season.
func (s *Season) UnmarshalText(text []byte) error {
	switch season := Season(text); season {
	case SeasonMonth, SeasonOff:
		*s = season
		return nil
	}
	return fmt.Errorf("%q is not one of month, off", text)
}

// HSTSMode says for which hosts browsers shall remember to use HTTPS only.
type HSTSMode string

// The modes of HSTS.
const (
	HSTSOff        HSTSMode = "off"        // no header
	HSTSHost       HSTSMode = "host"       // this host alone
	HSTSSubdomains HSTSMode = "subdomains" // and all its subdomains
	HSTSPreload    HSTSMode = "preload"    // the same, in the form that browsers' preload lists require
)

// UnmarshalText takes the name of a mode.
func (m *HSTSMode) UnmarshalText(text []byte) error {
	switch mode := HSTSMode(text); mode {
	case HSTSOff, HSTSHost, HSTSSubdomains, HSTSPreload:
		*m = mode
		return nil
	}
	return fmt.Errorf("%q is not one of off, host, subdomains, preload", text)
}

// LogFormat is the format of log lines.
type LogFormat string

// The formats of log lines.
const (
	LogText LogFormat = "text" // key=value, for people
	LogJSON LogFormat = "json" // one object a line, for machines
)

// UnmarshalText takes the name of a format.
func (f *LogFormat) UnmarshalText(text []byte) error {
	switch format := LogFormat(text); format {
	case LogText, LogJSON:
		*f = format
		return nil
	}
	return fmt.Errorf("%q is neither text nor json", text)
}

// Rate is how often something may happen, on average.
type Rate struct {
	Events int           // 0: no limit
	Per    time.Duration // a second, a minute, an hour or a day
}

// off is the text for no limit.
const off = "off"

var rateUnits = []struct {
	letter string
	per    time.Duration
}{{"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}, {"d", 24 * time.Hour}}

// UnmarshalText takes a number per unit of time (10/s, 5/m, 3/h, 1/d), or off.
func (r *Rate) UnmarshalText(text []byte) error {
	if string(text) == off {
		*r = Rate{0, time.Second}
		return nil
	}
	number, letter, found := strings.Cut(string(text), "/")
	events, err := strconv.Atoi(number)
	if found && err == nil && events >= 1 && events <= 1_000_000 {
		for _, unit := range rateUnits {
			if unit.letter == letter {
				*r = Rate{events, unit.per}
				return nil
			}
		}
	}
	return fmt.Errorf("%q is neither off nor a rate such as 10/s, 5/m, 3/h or 1/d, with a number from 1 to 1000000", text)
}

func (r Rate) String() string {
	if r.Off() {
		return off
	}
	for _, unit := range rateUnits {
		if unit.per == r.Per {
			return strconv.Itoa(r.Events) + "/" + unit.letter
		}
	}
	return fmt.Sprintf("%d/%v", r.Events, r.Per)
}

// Off says whether there is no limit.
func (r Rate) Off() bool { return r.Events == 0 }

// PerSecond is the rate in events per second.
func (r Rate) PerSecond() float64 {
	return float64(r.Events) / r.Per.Seconds()
}

// Cap is how many of something there may be at once; 0: no limit.
type Cap int

// UnmarshalText takes a whole number, or off.
func (c *Cap) UnmarshalText(text []byte) error {
	if string(text) == off {
		*c = 0
		return nil
	}
	n, err := strconv.Atoi(string(text))
	if err != nil {
		return fmt.Errorf("%q is neither off nor a whole number", text)
	}
	*c = Cap(n)
	return nil
}

func (c Cap) String() string {
	if c == 0 {
		return off
	}
	return strconv.Itoa(int(c))
}

// ByteSize is a number of bytes.
type ByteSize int64

var byteUnits = []struct {
	name string
	size ByteSize
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// UnmarshalText takes a whole number with KiB, MiB, GiB or TiB, or without a unit for bytes.
func (b *ByteSize) UnmarshalText(text []byte) error {
	number, factor := string(text), ByteSize(1)
	for _, unit := range byteUnits {
		if rest, found := strings.CutSuffix(number, unit.name); found {
			number, factor = rest, unit.size
			break
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
	if err != nil || n < 0 || n > int64(1<<62/factor) {
		return fmt.Errorf("%q is not a size such as 256MiB or 1GiB", text)
	}
	*b = ByteSize(n) * factor
	return nil
}

func (b ByteSize) String() string {
	for _, unit := range byteUnits {
		if b >= unit.size && b%unit.size == 0 {
			return strconv.FormatInt(int64(b/unit.size), 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// Secret is a string that is never printed: fmt, slog and JSON see only whether it is empty.
type Secret string

const mask = "********"

// UnmarshalText takes one word. Editors and shells leave blanks and line breaks at its end, and a byte order mark before it;
// these are removed. Anything else that is not printable can't be part of a secret.
func (s *Secret) UnmarshalText(text []byte) error {
	word := strings.TrimRight(strings.TrimPrefix(string(text), "\ufeff"), " \t\r\n")
	for _, c := range word {
		switch {
		case c == '\n' || c == '\r':
			return errors.New("a secret is one line, and this has several: leave only the secret")
		case c == ' ' || c == '\t':
			return errors.New("a secret has no blanks inside or before it: leave only the secret")
		case c == utf8.RuneError || !unicode.IsPrint(c):
			return errors.New("a secret is plain text, and this has other bytes: write it as UTF-8 or ASCII")
		}
	}
	*s = Secret(word)
	return nil
}

func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return mask
}

// GoString masks the secret in %#v.
func (s Secret) GoString() string { return strconv.Quote(s.String()) }

// MarshalText masks the secret in JSON and TOML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue masks the secret in logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Reveal is the secret itself.
func (s Secret) Reveal() string { return string(s) }

// Key32 decodes a key of 32 bytes, written as 64 hexadecimal digits or in base64.
func (s Secret) Key32() ([32]byte, error) {
	var key [32]byte
	decoders := []func(string) ([]byte, error){
		hex.DecodeString, base64.StdEncoding.DecodeString, base64.RawStdEncoding.DecodeString,
		base64.URLEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
	}
	for _, decode := range decoders {
		if raw, err := decode(string(s)); err == nil && len(raw) == len(key) {
			return [32]byte(raw), nil
		}
	}
	return key, fmt.Errorf("not 32 bytes as 64 hexadecimal digits or in base64")
}
