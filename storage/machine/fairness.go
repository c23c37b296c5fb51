package machine

import (
	"encoding/hex"
	"fmt"
	"strconv"

	"imperio/games/fair"
	"imperio/storage/command"
)

// seedsOf reads an account's seeds. Every account has some.
func (r *Reader) seedsOf(id command.AccountID) (*SeedsRecord, error) {
	s, ok, err := loadOf[SeedsRecord](r, tableSeeds, id)
	if err == nil && !ok {
		err = r.Damage("there are no seeds of account %d", id)
	}
	return &s, err
}

// activeSeed is an account's active pair, with its server seed in clear.
type activeSeed struct {
	pair       uint32
	server     command.Seed
	commitment [32]byte
	client     string
}

// openActive opens the active pair of an account's seeds.
func (r *Reader) openActive(s *SeedsRecord) (*activeSeed, error) {
	server, err := r.openSeed(s.Server)
	return &activeSeed{pair: s.Pair, server: server, commitment: s.Server.Commitment, client: s.Client}, err
}

// openSeed opens a stored server seed, which was sealed with the casino's key.
func (r *Reader) openSeed(s command.SealedSeed) (command.Seed, error) {
	if r.house.OpenSeed == nil {
		return command.Seed{}, ErrNoKey
	}
	seed, ok := r.house.OpenSeed(s)
	if !ok {
		return seed, r.Damage("the server seed with the commitment %x can't be opened", s.Commitment)
	}
	return seed, nil
}

// stream yields the random words of a round under the pair.
func (s *activeSeed) stream(r *RoundRecord) *fair.Stream {
	return fair.NewStream(s.server, r.Rules, s.client, r.Nonce)
}

// commitments are the promises that the seeds keep.
func (s *SeedsRecord) commitments() *Commitments {
	return &Commitments{Active: s.Server.Commitment, Next: s.Next.Commitment, Client: s.Client}
}

// refuseSeeds refuses a command that doesn't come with n server seeds, sealed with the casino's key.
func (m *Machine) refuseSeeds(n int) *command.Refusal {
	if len(m.command.Seeds) != n {
		return invalidCommand("%d server seeds", len(m.command.Seeds)).Refusal
	}
	for _, s := range m.command.Seeds {
		if _, ok := m.house.OpenSeed(s); !ok {
			return invalidCommand("a server seed that is sealed with another key").Refusal
		}
	}
	return nil
}

// firstSeeds are the seeds of a new account.
func firstSeeds(id command.AccountID, sealed []command.SealedSeed, event uint64) *SeedsRecord {
	return &SeedsRecord{
		Server: sealed[0], Next: sealed[1],
		Client:  defaultClientSeed(id),
		Default: true, FirstEvent: event,
	}
}

// defaultClientSeed is an account's client seed until its owner chooses another.
func defaultClientSeed(id command.AccountID) string {
	return fair.DefaultClientSeed(strconv.FormatUint(uint64(id), 10))
}

// rotateSeed reveals the active server seed, makes the next one active under a new client seed, and draws another next one.
// So a player always chooses a client seed after the casino has committed to the server seed that it is mixed with.
func (m *Machine) rotateSeed(b command.RotateSeed) (command.Result, error) {
	id := m.command.Account
	w, refusal, err := m.holder(id)
	if refusal != nil || err != nil {
		return command.Result{Refusal: refusal}, err
	}
	if w.OpenRound != 0 {
		return command.Refusef("round_open", "Round %d is still open. Finish it before you rotate the seeds.", w.OpenRound), nil
	}
	if r := refusalOf(fair.ValidateClientSeed(b.ClientSeed)); r != nil {
		return command.Result{Refusal: r}, nil
	}
	if r := m.refuseSeeds(1); r != nil {
		return command.Result{Refusal: r}, nil
	}
	s, err := m.seedsOf(id)
	if err != nil {
		return command.Result{}, err
	}
	var reached []command.Achievement
	if AchievedByRotation(w.Achieved, id, b.ClientSeed) {
		reached = []command.Achievement{command.OwnSeed}
	}
	if err := m.reach(id, &w, 0, reached); err != nil {
		return command.Result{}, err
	}
	e, err := m.rotatePair(id, &w, s, b.ClientSeed, m.command.Seeds[0], reached)
	if err != nil {
		return command.Result{}, err
	}
	v, err := m.seedRotated(e)
	return command.Result{Value: v}, err
}

// rotatePair reveals the active pair of an account without an open round. It makes the next server seed active under a client
// seed, and next the one after it. It stores the account's wallet w.
func (m *Machine) rotatePair(id command.AccountID, w *WalletRecord, s *SeedsRecord, client string, next command.SealedSeed, reached []command.Achievement) (*Event, error) {
	server, err := m.openSeed(s.Server)
	if err != nil {
		return nil, err
	}
	old := PairRecord{Server: server, Client: s.Client, Rounds: w.Nonce, RevealedAt: m.now}
	if err := m.put(tablePairs, pairKey(id, s.Pair), old); err != nil {
		return nil, err
	}
	seeds := &SeedsRecord{
		Pair: s.Pair + 1, Server: s.Next, Next: next,
		Client: client, Default: client == defaultClientSeed(id), FirstEvent: m.head.Events + 1,
	}
	if err := m.putSeeds(id, seeds); err != nil {
		return nil, err
	}
	w.Nonce = 0
	e := &Event{Kind: SeedRotated, Pair: &old, PairNo: s.Pair, Seeds: seeds.commitments(), Reached: reached}
	return e, m.recordOn(id, w, e)
}

// seedRotated is the answer about a rotation.
func (m *Machine) seedRotated(e *Event) (*command.SeedRotated, error) {
	v := &command.SeedRotated{Revealed: revealed(e.PairNo, e.Pair)}
	v.Fairness = command.Fairness{
		Pair: e.PairNo + 1, Commitment: fmt.Sprintf("%x", e.Seeds.Active), NextCommitment: fmt.Sprintf("%x", e.Seeds.Next),
		ClientSeed: e.Seeds.Client,
	}
	return v, nil
}

func revealed(no uint32, p *PairRecord) command.RevealedPair {
	return command.RevealedPair{
		Pair: no, ServerSeed: p.Server[:], Commitment: fair.Commitment(p.Server), ClientSeed: p.Client,
		Rounds: p.Rounds, RevealedAt: at(p.RevealedAt),
	}
}

// proof fills in a round's proof: commitment and client seed, and the server seed once it is revealed.
func (r *Reader) proof(v *command.Round) error {
	s, err := r.seedsOf(v.Account)
	if err != nil {
		return err
	}
	if v.Pair == s.Pair {
		v.Commitment, v.ClientSeed = hex.EncodeToString(s.Server.Commitment[:]), s.Client
		return nil
	}
	p, ok, err := load[PairRecord](r, tablePairs, pairKey(v.Account, v.Pair))
	if err != nil {
		return err
	}
	if !ok {
		return r.Damage("seed pair %d of account %d is missing", v.Pair, v.Account)
	}
	v.Commitment, v.ClientSeed, v.ServerSeed = fair.Commitment(p.Server), p.Client, p.Server[:]
	return nil
}

// Fairness reads the public state of an account's seeds.
func (r *Reader) Fairness(id command.AccountID) (v command.Fairness, ok bool, err error) {
	w, found, err := r.Wallet(id)
	if err != nil || !found {
		return v, false, err
	}
	s, err := r.seedsOf(id)
	if err != nil {
		return v, false, err
	}
	return command.Fairness{
		Pair: s.Pair, Commitment: hex.EncodeToString(s.Server.Commitment[:]), NextCommitment: hex.EncodeToString(s.Next.Commitment[:]),
		ClientSeed: s.Client, DefaultSeed: s.Default, Nonce: w.Nonce, OpenRound: w.OpenRound,
	}, true, nil
}

// RevealedPairs lists an account's revealed seed pairs, newest first. A cursor is the number of a pair plus 1.
func (r *Reader) RevealedPairs(id command.AccountID, p command.Page) (list []command.RevealedPair, next uint64, err error) {
	seeds, ok, err := loadOf[SeedsRecord](r, tableSeeds, id)
	if err != nil || !ok {
		return nil, 0, err
	}
	next = uint64(seeds.Pair) // one above the newest revealed pair
	if p.Before != 0 {
		if p.Before > next {
			return nil, 0, ErrNoCursor
		}
		next = p.Before
	}
	for ; next > 0 && len(list) < p.Limit; next-- {
		no := uint32(next - 1)
		pair, ok, err := r.Pair(id, no)
		if err == nil && !ok {
			err = r.Damage("seed pair %d of account %d is missing", no, id)
		}
		if err != nil {
			return nil, 0, err
		}
		list = append(list, revealed(no, &pair))
	}
	return list, next, nil
}

// ErrNoCursor refuses a cursor that no list of the account can have returned.
var ErrNoCursor = &command.Refusal{Code: "bad_request", Message: "The cursor is not the next_cursor of an earlier answer."}

// seedOf is the server seed and the client seed of one of an account's pairs, revealed or still active.
func (r *Reader) seedOf(id command.AccountID, pair uint32) (server command.Seed, client string, err error) {
	s, err := r.seedsOf(id)
	if err != nil {
		return server, "", err
	}
	if s.Pair == pair {
		server, err = r.openSeed(s.Server)
		return server, s.Client, err
	}
	p, ok, err := r.Pair(id, pair)
	if err == nil && !ok {
		err = r.Damage("seed pair %d of account %d is missing", pair, id)
	}
	return p.Server, p.Client, err
}

// Seeds reads the stored seeds of an account, for audits. ok is false if there are none.
func (r *Reader) Seeds(id command.AccountID) (SeedsRecord, bool, error) {
	return load[SeedsRecord](r, tableSeeds, accountKey(id))
}

// Pair reads a revealed seed pair of an account.
func (r *Reader) Pair(id command.AccountID, pair uint32) (PairRecord, bool, error) {
	return load[PairRecord](r, tablePairs, pairKey(id, pair))
}
