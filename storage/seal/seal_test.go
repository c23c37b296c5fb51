package seal_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"imperio/storage/command"
	"imperio/storage/seal"
)

var (
	ours   = seal.New([seal.KeySize]byte{1})
	theirs = seal.New([seal.KeySize]byte{2})
)

func drawSeed(t *rapid.T, name string) command.Seed {
	return command.Seed(rapid.SliceOfN(rapid.Byte(), command.SeedSize, command.SeedSize).Draw(t, name))
}

// A seed opens with its key, has one box, and opens with nothing altered and no other key.
func TestSealSeed_OpensWhatWasSealedAndNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := drawSeed(t, "seed")
		sealed := ours.SealSeed(seed)
		if sealed.Commitment != sha256.Sum256(seed[:]) {
			t.Fatalf("commitment %x", sealed.Commitment)
		}
		if got, ok := ours.OpenSeed(sealed); !ok || got != seed {
			t.Fatalf("opened as %x, %v", got, ok)
		}
		if again := ours.SealSeed(seed); again != sealed {
			t.Fatal("a seed has two boxes")
		}
		if bytes.Contains(sealed.Box[:], seed[:8]) {
			t.Fatal("the box shows the seed")
		}
		if _, ok := theirs.OpenSeed(sealed); ok {
			t.Fatal("another key opens it")
		}
		altered := sealed
		if i := rapid.IntRange(0, 32+len(sealed.Box)-1).Draw(t, "byte"); i < 32 {
			altered.Commitment[i] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		} else {
			altered.Box[i-32] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		}
		if _, ok := ours.OpenSeed(altered); ok {
			t.Fatal("an altered seal opens")
		}
		other := drawSeed(t, "other seed")
		if other == seed {
			return
		}
		swapped := sealed
		swapped.Box = ours.SealSeed(other).Box
		if _, ok := ours.OpenSeed(swapped); ok {
			t.Fatal("the box of another seed opens under this commitment")
		}
	})
}

func TestCommand_SealsEveryServerSeed(t *testing.T) {
	entropy := bytes.Repeat([]byte{7}, 2*command.SeedSize)
	entropy[0] = 8
	c := ours.Command(command.Command{Entropy: entropy, Body: command.OpenAccount{Username: "Ann"}})
	if len(c.Entropy) != 0 || len(c.Seeds) != 2 {
		t.Fatalf("%+v", c)
	}
	for i, s := range c.Seeds {
		if seed, ok := ours.OpenSeed(s); !ok || !bytes.Equal(seed[:], entropy[i*command.SeedSize:][:command.SeedSize]) {
			t.Errorf("seed %d is %x, %v", i, seed, ok)
		}
	}
	data, err := command.Encode(c)
	if err != nil || bytes.Contains(data, entropy[1:20]) {
		t.Errorf("the encoded command shows a seed (%v): %x", err, data)
	}
	if _, err := command.Encode(command.Command{Entropy: entropy, Body: command.RotateSeed{ClientSeed: "x"}}); err == nil {
		t.Error("a command was encoded with its seeds in clear")
	}
}

func TestSubjects_TellKindsAndKeysApart(t *testing.T) {
	seen := map[command.Subject]string{{}: "nobody"}
	for name, s := range map[string]command.Subject{
		"login": ours.Login("ann"), "another login": ours.Login("ben"), "another key": theirs.Login("ann"),
		"network": ours.Network("ann"), "account": ours.Account(1000), "another account": ours.Account(1001), "session": ours.Session(1000),
		"device": ours.Device(1000, [16]byte{1}), "another device": ours.Device(1000, [16]byte{2}), "another's device": ours.Device(1001, [16]byte{1}),
		"from": ours.From(1000, command.Subject{1}), "from elsewhere": ours.From(1000, command.Subject{2}), "another from there": ours.From(1001, command.Subject{1}),
	} {
		if other, ok := seen[s]; ok {
			t.Errorf("%s and %s are one subject", name, other)
		}
		seen[s] = name
	}
	if ours.Login("ann") != seal.New([seal.KeySize]byte{1}).Login("ann") {
		t.Error("a login is another subject after a restart")
	}
}

func TestPassword_OpensWithItsKeyAlone(t *testing.T) {
	const hash = "$2a$12$abcdefghijklmnopqrstuvwxyz"
	sealed := ours.SealPassword(hash)
	if strings.Contains(sealed, hash[7:]) || sealed == ours.SealPassword(hash) {
		t.Errorf("%s shows the hash, or that two hashes are the same", sealed)
	}
	if got, err := ours.OpenPassword(sealed); err != nil || got != hash {
		t.Errorf("opened as %q, %v", got, err)
	}
	if _, err := theirs.OpenPassword(sealed); !errors.Is(err, seal.ErrSealed) {
		t.Errorf("another key: %v", err)
	}
	for i := range sealed {
		altered := []byte(sealed)
		altered[i] ^= 4
		if _, err := ours.OpenPassword(string(altered)); err == nil {
			t.Errorf("byte %d altered, and it opens", i)
		}
		if _, err := ours.OpenPassword(sealed[:i]); err == nil {
			t.Errorf("cut to %d bytes, and it opens", i)
		}
	}
}

// The id, and every key, is one of its own: who has one can't use it for anything else.
func TestNew_DerivesKeysThatStandApart(t *testing.T) {
	id := ours.ID()
	if id == theirs.ID() || id == (command.KeyID{}) || bytes.HasPrefix(ours.Certificates(), id[:]) {
		t.Errorf("id %x, certificates %x", id, ours.Certificates())
	}
	if bytes.Equal(ours.Certificates(), theirs.Certificates()) {
		t.Error("two casinos have one key for certificates")
	}
}

// What is sealed today must open for ever. These vectors hold the derivation of keys and the forms of all boxes.
func TestSeal_Vectors(t *testing.T) {
	var key [seal.KeySize]byte
	var seed command.Seed
	for i := range key {
		key[i], seed[i] = byte(i), byte(2*i)
	}
	k := seal.New(key)
	sealed := k.SealSeed(seed)
	for _, v := range []struct {
		name string
		got  []byte
		want string
	}{
		{"id", id(k.ID()), vectorID},
		{"box", sealed.Box[:], vectorBox},
		{"login", subject(k.Login("ann")), vectorLogin},
		{"account", subject(k.Account(1000)), vectorAccount},
		{"device", subject(k.Device(1000, [16]byte{1})), vectorDevice},
		{"from", subject(k.From(1000, command.Subject{1})), vectorFrom},
		{"session", subject(k.Session(7)), vectorSession},
		{"network", subject(k.Network("192.0.2.1")), vectorNetwork},
		{"devices", devices(k.Devices([]byte("content"))), vectorDevices},
		{"certificates", k.Certificates(), vectorCertificates},
	} {
		if got := hex.EncodeToString(v.got); got != v.want {
			t.Errorf("%s is %s, and was %s", v.name, got, v.want)
		}
	}
	if hash, err := k.OpenPassword(vectorPassword); err != nil || hash != "$2a$12$x" {
		t.Errorf("the password hash opens as %q, %v", hash, err)
	}
}

const (
	vectorID           = "1e7ba809d7f77a04edbeac5a73b1cb58"
	vectorBox          = "0fcf7e2b39e60f55a59e3bac772e13348d6fbb10d07c67c2679b9810f6fcf2f90afd9476e41e40e2ecf23f79d9127dd0"
	vectorLogin        = "56b1d90ffdf015393df6e08da5985253"
	vectorAccount      = "7b46c9d129c72bf9dff7b032ce91aa55"
	vectorDevice       = "714f6c03aec239135b5a9c28a565758d"
	vectorFrom         = "ceb5f4826e686a63223090d2ddf352f3"
	vectorSession      = "3df1235f3e082087e626ca449208d3de"
	vectorNetwork      = "aa626ca09e11491b8dee11b0fcf244db"
	vectorDevices      = "d97c5f2ee2157877dd0af44901a68152509d081e34499293d9295910af2f4350"
	vectorCertificates = "f504b475fc8a57bc35b4d28399643ab6f625d6132c6a21411940d1247f408be9"
	vectorPassword     = "sealed1:LL8Pz0xrWYeKwi+Q+CEcubJiTrdmWNGJ7CI+zX7kND9yJ6Yg"
)

func id(k command.KeyID) []byte        { return k[:] }
func subject(s command.Subject) []byte { return s[:] }
func devices(sum [32]byte) []byte      { return sum[:] }

func BenchmarkOpenSeed(b *testing.B) {
	sealed := ours.SealSeed(command.Seed{3})
	for b.Loop() {
		if _, ok := ours.OpenSeed(sealed); !ok {
			b.Fatal("it doesn't open")
		}
	}
}
