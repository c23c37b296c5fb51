package api

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"imperio/games"
	"imperio/storage/command"
)

// operator works directly on the house's casino.
func (h *house) operator() *Operator {
	return &Operator{Casino: h.casino, Passwords: cheapPasswords(h.t), Random: rand.Reader, Actor: "tester", Live: h.api}
}

// fakeServer is a House that answers what a test told it.
type fakeServer struct {
	status      Status
	audit       AuditReport
	root        string
	checkpoints int
	err         error
}

func (f *fakeServer) Checkpoint(context.Context) error                { f.checkpoints++; return f.err }
func (f *fakeServer) Status(context.Context) (Status, error)          { return f.status, f.err }
func (f *fakeServer) Audit(context.Context) (AuditReport, error)      { return f.audit, f.err }
func (f *fakeServer) RootCertificate(context.Context) (string, error) { return f.root, f.err }

// socket serves the house's control socket and gives a client of it.
func (h *house) socket(server House) *ControlClient {
	h.t.Helper()
	path := filepath.Join(h.t.TempDir(), "imperio.sock")
	ln, err := net.Listen("unix", path)
	if err != nil {
		h.t.Fatal(err)
	}
	operator := h.operator()
	operator.Actor = "nobody in particular"
	srv := &http.Server{
		Handler: NewControl(*operator, server, slog.New(slog.NewTextHandler(h.logs, nil))), ConnContext: ControlContext,
		ReadHeaderTimeout: time.Minute,
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	c, err := DialControl(h.t.Context(), path)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		c.Close()
		_ = srv.Close()
		<-served
	})
	return c
}

// The same work is done with and without a server.
func TestOperations_OverTheSocketAndWithoutAServer(t *testing.T) {
	for name, operations := range map[string]func(*house) Operations{
		"socket": func(h *house) Operations { return h.socket(&fakeServer{}) },
		"direct": func(h *house) Operations { return h.operator() },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			testOperations(t, h, operations(h))
		})
	}
}

func testOperations(t *testing.T, h *house, ops Operations) {
	ctx := t.Context()
	a, err := ops.CreateAccount(ctx, AccountOrder{Username: "Cherry", Email: "cherry@example.org", Password: "correct horse", Role: "player", Coins: 50})
	if err != nil || a.Username != "Cherry" || a.Coins != 50 || a.ID != uint64(command.FirstAccountID) || !a.CreatedAt.Equal(h.now()) {
		t.Fatalf("%+v, %v", a, err)
	}
	for _, who := range []string{"Cherry", "CHERRY", "Cherry@Example.org", "#1000"} {
		if got, err := ops.ShowAccount(ctx, who); err != nil || got.ID != a.ID {
			t.Errorf("%s: %+v, %v", who, got, err)
		}
	}
	if got, err := ops.Grant(ctx, "cherry", 25, "a gift"); err != nil || got.Coins != 75 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := ops.Grant(ctx, "cherry", -5, "a mistake"); err != nil || got.Coins != 70 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := ops.SetRole(ctx, "cherry", "operator", "promoted"); err != nil || got.Role != "operator" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := ops.SetLock(ctx, "cherry", true, "asked for it"); err != nil || !got.Locked {
		t.Errorf("%+v, %v", got, err)
	}
	h.visitor().signIn("cherry", "correct horse").want(t, 403, "account_locked")
	if got, err := ops.SetLock(ctx, "cherry", false, "asked again"); err != nil || got.Locked {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := ops.SetPassword(ctx, "cherry", "better horse", "forgotten"); err != nil {
		t.Error(err)
	}
	h.visitor().signIn("cherry", "better horse").want(t, 201, "")
	if _, err := ops.CreateAccount(ctx, AccountOrder{Username: "apple", Password: "correct horse", Role: "player"}); err != nil {
		t.Errorf("without an address: %v", err)
	}
	list, next, err := ops.ListAccounts(ctx, 0, 1)
	if err != nil || len(list) != 1 || list[0].Username != "Cherry" || next != a.ID+1 {
		t.Errorf("%+v, %d, %v", list, next, err)
	}
	if list, next, err = ops.ListAccounts(ctx, next, 10); err != nil || len(list) != 1 || list[0].Username != "apple" || next != 0 {
		t.Errorf("%+v, %d, %v", list, next, err)
	}
	for name, c := range map[string]struct {
		code string
		do   func() error
	}{
		"unknown name":     {"account_not_found", func() error { _, err := ops.ShowAccount(ctx, "nobody"); return err }},
		"unknown id":       {"account_not_found", func() error { _, err := ops.ShowAccount(ctx, "#7"); return err }},
		"grant to nobody":  {"account_not_found", func() error { _, err := ops.Grant(ctx, "nobody", 1, ""); return err }},
		"grant to no id":   {"account_not_found", func() error { _, err := ops.Grant(ctx, "#7", 1, ""); return err }},
		"grant of nothing": {"amount_out_of_range", func() error { _, err := ops.Grant(ctx, "cherry", 0, ""); return err }},
		"grant of too much": {"amount_out_of_range", func() error {
			_, err := ops.Grant(ctx, "cherry", games.MaxCoins+1, "")
			return err
		}},
		"no such role":   {"invalid_role", func() error { _, err := ops.SetRole(ctx, "cherry", "emperor", ""); return err }},
		"short password": {"invalid_password", func() error { _, err := ops.SetPassword(ctx, "cherry", "short", ""); return err }},
		"taken name": {"username_taken", func() error {
			_, err := ops.CreateAccount(ctx, AccountOrder{Username: "cherry", Password: "correct horse", Role: "player"})
			return err
		}},
		"bad name": {"invalid_username", func() error {
			_, err := ops.CreateAccount(ctx, AccountOrder{Username: "a b", Password: "correct horse", Role: "player"})
			return err
		}},
		"list of nothing": {"bad_request", func() error { _, _, err := ops.ListAccounts(ctx, 0, 0); return err }},
	} {
		refused, ok := errors.AsType[*OperationError](c.do())
		if !ok || refused.Code != c.code || !strings.HasSuffix(refused.Message, ".") {
			t.Errorf("%s: %v", name, refused)
		}
	}
}

func TestControl_TheHistoryNamesWhoIsAtTheOtherEnd(t *testing.T) {
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t)
	h.player("cherry")
	ops := h.socket(&fakeServer{})
	if _, err := ops.Grant(t.Context(), "cherry", 1, "a gift"); err != nil {
		t.Fatal(err)
	}
	last := h.casino.proposed[len(h.casino.proposed)-1].Body
	if want := (command.GrantCoins{Amount: 1, Actor: me.Username, Reason: "a gift"}); last != want {
		t.Errorf("proposed %+v, want %+v", last, want)
	}
}

func TestControl_AsksTheServer(t *testing.T) {
	h := newHouse(t)
	server := &fakeServer{
		status: Status{Version: "1.2.3", Leader: true, AppliedIndex: 7, StartedAt: h.now()},
		audit:  AuditReport{Proved: []string{"the sum of all balances is 0"}, Events: 9},
		root:   "-----BEGIN CERTIFICATE-----",
	}
	c := h.socket(server)
	if err := c.Checkpoint(t.Context()); err != nil || server.checkpoints != 1 {
		t.Errorf("%d, %v", server.checkpoints, err)
	}
	if s, err := c.Status(t.Context()); err != nil || s != server.status {
		t.Errorf("%+v, %v", s, err)
	}
	if a, err := c.Audit(t.Context()); err != nil || !slices.Equal(a.Proved, server.audit.Proved) || a.Events != 9 || a.Violation != "" {
		t.Errorf("%+v, %v", a, err)
	}
	if root, err := c.RootCertificate(t.Context()); err != nil || root != server.root {
		t.Errorf("%q, %v", root, err)
	}
	server.err = errors.New("the disk is on fire")
	if err := c.Checkpoint(t.Context()); err == nil || !strings.Contains(err.Error(), "the disk is on fire") {
		t.Errorf("%v", err)
	}
}

func TestDialControl_TellsThatNoServerRuns(t *testing.T) {
	if _, err := DialControl(t.Context(), filepath.Join(t.TempDir(), "imperio.sock")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
