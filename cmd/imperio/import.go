package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"imperio/appliance"
	"imperio/appliance/control"
	"imperio/storage"
	"imperio/storage/importer"
)

type importCommand struct {
	ImperioCasino importImperioCasinoCommand `cmd:"" name:"imperiocasino" help:"Open an account for each player of an ImperioCasino, with balance and password."`
}

type importImperioCasinoCommand struct {
	From         string `required:"" placeholder:"DATABASE" help:"The older casino's database: sqlite:FILE, or a URL such as postgres://USER@HOST/DATABASE."`
	DryRun       bool   `help:"Say row by row what would be done, and change nothing."`
	Verify       bool   `help:"Read the database again afterwards, and compare each row with its account. With --dry-run, only compare."`
	Report       string `placeholder:"FILE" help:"Write all rows into this file, FILE.csv or FILE.json."`
	Source       string `default:"imperiocasino" placeholder:"NAME" help:"A name for the older casino, where you import more than one. A row of a source is imported once."`
	WithoutGames bool   `help:"Don't return the stakes of open games."`
	New          bool   `help:"Make a new casino, if the data directory has none."`

	Data     dataDirFlags `embed:""`
	jsonFlag `embed:""`
}

// Help explains the verb.
func (importImperioCasinoCommand) Help() string {
	return `It works on a running casino, which players may use meanwhile, and on a data directory. The older database is only read. Stop the older casino first, or import a copy: while a SQLite file is read, its writers wait.

A row is imported once, so the same command can be run again at any time. If it is broken off, running it again goes on. PostgreSQL's password may be in PGPASSWORD or in ~/.pgpass.

` + importer.Rules + `

docs/IMPORT.md explains the report. The exit code is 0 if all rows are in as they stood. It is 3 if all is done, but rows were changed or left out: work through the report. It is 1 if it failed, or if --verify found a difference.

Examples:

  imperio import imperiocasino --from sqlite:app.db --dry-run --report plan.csv
  imperio import imperiocasino --from sqlite:app.db --verify --report import.csv
  imperio import imperiocasino --from sqlite:copy.db --data-dir ./rehearsal --new --verify
  imperio import imperiocasino --from postgres://casino@db.example/casino --verify
  imperio import imperiocasino --from sqlite:app.db --dry-run --verify --json`
}

// importOutcome is what an import tells in JSON, and at the end of its report.
type importOutcome struct {
	Source     string               `json:"source"`
	DryRun     bool                 `json:"dry_run"`
	Ignored    []string             `json:"ignored"` // columns that were not read
	Import     *importer.Summary    `json:"import,omitzero"`
	Comparison *importer.Comparison `json:"comparison,omitzero"`
}

// attentionError ends a verb that is done, and leaves something to look at.
type attentionError struct{ message string }

func (e *attentionError) Error() string { return e.message }

// Run imports.
func (c *importImperioCasinoCommand) Run(env *environment) error {
	if err := importer.CheckSourceName(c.Source); err != nil {
		return usagef("--source: %v", err)
	}
	if err := importer.CheckAddress(c.From); err != nil {
		return usagef("--from: %v", err)
	}
	if err := importer.CheckReportName(c.Report); c.Report != "" && err != nil {
		return usagef("--report: %v", err)
	}
	loaded, err := env.configuration()
	if err != nil {
		return err
	}
	if c.New {
		dir := loaded.Config.Data.Dir
		if has, err := appliance.HasCasino(dir); err != nil {
			return err
		} else if !has && c.DryRun {
			return c.into(env, importer.Nowhere{}, "")
		} else if !has {
			if err := appliance.MakeCasino(env.Ctx, appliance.Options{Config: loaded.Config, Version: version, Logs: io.Discard}); err != nil {
				return err
			}
		}
	}
	err = env.control(func(client *control.Client) error {
		identity, err := storage.ReadIdentity(loaded.Config.Data.Dir)
		if err != nil {
			return fmt.Errorf("find out which casino this is: %w", err)
		}
		return c.into(env, importingCasino{client}, identity.ClusterID)
	})
	if errors.Is(err, appliance.ErrNoCasino) {
		err = fmt.Errorf("%w, or let the import make one with --new", err)
	}
	return err
}

// into imports into a casino, whose cluster's id is "" if it is still to be made.
func (c *importImperioCasinoCommand) into(env *environment, casino importer.Casino, cluster string) error {
	progress := newWork(env)
	defer progress.end()
	return c.do(env, importer.Options{
		Casino: casino, Names: importNames, Source: c.Source, Cluster: cluster, DryRun: c.DryRun, WithoutGames: c.WithoutGames,
		Progress: func(phase string, done, total int64) {
			if c.DryRun && phase == importer.PhaseImport {
				phase = "plan"
			}
			progress.show(phase, done, total)
		},
	}, progress)
}

// do imports and compares, completes the report, and tells what came of it.
func (c *importImperioCasinoCommand) do(env *environment, o importer.Options, progress *work) error {
	out := importOutcome{Source: c.Source, DryRun: c.DryRun, Ignored: []string{}}
	var report *importer.ReportFile
	if c.Report != "" {
		var err error
		if report, err = importer.CreateReport(c.Report); err != nil {
			return err
		}
		defer report.Discard()
		o.Report = report.Row
	}
	if !c.DryRun || !c.Verify {
		err := withSource(env.Ctx, c.From, &o, &out, func() error {
			summary, err := importer.Run(env.Ctx, o)
			out.Import = &summary
			return err
		})
		progress.end()
		if err != nil {
			return c.broken(env, err, out.Import)
		}
	}
	if c.Verify {
		if report != nil && out.Import != nil { // it has all rows already
			o.Report = func(r *importer.Row) error {
				if r.Result != importer.Differs {
					return nil
				}
				return report.Row(r)
			}
		}
		err := withSource(env.Ctx, c.From, &o, &out, func() error {
			comparison, err := importer.Verify(env.Ctx, o)
			out.Comparison = &comparison
			return err
		})
		progress.end()
		if err != nil {
			return c.uncompared(env, err, out.Import)
		}
	}
	if report != nil {
		if err := report.Complete(out); err != nil {
			return err
		}
	}
	tell := printImport
	if c.JSON {
		tell = func(env *environment, out *importOutcome, _ string) error { return env.printJSON(out) }
	}
	if err := tell(env, &out, c.Report); err != nil {
		return err
	}
	return judge(&out)
}

// withSource opens the database for do.
func withSource(ctx context.Context, from string, o *importer.Options, out *importOutcome, do func() error) error {
	source, err := importer.Open(ctx, from)
	if err != nil {
		return err
	}
	o.From, out.Ignored = source, append([]string{}, source.Ignored()...)
	err = do()
	return errors.Join(err, source.Close())
}

// broken says how far an import came that did not end.
func (c *importImperioCasinoCommand) broken(env *environment, err error, s *importer.Summary) error {
	if s == nil || c.DryRun {
		return err
	}
	if env.Ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	return fmt.Errorf("%w. %d rows are imported, %d of them now. Run the same command again to go on: no row is imported twice",
		trimPeriod{err}, s.Imported+s.AlreadyImported, s.Imported)
}

// uncompared says what is known when a comparison did not end.
func (c *importImperioCasinoCommand) uncompared(env *environment, err error, s *importer.Summary) error {
	if env.Ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	if s == nil {
		return err
	}
	return fmt.Errorf("%w. All rows are imported, but they were not compared: run the same command again", trimPeriod{err})
}

// trimPeriod is an error in the middle of a text.
type trimPeriod struct{ error }

func (e trimPeriod) Error() string { return strings.TrimSuffix(e.error.Error(), ".") }
func (e trimPeriod) Unwrap() error { return e.error }

// judge is the verdict on an import that came to its end.
func judge(out *importOutcome) error {
	if c := out.Comparison; c != nil && c.Differs > 0 {
		return fmt.Errorf("%d of %d rows differ from their accounts", c.Differs, c.Users)
	}
	if s := out.Import; s != nil && s.Attention > 0 {
		return &attentionError{fmt.Sprintf("%d rows need somebody to look at them", s.Attention)}
	}
	return nil
}
