package command_test

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"imperio/storage/command"
)

func TestPack_UnpacksToTheSameCommands(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		commands := rapid.SliceOfN(rapid.Map(rapid.SliceOf(rapid.Byte()), func(rest []byte) []byte {
			return append([]byte{0xa4}, rest...) // a command is a map
		}), 1, 50).Draw(t, "commands")
		entry, err := command.Pack(commands)
		if err != nil {
			t.Fatal(err)
		}
		got, err := command.Unpack(entry)
		if err != nil || !reflect.DeepEqual(got, commands) {
			t.Fatalf("%x unpacks to %x, %v", entry, got, err)
		}
		for cut := 1; cut < len(entry) && len(commands) > 1; cut += 1 + len(entry)/20 {
			if got, err := command.Unpack(entry[:cut]); err == nil {
				t.Fatalf("the first %d bytes of %x unpack to %x", cut, entry, got)
			}
		}
	})
}

// What is in a log must be read for ever.
func TestPack_Golden(t *testing.T) {
	const want = "8242a10143a10203"
	entry, err := command.Pack([][]byte{{0xa1, 1}, {0xa1, 2, 3}})
	if got := hex.EncodeToString(entry); err != nil || got != want {
		t.Errorf("packed to %s, %v; want %s", got, err, want)
	}
	if one, err := command.Pack([][]byte{{0xa1, 1}}); err != nil || !bytes.Equal(one, []byte{0xa1, 1}) {
		t.Errorf("one command is packed to %x, %v", one, err)
	}
	if none, err := command.Unpack(nil); none != nil || err != nil {
		t.Errorf("an entry without data: %x, %v", none, err)
	}
	for _, bad := range []string{"80", "8141a1", "8242a101", "8242a10143a1020300", "820102", "9f41a141a1ff"} {
		entry, err := hex.DecodeString(bad)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := command.Unpack(entry); err == nil {
			t.Errorf("%s unpacks to %x", bad, got)
		}
	}
}
