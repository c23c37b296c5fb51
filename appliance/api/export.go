package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
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

// export sends everything that the casino knows of the account, as one JSON document, while it reads it.
func (a *API) export(c *call) (answer, error) {
	if err := c.query(); err != nil {
		return answer{}, err
	}
	select {
	case a.exports <- struct{}{}:
		defer func() { <-a.exports }()
	default:
		p := refuse("busy", "Too many exports are running at this moment.")
		p.RetryAfter = exportStall
		return answer{}, p
	}
	account, err := a.account(c)
	if err != nil {
		return answer{}, err
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), longestExport)
	defer cancel()
	h := c.w.Header()
	h["Content-Type"], h["Cache-Control"] = jsonType, noStore
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="imperio-account-%d.json"`, account.ID))
	c.w.WriteHeader(http.StatusOK)
	e := exporter{api: a, c: c, ctx: ctx, control: http.NewResponseController(c.w)}
	if err := e.write(&account); err != nil {
		if c.r.Context().Err() == nil {
			a.log(c, &route{path: "/api/v1/me/export"}, problem.Of(err))
		}
		panic(http.ErrAbortHandler) // so that the client knows that the document is not whole
	}
	return answer{status: http.StatusOK, taken: true}, nil
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
	head := []struct {
		name  string
		value any
	}{
		{"exported_at", timestamp(e.c.now)}, {"account", viewAccount(account, e.c.now)}, {"limits", viewLimits(&limits)},
		{"fairness", viewFairness(&fairness)}, {"sessions", viewAll(sessions, func(s *command.Session) sessionView { return viewSession(s, e.c.session.ID) })},
		{"tokens", viewAll(tokens, viewToken)},
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
	_, err = io.WriteString(e.c.w, "\n}\n")
	return err
}

func viewAll[T, V any](list []T, view func(*T) V) []V {
	views := make([]V, len(list))
	for i := range list {
		views[i] = view(&list[i])
	}
	return views
}

// put writes some text and a value.
func (e *exporter) put(text string, value any) error {
	if _, err := io.WriteString(e.c.w, text); err != nil {
		return err
	}
	return json.MarshalWrite(e.c.w, value, marshalOptions)
}

// exportList writes a list page by page. Each page has its own deadline.
func exportList[T any](e *exporter, name string, read func(context.Context, command.AccountID, command.Page) ([]T, uint64, error), view func(*T) (any, error)) error {
	before := fmt.Sprintf(",\n%q: [", name)
	for page := (command.Page{Limit: maxPage}); ; {
		if err := e.ctx.Err(); err != nil {
			return err
		}
		_ = e.control.SetWriteDeadline(time.Now().Add(exportStall)) // without deadlines, the server's own applies
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
			_, err := io.WriteString(e.c.w, before)
			return err
		}
		page.Before = next
	}
}
