package appliance

import (
	"context"
	"time"

	"imperio/replication"
	"imperio/storage"
	"imperio/storage/command"
)

// casino is the machine as the API sees it: changes go through the log, reads wait until they are current.
type casino struct {
	store *storage.Store
	node  *replication.Node
	// settled is told of each round that is settled; nil: nobody is.
	settled func(rules string, staked, paid int64)
}

// readPatience bounds how long a read waits for the node to be current.
const readPatience = 5 * time.Second

// current returns when a read sees every answer given so far.
func (c casino) current() error {
	if c.node.Ready() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), readPatience)
	defer cancel()
	return c.node.Barrier(ctx)
}

func (c casino) Propose(ctx context.Context, cmd command.Command) (command.Result, error) {
	r, err := c.node.Propose(ctx, cmd)
	if round, ok := r.Value.(*command.RoundResult); ok && c.settled != nil && round.Round.Settled && !r.Replayed {
		c.settled(round.Round.Rules, int64(round.Round.Staked), int64(round.Round.Payout))
	}
	return r, err
}

func (c casino) Session(hash command.TokenHash) (command.Session, bool, error) {
	if err := c.current(); err != nil {
		return command.Session{}, false, err
	}
	return c.store.Session(hash)
}

func (c casino) Credentials(login string) (command.Credentials, bool, error) {
	if err := c.current(); err != nil {
		return command.Credentials{}, false, err
	}
	return c.store.Credentials(login)
}

func (c casino) Account(id command.AccountID) (command.Account, bool, error) {
	if err := c.current(); err != nil {
		return command.Account{}, false, err
	}
	return c.store.Account(id)
}

func (c casino) Sessions(id command.AccountID) ([]command.Session, error) {
	if err := c.current(); err != nil {
		return nil, err
	}
	return c.store.Sessions(id)
}

func (c casino) OpenRound(id command.AccountID) (command.Round, bool, error) {
	if err := c.current(); err != nil {
		return command.Round{}, false, err
	}
	return c.store.OpenRound(id)
}

func (c casino) Fairness(id command.AccountID) (command.Fairness, bool, error) {
	if err := c.current(); err != nil {
		return command.Fairness{}, false, err
	}
	return c.store.Fairness(id)
}

func (c casino) Statistics(id command.AccountID) ([]command.GameStatistics, error) {
	if err := c.current(); err != nil {
		return nil, err
	}
	return c.store.Statistics(id)
}

func (c casino) Limits(id command.AccountID, at time.Time) (command.Limits, error) {
	if err := c.current(); err != nil {
		return command.Limits{}, err
	}
	return c.store.Limits(id, at)
}

func (c casino) Transfers(ctx context.Context, id command.AccountID, p command.Page) ([]command.Transfer, uint64, error) {
	if err := c.node.Barrier(ctx); err != nil {
		return nil, 0, err
	}
	return c.store.Transfers(ctx, id, p)
}

func (c casino) Rounds(ctx context.Context, id command.AccountID, p command.Page) ([]command.Round, uint64, error) {
	if err := c.node.Barrier(ctx); err != nil {
		return nil, 0, err
	}
	return c.store.Rounds(ctx, id, p)
}

func (c casino) RevealedPairs(ctx context.Context, id command.AccountID, p command.Page) ([]command.RevealedPair, uint64, error) {
	if err := c.node.Barrier(ctx); err != nil {
		return nil, 0, err
	}
	return c.store.RevealedPairs(ctx, id, p)
}

func (c casino) Round(ctx context.Context, id command.AccountID, round command.RoundID) (command.Round, bool, error) {
	if err := c.node.Barrier(ctx); err != nil {
		return command.Round{}, false, err
	}
	return c.store.Round(ctx, id, round)
}
