package fair

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"imperio/games"
)

// A program in another language (Python's hmac and hashlib) made the vectors from the specification alone. With n just
// above 2^63, nearly half of all words are rejected.
var vectors = []struct {
	seed, rules, client string
	nonce, n            uint64
	first               uint64 // the first word
	values              [6]uint64
	rejected            int // words rejected before the sixth value
}{
	{seed: "0000000000000000000000000000000000000000000000000000000000000000", rules: "slots/2", client: "default:1", nonce: 0, n: 16, first: 0x2cb8173ae072662e, values: [6]uint64{14, 14, 0, 9, 14, 14}, rejected: 0},
	{seed: "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", rules: "slots/2", client: "lucky", nonce: 1, n: 16, first: 0x8409da274fa92208, values: [6]uint64{8, 14, 0, 14, 4, 15}, rejected: 0},
	{seed: "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", rules: "roulette/1", client: "ключ", nonce: 2, n: 37, first: 0x3253f3a412269bb4, values: [6]uint64{16, 13, 0, 14, 12, 26}, rejected: 0},
	{seed: "c7231f029c789a5f950b1dfcd20593798e73de7be82d389867ca7a46a6bd5e28", rules: "blackjack/1", client: "🍒🍒🍒🍒🍒🍒🍒🍒🍒🍒🍒🍒🍒🍒🍒🍒", nonce: 18446744073709551615, n: 312, first: 0xee27bdac0ea9c393, values: [6]uint64{11, 6, 28, 114, 307, 103}, rejected: 0},
	{seed: "0000000000000000000000000000000000000000000000000000000000000000", rules: "slots/1", client: "a", nonce: 3, n: 9223372036854775809, first: 0x22c13549a85eeea6, values: [6]uint64{2504341458268384934, 643083703183702696, 2083259740758465337, 8750632282366368864, 2556644023999080594, 5051651587604919456}, rejected: 5},
	{seed: "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", rules: "roulette/2", client: "a b", nonce: 4, n: 9223372036854775809, first: 0xd3ce6716685d21f6, values: [6]uint64{6905826156941305785, 812481195038959036, 1035165305955033137, 6425660936817723237, 1089805046559299520, 6571979118493642292}, rejected: 3},
	{seed: "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", rules: "slots/2", client: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", nonce: 5, n: 13835058055282163712, first: 0xbe886fc06372c51b, values: [6]uint64{13729346336131826971, 6892455123727243616, 5738360119649001042, 12248117846069567131, 9454462348510935060, 13800512631037930974}, rejected: 0},
	{seed: "c7231f029c789a5f950b1dfcd20593798e73de7be82d389867ca7a46a6bd5e28", rules: "slots/2", client: "seed", nonce: 6, n: 9223372036854788153, first: 0x6ab681a827e6578d, values: [6]uint64{7689475973005596557, 9214260593667265257, 5771702288271724117, 6283987573455091481, 1764960166804714979, 5604595045648294503}, rejected: 6},
	{seed: "0000000000000000000000000000000000000000000000000000000000000000", rules: "blackjack/1", client: "é", nonce: 10, n: 3, first: 0x8813b6be12096ce6, values: [6]uint64{1, 2, 1, 2, 0, 0}, rejected: 0},
	{seed: "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", rules: "blackjack/1", client: "zero\u200bwidth", nonce: 99, n: 18446744073709551615, first: 0x5e512bdc27898711, values: [6]uint64{6796261537234913041, 17841709907826917689, 3973619136110780477, 7999319264470808508, 14525256244546066388, 9964715998927658572}, rejected: 0},
	{seed: "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", rules: "slots/2", client: "one", nonce: 1000000, n: 1, first: 0x54e9dd057fe105ae, values: [6]uint64{0, 0, 0, 0, 0, 0}, rejected: 0},
	{seed: "c7231f029c789a5f950b1dfcd20593798e73de7be82d389867ca7a46a6bd5e28", rules: "roulette/2", client: "q", nonce: 123456789, n: 9223372036854775808, first: 0x42a235d5a9e0f5e3, values: [6]uint64{4801459344524768739, 8097750559098005087, 8365812917650590881, 5137744880371111828, 4845757212467960262, 7596427382062072131}, rejected: 0},
}

func mustSeed(t testing.TB, text string) [SeedBytes]byte {
	t.Helper()
	seed, err := ParseServerSeed(text)
	if err != nil {
		t.Fatal(err)
	}
	return seed
}

func TestStream_PublishedVectors(t *testing.T) {
	for _, v := range vectors {
		t.Run(fmt.Sprintf("%s nonce %d", v.rules, v.nonce), func(t *testing.T) {
			seed := mustSeed(t, v.seed)
			if got := NewStream(seed, v.rules, v.client, v.nonce).Word(); got != v.first {
				t.Errorf("first word %#x, want %#x", got, v.first)
			}
			s := NewStream(seed, v.rules, v.client, v.nonce)
			for i, want := range v.values {
				if got := s.Uniform(v.n); got != want {
					t.Errorf("value %d: %d, want %d", i, got, want)
				}
			}
			words := NewStream(seed, v.rules, v.client, v.nonce)
			rejected := 0
			for accepted := 0; accepted < len(v.values); {
				if Rejected(words.Word(), v.n) {
					rejected++
				} else {
					accepted++
				}
			}
			if rejected != v.rejected {
				t.Errorf("%d words rejected, want %d", rejected, v.rejected)
			}
		})
	}
}

func TestStream_IsAGamesStream(t *testing.T) {
	var _ games.Stream = NewStream([SeedBytes]byte{}, "slots/2", "a", 0)
}

func TestStream_AnyPartOfTheMessageChangesTheWords(t *testing.T) {
	base := NewStream([SeedBytes]byte{}, "slots/2", "ab", 1).Word()
	others := map[string]*Stream{
		"seed":       NewStream([SeedBytes]byte{1}, "slots/2", "ab", 1),
		"rules":      NewStream([SeedBytes]byte{}, "slots/1", "ab", 1),
		"client":     NewStream([SeedBytes]byte{}, "slots/2", "ac", 1),
		"nonce":      NewStream([SeedBytes]byte{}, "slots/2", "ab", 2),
		"boundaries": NewStream([SeedBytes]byte{}, "slots/2a", "b", 1),
	}
	for name, s := range others {
		if s.Word() == base {
			t.Errorf("the same first word with another %s", name)
		}
	}
}

// Exactly uniform means: the number of accepted words is the largest multiple of n in 2^64, and the value is the
// remainder.
func TestRejected_KeepsALargestMultipleOfN(t *testing.T) {
	all := new(big.Int).Lsh(big.NewInt(1), 64)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.OneOf(rapid.Uint64Min(1), rapid.Uint64Range(1, 400), rapid.Uint64Min(1<<63)).Draw(t, "n")
		// The first rejected word by the definition, in exact arithmetic.
		bigN := new(big.Int).SetUint64(n)
		limit := new(big.Int).Sub(all, new(big.Int).Mod(all, bigN))
		if new(big.Int).Mod(limit, bigN).Sign() != 0 {
			t.Fatalf("the limit %v is not a multiple of %d", limit, n)
		}
		w := rapid.OneOf(rapid.Uint64(), rapid.Uint64Min(-(n%(1<<20))-1)).Draw(t, "word")
		if got, want := Rejected(w, n), new(big.Int).SetUint64(w).Cmp(limit) >= 0; got != want {
			t.Fatalf("Rejected(%d, %d) = %v, want %v", w, n, got, want)
		}
		if limit.IsUint64() { // else n divides 2^64 and no word is rejected
			if l := limit.Uint64(); !Rejected(l, n) || Rejected(l-1, n) {
				t.Fatalf("the border for n = %d is not at %d", n, l)
			}
		}
	})
}

func TestUniform_PanicsWithoutValues(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Fatal("Uniform(0) returned")
		}
	}()
	NewStream([SeedBytes]byte{}, "slots/2", "a", 0).Uniform(0)
}

func TestCommitment_IsSHA256OfTheBytes(t *testing.T) {
	// SHA-256 of 32 zero bytes, a widely published value.
	const want = "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925"
	if got := Commitment([SeedBytes]byte{}); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestParseServerSeed(t *testing.T) {
	good := strings.Repeat("aF", SeedBytes)
	seed := mustSeed(t, good)
	if hex.EncodeToString(seed[:]) != strings.ToLower(good) {
		t.Errorf("read %x", seed)
	}
	for _, bad := range []string{"", "00", good + "00", good[1:] + "g", good[2:] + "0x"} {
		_, err := ParseServerSeed(bad)
		wantRefusal(t, bad, err, "invalid_server_seed")
	}
}

func TestValidateClientSeed(t *testing.T) {
	for _, good := range []string{"a", " ", "ключ", strings.Repeat("x", 64), strings.Repeat("🍒", 16), "a\u200bb",
		DefaultClientSeed("1"), "\ufffd"} {
		if err := ValidateClientSeed(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", strings.Repeat("x", 65), strings.Repeat("🍒", 16) + "a", "a\x00b", "a\nb", "\x7f",
		"\u0085", "a\xffb", "\xed\xa0\x80"} {
		wantRefusal(t, bad, ValidateClientSeed(bad), "invalid_client_seed")
	}
}

func wantRefusal(t *testing.T, input string, err error, code string) {
	t.Helper()
	var refusal *games.Refusal
	if !errors.As(err, &refusal) {
		t.Errorf("%q: got %v, want a refusal", input, err)
	} else if refusal.Code != code {
		t.Errorf("%q: code %s, want %s", input, refusal.Code, code)
	}
}

// A spin must stay cheap: this bound on allocations is a tripwire, not a measure of time.
func TestStream_AllocatesLittle(t *testing.T) {
	allocs := testing.AllocsPerRun(100, func() {
		s := NewStream([SeedBytes]byte{1}, "slots/2", "default:abc", 7)
		for range 3 {
			s.Uniform(16)
		}
	})
	if allocs > 12 {
		t.Errorf("%v allocations for three numbers, want at most 12", allocs)
	}
}

func BenchmarkThreeStops(b *testing.B) {
	b.ReportAllocs()
	for n := range b.N {
		s := NewStream([SeedBytes]byte{1}, "slots/2", "default:abcdefghijklmnop", uint64(n))
		for range 3 {
			s.Uniform(16)
		}
	}
}
