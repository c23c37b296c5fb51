package command_test

import (
	"encoding/hex"
	"errors"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"imperio/storage/command"
)

func TestPack_UnpacksToTheSameTimeAndCommands(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.UnixMilli(rapid.Int64Range(0, command.ForEver.UnixMilli()).Draw(t, "time")).UTC()
		commands := rapid.SliceOfN(rapid.SliceOf(rapid.Byte()), 1, 50).Draw(t, "commands")
		entry, err := command.Pack(at, commands)
		if err != nil {
			t.Fatal(err)
		}
		when, got, err := command.Unpack(entry)
		if err != nil || !when.Equal(at) || !reflect.DeepEqual(got, commands) {
			t.Fatalf("%x unpacks to %x at %v, %v", entry, got, when, err)
		}
		for cut := 1; cut < len(entry); cut += 1 + len(entry)/20 {
			if _, got, err := command.Unpack(entry[:cut]); err == nil {
				t.Fatalf("the first %d bytes of %x unpack to %x", cut, entry, got)
			}
		}
	})
}

// A log must stay readable for ever.
func TestPack_Golden(t *testing.T) {
	at := time.UnixMilli(0x123456)
	for want, commands := range map[string][][]byte{
		"821a001234568142a101":         {{0xa1, 1}},
		"821a001234568242a10143a10203": {{0xa1, 1}, {0xa1, 2, 3}},
	} {
		entry, err := command.Pack(at, commands)
		if got := hex.EncodeToString(entry); err != nil || got != want {
			t.Errorf("packed to %s, %v; want %s", got, err, want)
		}
		if when, got, err := command.Unpack(entry); err != nil || !when.Equal(at) || !reflect.DeepEqual(got, commands) {
			t.Errorf("%s unpacks to %x at %v, %v", want, got, when, err)
		}
	}
	if at, none, err := command.Unpack(nil); !at.IsZero() || none != nil || err != nil {
		t.Errorf("an entry without data: %x at %v, %v", none, at, err)
	}
	for what, bad := range map[string]string{
		"nothing":                "80",
		"no list of commands":    "8101",
		"no commands":            "820180",
		"a map":                  "a10102",
		"a negative time":        "82208142a101",
		"a time after for ever":  "821b0000e677d21fdc008142a101",
		"more than it says":      "82018142a10100",
		"numbers for commands":   "82018102",
		"a third part":           "83018142a10102",
		"no definite length":     "9f018142a101ff",
		"a command on its own":   "a10142a101",
		"a text for the time":    "8261318142a101",
		"commands in the middle": "824142a10101",
	} {
		entry, err := hex.DecodeString(bad)
		if err != nil {
			t.Fatal(err)
		}
		at, got, err := command.Unpack(entry)
		if err == nil {
			t.Errorf("%s: %s unpacks to %x at %v", what, bad, got, at)
		}
		if newer := errors.As(err, new(*command.NewerError)); newer != (what == "a third part") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
