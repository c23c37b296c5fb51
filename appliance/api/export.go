package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"imperio/appliance/problem"
	"imperio/storage/command"
)

// An export takes as long as the history is long. These bound how many run at once and how long one may take, and for how long
// its reader may stall.
const (
	mostExports   = 4
	longestExport = 10 * time.Minute
	exportStall   = 30 * time.Second
)

// exports are the accounts whose export runs: each once, so that nobody takes all places. Safe for concurrent use.
type exports struct {
	mu      sync.Mutex
	running map[command.AccountID]bool // guarded by mu
}

// begin takes a place; false if there is none, or the account has one.
func (e *exports) begin(id command.AccountID) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running[id] || len(e.running) >= mostExports {
		return false
	}
	if e.running == nil {
		e.running = make(map[command.AccountID]bool)
	}
	e.running[id] = true
	return true
}

func (e *exports) end(id command.AccountID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.running, id)
}

// export sends everything that the casino knows of the account, as one JSON document, while it reads it.
func (a *API) export(c *call) (answer, error) {
	if err := c.query(); err != nil {
		return answer{}, err
	}
	account, err := a.account(c)
	if err != nil {
		return answer{}, err
	}
	if !a.exports.begin(account.ID) {
		p := refuse("busy", "Your export is running already, or too many others are.")
		p.RetryAfter = exportStall
		return answer{}, p
	}
	defer a.exports.end(account.ID)
	h := c.w.Header()
	h["Content-Type"], h["Cache-Control"] = jsonType, noStore
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="imperio-account-%d.json"`, account.ID))
	c.w.WriteHeader(http.StatusOK)
	sent := answer{status: http.StatusOK, taken: true}
	if c.r.Method == http.MethodHead {
		return sent, nil
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), longestExport)
	defer cancel()
	e := exporter{api: a, c: c, ctx: ctx, control: http.NewResponseController(c.w)}
	if err := e.write(&account); err != nil {
		if !errors.Is(err, errGone) && c.r.Context().Err() == nil {
			a.log(c, problem.Of(err))
		}
		panic(http.ErrAbortHandler) // so that the client knows that the document is not whole
	}
	return sent, nil
}

// exporter writes one export.
type exporter struct {
	api     *API
	c       *call
	ctx     context.Context
	control *http.ResponseController
}

func (e *exporter) write(account *command.Account) error {
	a, id := e.api, account.ID
	limits, err := a.o.Casino.Limits(id, e.c.now)
	if err != nil {
		return fmt.Errorf("find limits: %w", err)
	}
	fairness, _, err := a.o.Casino.Fairness(id)
	if err != nil {
		return fmt.Errorf("find seeds: %w", err)
	}
	sessions, err := a.sessions(e.c, false)
	if err != nil {
		return err
	}
	tokens, err := a.sessions(e.c, true)
	if err != nil {
		return err
	}
	profile, _, err := a.o.Casino.Profile(id)
	if err != nil {
		return fmt.Errorf("find profile: %w", err)
	}
	figures, err := a.ownSeasons(id)
	if err != nil {
		return err
	}
	head := []struct {
		name  string
		value any
	}{
		{"exported_at", timestamp(e.c.now)}, {"account", viewAccount(account, e.c.now)}, {"limits", viewLimits(&limits)},
		{"fairness", viewFairness(&fairness)}, {"sessions", viewAll(sessions, func(s *command.Session) sessionView { return viewSession(s, e.c.session.ID) })},
		{"tokens", viewAll(tokens, viewToken)}, {"profile", viewProfile(&profile)}, {"seasons", figures},
	}
	before := "{"
	for _, part := range head {
		if err := e.put(fmt.Sprintf("%s\n%q: ", before, part.name), part.value); err != nil {
			return err
		}
		before = ","
	}
	if err := exportList(e, "revealed_seeds", a.o.Casino.RevealedPairs, func(p *command.RevealedPair) (any, error) { return viewPair(p), nil }); err != nil {
		return err
	}
	if err := exportList(e, "transfers", a.o.Casino.Transfers, func(t *command.Transfer) (any, error) { return viewTransfer(t), nil }); err != nil {
		return err
	}
	if err := exportList(e, "rounds", a.o.Casino.Rounds, func(r *command.Round) (any, error) { return viewRound(a.o.Games, r) }); err != nil {
		return err
	}
	return e.text("\n}\n")
}

func viewAll[T, V any](list []T, view func(*T) V) []V {
	views := make([]V, len(list))
	for i := range list {
		views[i] = view(&list[i])
	}
	return views
}

// put writes some text and a value. Its errors, and those of text, are errGone: nobody takes what is sent.
func (e *exporter) put(text string, value any) error {
	if err := e.text(text); err != nil {
		return err
	}
	if err := json.MarshalWrite(e.c.w, value, marshalOptions); err != nil {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	return nil
}

func (e *exporter) text(text string) error {
	if _, err := io.WriteString(e.c.w, text); err != nil {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	return nil
}

// exportList writes a list page by page. Each page has its own deadline.
func exportList[T any](e *exporter, name string, read func(context.Context, command.AccountID, command.Page) ([]T, uint64, error), view func(*T) (any, error)) error {
	before := fmt.Sprintf(",\n%q: [", name)
	for page := (command.Page{Limit: maxPage}); ; {
		if err := e.ctx.Err(); err != nil {
			return err
		}
		_ = e.control.SetWriteDeadline(time.Now().Add(exportStall)) // a writer that knows no deadlines keeps the server's
		list, next, err := read(e.ctx, e.c.session.Account, page)
		if err != nil {
			return fmt.Errorf("export %s: %w", name, err)
		}
		for i := range list {
			v, err := view(&list[i])
			if err != nil {
				return err
			}
			if err := e.put(before+"\n", v); err != nil {
				return err
			}
			before = ","
		}
		if next == 0 {
			if before != "," { // the list is empty
				before += "]"
			} else {
				before = "\n]"
			}
			return e.text(before)
		}
		page.Before = next
	}
}
