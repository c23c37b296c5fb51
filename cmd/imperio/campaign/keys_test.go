package campaign

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"imperio/appliance/bench"
)

// measureKeys restarts a casino whose players have used many idempotency keys within the last 25 hours. It measures what
// that costs: those players' first bets; their play, compared with the unkeyed play of as many others; the bets of
// bystanders meanwhile; memory; and a start after a kill during keyed play.
func (m *campaign) measureKeys(ctx context.Context) error {
	if err := m.make(ctx, &m.used); err != nil {
		return err
	}
	tokens, n := m.used.tokens, m.keyPlayers
	empty, err := m.memoryOfEmpty(ctx)
	if err != nil {
		return err
	}
	keyed, unkeyed, others := tokens[:n], tokens[n:2*n], tokens[2*n:]
	m.printf("\n## Many used idempotency keys\n\nThe casino has %d keys from the last 25 hours, used by %d players, and was restarted.\n\n", m.keys, n)
	err = m.withCasino(ctx, &m.used, func(c *casino) error {
		m.printf("Ready after %.3f s.\n", c.Ready.Seconds())
		if err := m.measureFirstBets(ctx, c, keyed, empty, "after a restart"); err != nil {
			return err
		}
		if err := m.measureKeyedPlay(ctx, c, keyed, unkeyed, others); err != nil {
			return err
		}
		return m.killUnderLoad(ctx, c, keyed)
	})
	if err != nil {
		return err
	}
	return m.withCasino(ctx, &m.used, func(c *casino) error {
		m.printf("\nAfter SIGKILL during play by these players, the casino was ready after %.3f s.\n", c.Ready.Seconds())
		m.goal(c.Ready < time.Second, "start after SIGKILL, used keys", "ready within 1 s", "%.2f s", c.Ready.Seconds())
		return m.measureFirstBets(ctx, c, keyed, empty, "after SIGKILL")
	})
}

// firstBets bounds the number of players who make a first bet.
const firstBets = 64

// memoryOfEmpty is the memory of a casino without accounts and keys.
func (m *campaign) memoryOfEmpty(ctx context.Context) (use memoryUse, err error) {
	err = m.withCasino(ctx, &populated{directory: filepath.Join(m.directory, "empty")}, func(c *casino) error {
		use, err = memoryOf(c.Process.Pid)
		return err
	})
	return use, err
}

// measureFirstBets lets each player bet once under a new key, one after the other, and compares the casino's memory with
// that of an empty one.
func (m *campaign) measureFirstBets(ctx context.Context, c *casino, tokens []string, empty memoryUse, when string) error {
	var times []float64
	b := newBettor(c)
	defer b.close()
	if err := b.warmUp(ctx); err != nil {
		return err
	}
	for _, token := range tokens[:min(len(tokens), firstBets)] {
		took, err := b.bet(ctx, token)
		if err != nil {
			return err
		}
		times = append(times, milliseconds(took))
	}
	after, err := memoryOf(c.Process.Pid)
	if err != nil {
		return err
	}
	m.printf("\nFirst bets of %d of these players %s, one after the other: median %.2f ms, slowest %.2f ms. Afterwards the casino's own memory was %.0f MB; an empty casino's is %.0f MB.\n",
		len(times), when, median(times), slices.Max(times), megabytes(after.anonymous), megabytes(empty.anonymous))
	m.goal(slices.Max(times) < 20, "first bets "+when, "below 20 ms", "%.1f ms", slices.Max(times))
	if len(tokens) <= firstBets { // by now the casino has read the keys of all of them
		million := megabytes(after.anonymous-empty.anonymous) * 1e6 / float64(m.keys)
		m.goal(million < 20, "memory of a million used keys, "+when, "below 20 MB", "%.1f MB, garbage included", million)
	}
	return nil
}

// measureKeyedPlay plays under keys and, in turns, without keys, while bystanders bet now and then.
func (m *campaign) measureKeyedPlay(ctx context.Context, c *casino, keyed, unkeyed, others []string) error {
	around := newBystanders()
	sides := [2]bench.Side{m.side(c, unkeyed), m.side(c, keyed)}
	sides[0].Options.WithoutKeys = true
	for i := range sides {
		sides[i].Rest = around.during(i, sides[i].Rest)
	}
	stop := around.start(ctx, c, others)
	played, err := bench.Alternate(ctx, sides[0], sides[1], m.turns, m.turn)
	if err := errors.Join(err, stop()); err != nil {
		return err
	}
	m.printf("\nTwo groups of %d players in turns of %s, and %d bystanders who bet every %s under their own keys.\n\n", len(keyed), m.turn, len(others), bystanderPause)
	m.printf("| turn | unkeyed: a second | processor time a bet | keyed: a second | processor time a bet | keyed against unkeyed |\n|---:|---:|---:|---:|---:|---:|\n")
	var ratios, costs []float64
	for i, without := range played[0].Turns {
		with := played[1].Turns[i]
		ratios = append(ratios, with.Rate()/without.Rate())
		costs = append(costs, float64(with.Cost())/float64(max(without.Cost(), 1)))
		m.printf("| %d | %.0f | %.1f µs | %.0f | %.1f µs | %.3f |\n", i+1,
			without.Rate(), microseconds(without.Cost()), with.Rate(), microseconds(with.Cost()), ratios[i])
	}
	m.printf("\nMedian: **%.3f** of the throughput of unkeyed play, and %.3f times its processor time a bet.\n", median(ratios), median(costs))
	for _, p := range played {
		m.note(p.Report)
	}
	m.goal(median(ratios) >= 0.9, "keyed against unkeyed bets", "at least 0.9 of the throughput", "%.2f", median(ratios))
	m.writeBystanders(around)
	use, err := memoryOf(c.Process.Pid)
	if err != nil {
		return err
	}
	m.printf("\nMemory after this play: %.0f MB resident, of which %.0f MB are its own.\n", megabytes(use.resident), megabytes(use.anonymous))
	return nil
}

func (m *campaign) writeBystanders(around *bystanders) {
	unkeyed, keyed := around.times[0], around.times[1]
	if len(unkeyed) == 0 || len(keyed) == 0 {
		m.goal(false, "bystanders", "p50 at most 1.5 times", "%d and %d bets", len(unkeyed), len(keyed))
		return
	}
	slower := median(keyed) / median(unkeyed)
	m.printf("\nBystanders: p50 %.2f ms beside unkeyed play (%d bets), %.2f ms beside keyed play (%d bets).\n", median(unkeyed), len(unkeyed), median(keyed), len(keyed))
	m.goal(slower <= 1.5, "bystanders", "p50 at most 1.5 times", "%.2f times", slower)
}

// Five bystanders bet, each with this pause between an answer and the next bet.
const (
	bystanderCount = 5
	bystanderPause = 20 * time.Millisecond
)

// bystanders bet while two sides take turns.
type bystanders struct {
	mu    sync.Mutex
	turn  int          // the side whose turn it is; -1: none
	times [2][]float64 // of their bets, in milliseconds, by the side whose turn it was
}

func newBystanders() *bystanders { return &bystanders{turn: -1} }

// during makes a side's Rest, which is called before and after each of its turns, record whose turn it is.
func (b *bystanders) during(side int, rest func(context.Context) (time.Duration, error)) func(context.Context) (time.Duration, error) {
	begins := false
	return func(ctx context.Context) (time.Duration, error) {
		b.setTurn(-1)
		used, err := rest(ctx)
		if begins = !begins; begins {
			b.setTurn(side)
		}
		return used, err
	}
}

func (b *bystanders) setTurn(side int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn = side
}

func (b *bystanders) whose() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.turn
}

// note records the time of a bet that began and ended in the same turn.
func (b *bystanders) note(began int, took time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if began >= 0 && began == b.turn {
		b.times[began] = append(b.times[began], milliseconds(took))
	}
}

// start lets them bet until stop is called. stop waits for them.
func (b *bystanders) start(ctx context.Context, c *casino, tokens []string) (stop func() error) {
	playing, end := context.WithCancel(ctx)
	errs := make([]error, len(tokens))
	var all sync.WaitGroup
	for i, token := range tokens {
		all.Go(func() {
			bettor := newBettor(c)
			defer bettor.close()
			for pause(playing, bystanderPause) == nil {
				turn := b.whose()
				took, err := bettor.bet(ctx, token)
				if err != nil {
					errs[i] = fmt.Errorf("a bystander: %w", err)
					return
				}
				b.note(turn, took)
			}
		})
	}
	return func() error {
		end()
		all.Wait()
		return errors.Join(errs...)
	}
}

// bettor bets under a new key each time, over its own connection.
type bettor struct {
	url    string
	client *http.Client
}

func newBettor(c *casino) *bettor {
	return &bettor{c.URL, &http.Client{Transport: &http.Transport{TLSClientConfig: c.TLS()}, Timeout: time.Minute}}
}

func (b *bettor) close() { b.client.CloseIdleConnections() }

// warmUp opens the connection.
func (b *bettor) warmUp(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+"/health/ready", nil)
	if err != nil {
		return err
	}
	return b.do(request, http.StatusOK)
}

// bet spins once and returns how long the answer took.
func (b *bettor) bet(ctx context.Context, token string) (time.Duration, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url+"/api/v1/games/slots/spins", bytes.NewReader([]byte(`{"stake":2}`)))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", rand.Text())
	began := time.Now()
	err = b.do(request, http.StatusCreated)
	return time.Since(began), err
}

func (b *bettor) do(request *http.Request, want int) error {
	response, err := b.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err == nil && response.StatusCode != want {
		err = fmt.Errorf("%s %s: status %d: %s", request.Method, request.URL.Path, response.StatusCode, body)
	}
	return err
}
