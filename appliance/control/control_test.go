package control

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"imperio/appliance/auth"
	"imperio/games"
	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/storagetest"
)

// house is a Control of a casino whose books are audited in the end.
type house struct {
	t         *testing.T
	passwords *auth.Passwords
	control   *Control
	server    fakeServer
	logs      bytes.Buffer // of requests, which come one at a time

	*storage.Store
	mu       sync.Mutex
	casino   *storagetest.Casino
	proposed []command.Command
}

func newHouse(t *testing.T) *house {
	h := &house{t: t, casino: storagetest.New(t, 1, storage.Options{})}
	h.Store = h.casino.Store
	var err error
	if h.passwords, err = auth.NewPasswords(auth.PasswordOptions{Cost: 4, Seal: storagetest.Keys}); err != nil {
		t.Fatal(err)
	}
	h.control = New(Options{
		Casino: h, Passwords: h.passwords, Keys: storagetest.Keys, Log: slog.New(slog.NewTextHandler(&h.logs, nil)), Random: rand.Reader, Server: &h.server,
		Now:    func() time.Time { return h.casino.Now },
		Actor:  func(ctx context.Context) string { return cmp.Or(Peer(ctx), "tester") },
		Origin: func() string { return "https://casino.example" },
	})
	return h
}

func (h *house) Current(context.Context) error { return nil }

func (h *house) Propose(_ context.Context, c command.Command) (command.Result, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.proposed = append(h.proposed, c)
	return h.casino.Do(c)[0], nil
}

// knows reports whether a password is the account's.
func (h *house) knows(login, password string) bool {
	h.t.Helper()
	cred, ok, err := h.Credentials(auth.LoginKey(login))
	if err != nil || !ok {
		h.t.Fatalf("%t, %v", ok, err)
	}
	turn, err := h.passwords.Turn(h.t.Context(), true)
	if err != nil {
		h.t.Fatal(err)
	}
	defer turn.End()
	v, err := turn.Verify(cred.PasswordHash, password)
	if err != nil {
		h.t.Fatal(err)
	}
	return v.OK
}

// fakeServer is a Server with answers that a test sets.
type fakeServer struct {
	status      Status
	audit       AuditReport
	root        string
	reloaded    Reloaded
	checkpoints int
	mirror      *MirrorStatus // nil: none is configured
	rebuilds    []string      // who asked for them
	err         error
}

func (f *fakeServer) Checkpoint(context.Context) error           { f.checkpoints++; return f.err }
func (f *fakeServer) Status() Status                             { return f.status }
func (f *fakeServer) Audit(context.Context) (AuditReport, error) { return f.audit, f.err }
func (f *fakeServer) RootCertificate() (string, error)           { return f.root, f.err }
func (f *fakeServer) Reload(context.Context) (Reloaded, error)   { return f.reloaded, f.err }
func (f *fakeServer) MirrorStatus() (MirrorStatus, bool) {
	if f.mirror == nil {
		return MirrorStatus{}, false
	}
	return *f.mirror, true
}
func (f *fakeServer) RebuildMirror(_ context.Context, actor string) (bool, error) {
	f.rebuilds = append(f.rebuilds, actor)
	return f.mirror != nil, f.err
}
func (f *fakeServer) Restart(_ context.Context, program string) (Restarting, error) {
	return Restarting{PID: 1, Program: program}, f.err
}

// socket serves the control socket and returns a client of it.
func (h *house) socket() *Client {
	h.t.Helper()
	path := filepath.Join(h.t.TempDir(), "imperio.sock")
	ln, err := net.Listen("unix", path)
	if err != nil {
		h.t.Fatal(err)
	}
	srv := &http.Server{Handler: h.control, ConnContext: PeerContext, ReadHeaderTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	c, err := Dial(h.t.Context(), path)
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
	for name, client := range map[string]func(*house) *Client{
		"socket": (*house).socket,
		"local":  func(h *house) *Client { return Local(h.control) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			testOperations(t, h, client(h))
		})
	}
}

func testOperations(t *testing.T, h *house, c *Client) {
	ctx := t.Context()
	born := h.casino.Now
	a, err := CreateAccount.Call(ctx, c, NewAccount{Username: "Cherry", Email: "cherry@example.org", Password: "correct horse", Role: "player", Coins: 50})
	if err != nil || a.Username != "Cherry" || a.Coins != 50 || a.ID != uint64(command.FirstAccountID) || !a.CreatedAt.Equal(born) {
		t.Fatalf("%+v, %v", a, err)
	}
	for _, who := range []string{"Cherry", "CHERRY", "Cherry@Example.org", "#1000"} {
		if got, err := ShowAccount.Call(ctx, c, Who{who}); err != nil || got.ID != a.ID {
			t.Errorf("%s: %+v, %v", who, got, err)
		}
	}
	if got, err := GrantCoins.Call(ctx, c, Grant{"cherry", 25, "a gift"}); err != nil || got.Coins != 75 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := GrantCoins.Call(ctx, c, Grant{"cherry", -5, "a mistake"}); err != nil || got.Coins != 70 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := SetRole.Call(ctx, c, Role{"cherry", "operator", "promoted"}); err != nil || got.Role != "operator" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := SetLock.Call(ctx, c, Lock{"cherry", true, "asked for it"}); err != nil || !got.Locked {
		t.Errorf("%+v, %v", got, err)
	}
	if !h.knows("cherry", "correct horse") {
		t.Error("the password is not that of the request")
	}
	if got, err := SetLock.Call(ctx, c, Lock{"cherry", false, "asked again"}); err != nil || got.Locked {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := SetPassword.Call(ctx, c, Password{"cherry", "better horse", "forgotten"}); err != nil {
		t.Error(err)
	}
	if !h.knows("cherry", "better horse") || h.knows("cherry", "correct horse") {
		t.Error("the password has not changed")
	}
	if _, err := CreateAccount.Call(ctx, c, NewAccount{Username: "apple", Password: "correct horse", Role: "player"}); err != nil {
		t.Errorf("without an address: %v", err)
	}
	page, err := ListAccounts.Call(ctx, c, List{Limit: 1})
	if err != nil || len(page.Accounts) != 1 || page.Accounts[0].Username != "Cherry" || page.Next != a.ID+1 {
		t.Errorf("%+v, %v", page, err)
	}
	if page, err = ListAccounts.Call(ctx, c, List{From: page.Next, Limit: 10}); err != nil || len(page.Accounts) != 1 || page.Accounts[0].Username != "apple" || page.Next != 0 {
		t.Errorf("%+v, %v", page, err)
	}
	for name, refused := range map[string]struct {
		code string
		do   func() error
	}{
		"unknown name":     {"account_not_found", func() error { _, err := ShowAccount.Call(ctx, c, Who{"nobody"}); return err }},
		"unknown id":       {"account_not_found", func() error { _, err := ShowAccount.Call(ctx, c, Who{"#7"}); return err }},
		"grant to nobody":  {"account_not_found", func() error { _, err := GrantCoins.Call(ctx, c, Grant{"nobody", 1, "a gift"}); return err }},
		"grant to no id":   {"account_not_found", func() error { _, err := GrantCoins.Call(ctx, c, Grant{"#7", 1, "a gift"}); return err }},
		"grant of nothing": {"amount_out_of_range", func() error { _, err := GrantCoins.Call(ctx, c, Grant{"cherry", 0, "a gift"}); return err }},
		"grant of too much": {"amount_out_of_range", func() error {
			_, err := GrantCoins.Call(ctx, c, Grant{"cherry", games.MaxCoins + 1, "a gift"})
			return err
		}},
		"no such role":   {"invalid_role", func() error { _, err := SetRole.Call(ctx, c, Role{"cherry", "emperor", "a joke"}); return err }},
		"short password": {"invalid_password", func() error { _, err := SetPassword.Call(ctx, c, Password{"cherry", "short", "forgotten"}); return err }},
		"taken name": {"username_taken", func() error {
			_, err := CreateAccount.Call(ctx, c, NewAccount{Username: "cherry", Password: "correct horse", Role: "player"})
			return err
		}},
		"bad name": {"invalid_username", func() error {
			_, err := CreateAccount.Call(ctx, c, NewAccount{Username: "a b", Password: "correct horse", Role: "player"})
			return err
		}},
		"list of nothing": {"bad_request", func() error { _, err := ListAccounts.Call(ctx, c, List{}); return err }},
	} {
		err := refused.do()
		if r, ok := errors.AsType[*Refusal](err); !ok || r.Code != refused.code || !strings.HasSuffix(err.Error(), ".") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestControl_TheHistoryNamesWhoIsAtTheOtherEnd(t *testing.T) {
	for client, want := range map[string]string{"socket": Self(""), "local": "tester"} {
		h := newHouse(t)
		h.casino.Player("cherry", 0)
		c := Local(h.control)
		if client == "socket" {
			c = h.socket()
		}
		if _, err := GrantCoins.Call(t.Context(), c, Grant{"cherry", 1, "a gift"}); err != nil {
			t.Fatal(err)
		}
		last := h.proposed[len(h.proposed)-1].Body
		if want := (command.GrantCoins{Amount: 1, Actor: want, Reason: "a gift"}); last != want {
			t.Errorf("%s: proposed %+v, want %+v", client, last, want)
		}
	}
}

func TestControl_AsksTheServer(t *testing.T) {
	h := newHouse(t)
	h.server = fakeServer{
		status: Status{Version: "1.2.3", Addresses: []string{"127.0.0.1:8080"}, Leader: true, AppliedIndex: 7, StartedAt: h.casino.Now},
		audit:  AuditReport{Proved: []string{"the sum of all balances is 0"}, Events: 9},
		root:   "-----BEGIN CERTIFICATE-----",
	}
	c := h.socket()
	if _, err := WriteCheckpoint.Call(t.Context(), c, None{}); err != nil || h.server.checkpoints != 1 {
		t.Errorf("%d, %v", h.server.checkpoints, err)
	}
	if s, err := GetStatus.Call(t.Context(), c, None{}); err != nil || !reflect.DeepEqual(s, h.server.status) {
		t.Errorf("%+v, %v", s, err)
	}
	if a, err := Audit.Call(t.Context(), c, None{}); err != nil || !slices.Equal(a.Proved, h.server.audit.Proved) || a.Events != 9 || a.Violation != "" {
		t.Errorf("%+v, %v", a, err)
	}
	if root, err := GetRootCertificate.Call(t.Context(), c, None{}); err != nil || root.PEM != h.server.root {
		t.Errorf("%q, %v", root, err)
	}
	h.server.err = errors.New("the disk is on fire")
	if _, err := WriteCheckpoint.Call(t.Context(), c, None{}); err == nil || !strings.Contains(err.Error(), "the disk is on fire") {
		t.Errorf("the operator does not learn the cause: %v", err)
	}
	if !strings.Contains(h.logs.String(), "the disk is on fire") {
		t.Errorf("the log has no cause: %s", h.logs.String())
	}
}

func TestControl_WithoutAServerNothingIsAskedOfIt(t *testing.T) {
	h := newHouse(t)
	h.control.o.Server = nil
	c := Local(h.control)
	for name, ask := range map[string]func() error{
		"status":      func() error { _, err := GetStatus.Call(t.Context(), c, None{}); return err },
		"checkpoint":  func() error { _, err := WriteCheckpoint.Call(t.Context(), c, None{}); return err },
		"audit":       func() error { _, err := Audit.Call(t.Context(), c, None{}); return err },
		"certificate": func() error { _, err := GetRootCertificate.Call(t.Context(), c, None{}); return err },
	} {
		if r, ok := errors.AsType[*Refusal](ask()); !ok || r.Code != "unavailable" || !strings.Contains(r.Message, "imperio serve") {
			t.Errorf("%s: %v", name, r)
		}
	}
}

func TestControl_RefusesWhatItDoesNotKnow(t *testing.T) {
	h := newHouse(t)
	unknown := Operation[None, None]{name: "close-casino"}
	if _, err := unknown.Call(t.Context(), h.socket(), None{}); err == nil || !strings.Contains(err.Error(), "same version") {
		t.Errorf("%v", err)
	}
	newer := Operation[map[string]string, Account]{name: ShowAccount.name}
	_, err := newer.Call(t.Context(), h.socket(), map[string]string{"who": "cherry", "since": "ever"})
	if r, ok := errors.AsType[*Refusal](err); !ok || r.Code != "unknown_field" {
		t.Errorf("%v", err)
	}
}

// Without this test, only a caller would notice that a declared operation is not served.
func TestControl_ServesEveryDeclaredOperation(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "control.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared, listed := 0, make(map[string]bool)
	for _, op := range operations {
		if listed[op.path()] {
			t.Errorf("%s is there twice", op.path())
		}
		listed[op.path()] = true
	}
	ast.Inspect(file, func(n ast.Node) bool {
		value, ok := n.(*ast.CompositeLit)
		if !ok || len(value.Elts) != 2 {
			return true
		}
		if name, ok := value.Elts[0].(*ast.BasicLit); ok && name.Kind == token.STRING {
			declared++
			if path := "/control/" + strings.Trim(name.Value, `"`); !listed[path] {
				t.Errorf("%s is declared and not served", path)
			}
		}
		return true
	})
	if declared != len(operations) || declared == 0 {
		t.Errorf("%d operations are declared, %d served", declared, len(operations))
	}
}

func TestDial_TellsThatNoServerRuns(t *testing.T) {
	if _, err := Dial(t.Context(), filepath.Join(t.TempDir(), "imperio.sock")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func (f *fakeServer) CopyState(context.Context, CopyRequest) (StateCopy, error) {
	return StateCopy{Dir: "/copy"}, nil
}
func (f *fakeServer) RemoveStateCopy(CopyName) error { return nil }

func (s *fakeServer) Cluster() Cluster { return nil }
