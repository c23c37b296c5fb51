package importer

import (
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"imperio/games"
	"imperio/storage/command"
)

// kind is the type of a value, whatever its column was declared as.
type kind byte

const (
	null kind = iota
	integer
	real
	boolean // number is 0 or 1
	text    // also numbers that are kept as decimal digits
	blob
)

// value is a field of a row.
type value struct {
	kind   kind
	number int64
	real   float64
	text   string // of a text or a blob: its bytes, which may be no UTF-8
}

func (v value) isNull() bool { return v.kind == null }

// string is the value as text, whatever its type is; empty for NULL.
func (v value) string() string {
	switch v.kind {
	case integer:
		return strconv.FormatInt(v.number, 10)
	case real:
		return strconv.FormatFloat(v.real, 'g', -1, 64)
	case boolean:
		return strconv.FormatBool(v.number != 0)
	}
	return v.text
}

// longestShown bounds how much of a value is shown, in characters.
const longestShown = 100

// shown is the value for people.
func (v value) shown() string {
	if v.kind == null {
		return "NULL"
	}
	s := strings.ToValidUTF8(v.string(), "\ufffd")
	if utf8.RuneCountInString(s) > longestShown {
		s = string([]rune(s)[:longestShown]) + "…"
	}
	if v.kind == text || v.kind == blob {
		return strconv.Quote(s)
	}
	return s
}

// truth is the value as a condition. ok is false for a value that is none.
func (v value) truth() (yes, ok bool) {
	switch v.kind {
	case null:
		return false, true
	case integer, boolean:
		return v.number != 0, true
	case real:
		return v.real != 0, v.real == v.real
	}
	switch strings.ToLower(strings.TrimSpace(v.text)) {
	case "", "0", "f", "false":
		return false, true
	case "1", "t", "true":
		return true, true
	}
	return false, false
}

// What is odd about an amount.
const (
	exact      = ""
	missing    = "missing"
	noNumber   = "not_a_number"
	negative   = "negative"
	fractional = "fractional"
	tooMany    = "too_many"
)

var (
	decimal     = regexp.MustCompile(`^[+-]?[0-9]{1,400}(\.[0-9]{0,400})?$`)
	exponential = regexp.MustCompile(`^[+-]?[0-9]{1,400}(\.[0-9]{0,400})?[eE][+-]?[0-9]{1,4}$`)
)

// amount is the value as a number of coins, 0 … command.MaxAmount, and what is odd about it.
func (v value) amount() (coins games.Coins, odd string) {
	switch v.kind {
	case null:
		return 0, missing
	case integer:
		switch {
		case v.number < 0:
			return 0, negative
		case v.number > int64(command.MaxAmount):
			return command.MaxAmount, tooMany
		}
		return games.Coins(v.number), exact
	case real:
		return realAmount(v.real)
	case text:
		return textAmount(strings.TrimSpace(v.text))
	}
	return 0, noNumber
}

func realAmount(f float64) (games.Coins, string) {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return 0, noNumber
	case f < 0:
		return 0, negative
	case f > float64(command.MaxAmount):
		return command.MaxAmount, tooMany
	case f != math.Floor(f):
		return games.Coins(math.Floor(f)), fractional
	}
	return games.Coins(f), exact
}

func textAmount(s string) (games.Coins, string) {
	if exponential.MatchString(s) {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil { // too large for a float64
			if strings.HasPrefix(s, "-") {
				return 0, negative
			}
			return command.MaxAmount, tooMany
		}
		return realAmount(f)
	}
	if !decimal.MatchString(s) {
		return 0, noNumber
	}
	r, ok := new(big.Rat).SetString(strings.TrimSuffix(s, "."))
	switch {
	case !ok:
		return 0, noNumber
	case r.Sign() < 0:
		return 0, negative
	case r.Cmp(new(big.Rat).SetInt64(int64(command.MaxAmount))) > 0:
		return command.MaxAmount, tooMany
	}
	whole := new(big.Int).Quo(r.Num(), r.Denom()).Int64()
	if !r.IsInt() {
		return games.Coins(whole), fractional
	}
	return games.Coins(whole), exact
}
