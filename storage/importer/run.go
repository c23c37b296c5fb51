package importer

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// BatchSize is the number of rows that are imported together.
const BatchSize = 500

// Options say what to import, and how.
type Options struct {
	From    *Source
	Casino  Casino
	Names   Names
	Source  string // tells databases apart; see CheckSourceName
	Cluster string // id of the casino that is imported into
	DryRun  bool   // change nothing
	// WithoutGames leaves the stakes of open games out.
	WithoutGames bool
	// Report gets each row, in order, from one goroutine at a time; nil: nobody.
	Report func(*Row) error
	// Progress is told how far a phase is, from one goroutine at a time; nil: nobody.
	Progress func(phase string, done, total int64)
}

// The phases of an import.
const (
	PhaseNames   = "names"
	PhaseImport  = "import"
	PhaseCompare = "compare"
)

// CheckSourceName refuses a name that can't tell databases apart: 1 … 64 ASCII letters, digits, '.', '_' and '-'.
func CheckSourceName(name string) error {
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '_' && r != '-' {
			name = ""
			break
		}
	}
	if name == "" || len(name) > 64 {
		return errors.New("the name of a source has 1 to 64 ASCII letters, digits, '.', '_' and '-'")
	}
	return nil
}

// run is an import under way.
type run struct {
	Options
	total int64 // users
	open  *openGames

	mu     sync.Mutex // guards survey
	survey *survey

	done    int64 // users that the importing goroutine has reported
	summary Summary
}

// Run imports all rows that are not imported yet. With an error, the summary tells how far it came; running it again goes on. When
// ctx ends, it ends after the batch under way, with the context's error.
func Run(ctx context.Context, o Options) (Summary, error) {
	r, err := begin(ctx, o)
	if err != nil {
		return Summary{}, err
	}
	err = r.importAll(ctx)
	r.summary.FinishedGames = r.open.finished
	if err == nil {
		err = r.reportStrayGames()
	}
	if err == nil && r.done != r.total {
		err = r.lost(r.done)
	}
	return r.summary, err
}

// lost is about a source that has other rows at the end than at the beginning: not even a database can promise that a file stays.
func (r *run) lost(read int64) error {
	return fmt.Errorf("the table %s had %d rows, and only %d could be read: was the file replaced meanwhile? Import a copy", usersTable, r.total, read)
}

// begin checks the source, and reads names and games.
func begin(ctx context.Context, o Options) (*run, error) {
	if err := CheckSourceName(o.Source); err != nil {
		return nil, err
	}
	if o.From.Cluster() != "" && o.From.Cluster() == o.Cluster {
		return nil, errors.New("this database was exported from this same casino: its players are here already, and would be here twice. To move back, import it into a new casino")
	}
	if o.From.tables.noGames != nil && !o.WithoutGames {
		return nil, fmt.Errorf("%w. To import without open games, use --without-games", o.From.tables.noGames)
	}
	if o.Report == nil {
		o.Report = func(*Row) error { return nil }
	}
	if o.Progress == nil {
		o.Progress = func(string, int64, int64) {}
	}
	r := &run{Options: o, open: &openGames{of: map[int64][]openGame{}}, summary: Summary{Notes: map[string]int{}, First: []Row{}}}
	var err error
	if r.total, err = o.From.database.count(ctx, usersTable); err != nil {
		return nil, err
	}
	if !o.WithoutGames {
		if r.open, err = readGames(ctx, o.From); err != nil {
			return nil, err
		}
	}
	read := int64(0)
	r.survey, err = readNames(ctx, o.From, &r.Names, func(rows int) {
		read += int64(rows)
		r.Progress(PhaseNames, read, r.total)
	})
	return r, err
}

// plan reads the users again, and passes them to consume in batches, planned by the rules.
func (r *run) plan(ctx context.Context, consume func(context.Context, []*planned) error) error {
	type row struct {
		user
		failed *Note
	}
	type batch struct {
		rows    []row
		planned []*planned
	}
	return inOrder(ctx, func(ctx context.Context, emit func(*batch) error) error {
		b, order := &batch{}, idOrder{}
		err := r.From.users(ctx, false, func(u user) error {
			if b.rows = append(b.rows, row{u, order.check(u.id)}); len(b.rows) < BatchSize {
				return nil
			}
			err := emit(b)
			b = &batch{}
			return err
		})
		if err != nil || len(b.rows) == 0 {
			return err
		}
		return emit(b)
	}, func(b *batch) {
		for _, row := range b.rows {
			b.planned = append(b.planned, r.Names.planRow(row.user, row.failed))
		}
	}, func(ctx context.Context, b *batch) error {
		for _, w := range b.planned {
			if w.failed != nil {
				continue
			}
			w.games = r.open.take(w.id)
			w.stakes = sumOf(w.games)
			r.mu.Lock()
			r.survey.unique(w)
			r.survey.claim(w)
			r.mu.Unlock()
		}
		return consume(ctx, b.planned)
	})
}

// importAll asks the casino about one batch while it imports the one before.
func (r *run) importAll(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ready, ended := make(chan []*planned, 1), make(chan struct{})
	go func() {
		defer close(ended)
		for batch := range ready {
			if ctx.Err() != nil {
				continue
			}
			if err := r.importBatch(ctx, batch); err != nil {
				stop(err)
			}
		}
	}()
	err := r.plan(ctx, func(ctx context.Context, batch []*planned) error {
		if err := r.resolve(ctx, batch); err != nil {
			return err
		}
		select {
		case ready <- batch:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	close(ready)
	<-ended
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// resolve asks the casino which rows it has, and finds names and addresses that are free there.
func (r *run) resolve(ctx context.Context, batch []*planned) error {
	var pending []*planned
	for _, w := range batch {
		if w.failed == nil {
			pending = append(pending, w)
		}
	}
	for len(pending) > 0 {
		queries := make([]Query, len(pending))
		for i, w := range pending {
			queries[i] = w.query()
		}
		found, err := r.Casino.Find(ctx, r.Source, queries)
		if err != nil {
			return err
		}
		if len(found) != len(queries) {
			return fmt.Errorf("the casino was asked about %d rows, and told of %d", len(queries), len(found))
		}
		var again []*planned
		for i, w := range pending {
			if w.found = found[i]; w.found.Account != 0 {
				w.wasImported, w.account = true, w.found.Account
				continue
			}
			if w.found.EmailTaken && w.emailKey != "" {
				w.dropEmail(note("email_taken", "another account has the address %s", w.email))
			}
			if w.found.NameTaken {
				if w.clash == nil {
					w.clash = &nameTaken
				}
				r.mu.Lock()
				r.survey.claim(w)
				r.mu.Unlock()
				again = append(again, w)
			}
		}
		pending = again
	}
	return nil
}

// mostRaces is how often a batch is planned anew since something was taken meanwhile.
const mostRaces = 20

// importBatch imports the rows of a batch that are not imported yet, and reports all.
func (r *run) importBatch(ctx context.Context, batch []*planned) error {
	for race := 0; !r.DryRun; race++ {
		var rows []*planned
		var accounts []Account
		for _, w := range batch {
			if w.failed == nil && !w.wasImported {
				rows, accounts = append(rows, w), append(accounts, w.asAccount())
			}
		}
		if len(rows) == 0 {
			break
		}
		// A batch that is under way is not left without its answer.
		done, err := r.Casino.Import(context.WithoutCancel(ctx), r.Source, accounts)
		if err == nil {
			if done.Accounts != len(rows) {
				return fmt.Errorf("the casino was asked for %d accounts, and opened %d", len(rows), done.Accounts)
			}
			for i, w := range rows {
				w.account = done.First + uint64(i)
			}
			break
		}
		if _, taken := errors.AsType[*Taken](err); !taken || race == mostRaces {
			return fmt.Errorf("import the rows %s to %s: %w", rows[0].row, rows[len(rows)-1].row, err)
		}
		if err := r.resolve(ctx, batch); err != nil {
			return err
		}
	}
	for _, w := range batch {
		if err := r.report(w); err != nil {
			return err
		}
		r.done++
	}
	r.Progress(PhaseImport, r.done, r.total)
	return nil
}
