package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"imperio/games"
)

// House is what the operator's socket can ask of the server itself.
type House interface {
	// Checkpoint writes what is in memory into the state file and returns when it is durable.
	Checkpoint(ctx context.Context) error
	Status(ctx context.Context) (Status, error)
	// Audit proves the books of the running casino. A violation is a report, not an error.
	Audit(ctx context.Context) (AuditReport, error)
	// RootCertificate gives the certificate of the server's own authority in PEM, "" if it has none.
	RootCertificate(ctx context.Context) (string, error)
}

// Status says how a server does.
type Status struct {
	Version      string      `json:"version"`
	Node         string      `json:"node"`
	StartedAt    time.Time   `json:"started_at"`
	Leader       bool        `json:"leader"`
	AppliedIndex uint64      `json:"applied_index"` // of the log, in memory
	DurableIndex uint64      `json:"durable_index"` // of the log, in the state file
	Events       uint64      `json:"events"`
	HistoryHead  string      `json:"history_head"` // lowercase hex
	Accounts     uint64      `json:"accounts"`
	Sessions     uint64      `json:"sessions"`
	OpenRounds   uint64      `json:"open_rounds"`
	LedgerSum    games.Coins `json:"ledger_sum"` // always 0
}

// AuditReport is what an audit found.
type AuditReport struct {
	Proved      []string `json:"proved"`    // in words, one line each
	Violation   string   `json:"violation"` // the first one; empty: none
	Events      uint64   `json:"events"`
	HistoryHead string   `json:"history_head"`
}

// The requests of the socket. Each operation is a POST of one object to /control/ and its name.
type (
	accountRequest struct {
		Who      string      `json:"who"`
		Reason   string      `json:"reason,omitempty"`
		Coins    games.Coins `json:"coins,omitempty"`
		Locked   bool        `json:"locked,omitempty"`
		Password string      `json:"password,omitempty"`
		Role     string      `json:"role,omitempty"`
	}
	listRequest struct {
		From  uint64 `json:"from,string"`
		Limit int    `json:"limit"`
	}
	listAnswer struct {
		Accounts []AccountRecord `json:"accounts"`
		Next     uint64          `json:"next,string"`
	}
	nothing struct{}
)

// NewControl makes the handler of the operator's socket. Who may open the socket may do everything: its file belongs
// to the user who runs the casino. The server must use ControlContext as its ConnContext, so that the history names
// who did what; operator.Actor stands where the system does not tell.
func NewControl(operator Operator, house House, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	as := func(ctx context.Context) *Operator {
		o := operator
		if actor := peerOf(ctx); actor != "" {
			o.Actor = actor
		}
		return &o
	}
	control(mux, log, "create", func(ctx context.Context, in AccountOrder) (AccountRecord, error) {
		return as(ctx).CreateAccount(ctx, in)
	})
	control(mux, log, "list", func(ctx context.Context, in listRequest) (listAnswer, error) {
		list, next, err := as(ctx).ListAccounts(ctx, in.From, in.Limit)
		return listAnswer{list, next}, err
	})
	control(mux, log, "show", func(ctx context.Context, in accountRequest) (AccountRecord, error) {
		return as(ctx).ShowAccount(ctx, in.Who)
	})
	control(mux, log, "grant", func(ctx context.Context, in accountRequest) (AccountRecord, error) {
		return as(ctx).Grant(ctx, in.Who, in.Coins, in.Reason)
	})
	control(mux, log, "lock", func(ctx context.Context, in accountRequest) (AccountRecord, error) {
		return as(ctx).SetLock(ctx, in.Who, in.Locked, in.Reason)
	})
	control(mux, log, "password", func(ctx context.Context, in accountRequest) (AccountRecord, error) {
		return as(ctx).SetPassword(ctx, in.Who, in.Password, in.Reason)
	})
	control(mux, log, "role", func(ctx context.Context, in accountRequest) (AccountRecord, error) {
		return as(ctx).SetRole(ctx, in.Who, in.Role, in.Reason)
	})
	control(mux, log, "checkpoint", func(ctx context.Context, _ nothing) (nothing, error) {
		return nothing{}, house.Checkpoint(ctx)
	})
	control(mux, log, "status", func(ctx context.Context, _ nothing) (Status, error) { return house.Status(ctx) })
	control(mux, log, "root-certificate", func(ctx context.Context, _ nothing) (string, error) { return house.RootCertificate(ctx) })
	control(mux, log, "audit", func(ctx context.Context, _ nothing) (AuditReport, error) { return house.Audit(ctx) })
	return mux
}

// control adds one operation to the socket.
func control[In, Out any](mux *http.ServeMux, log *slog.Logger, name string, do func(context.Context, In) (Out, error)) {
	mux.HandleFunc("POST /control/"+name, func(w http.ResponseWriter, r *http.Request) {
		var in In
		body, err := readBody(r, nil)
		if err == nil {
			err = decodeStrict(body, &in)
		}
		var out Out
		if err == nil {
			out, err = do(r.Context(), in)
		}
		status, value := http.StatusOK, any(out)
		if err != nil {
			var refused *OperationError
			if !errors.As(err, &refused) {
				errors.As(operationError(err), &refused)
			}
			if status = statusOf(refused.Code); status >= 500 {
				log.Error("operation failed", "operation", name, "actor", peerOf(r.Context()), "error", err)
			}
			value = controlRefusal{Code: refused.Code, Message: refused.Error()} // the operator may know the cause
		}
		var b bytes.Buffer
		if err := json.MarshalWrite(&b, value, marshalOptions); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write(b.Bytes())
	})
}

type controlRefusal struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// ControlClient asks a running server through its control socket. It is safe for concurrent use; Close it.
type ControlClient struct {
	client http.Client
}

var _ Operations = (*ControlClient)(nil)

// DialControl makes a client of the socket at path, and checks that a server answers there. If none does, the error
// wraps the one of the connection (fs.ErrNotExist, syscall.ECONNREFUSED).
func DialControl(ctx context.Context, path string) (*ControlClient, error) {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}
	conn, err := dial(ctx, "", "")
	if err != nil {
		return nil, fmt.Errorf("connect to the control socket: %w", err)
	}
	_ = conn.Close()
	return &ControlClient{http.Client{Transport: &http.Transport{
		DialContext: dial, MaxIdleConns: 1, IdleConnTimeout: 30 * time.Second,
	}}}, nil
}

// Close gives the connections back.
func (c *ControlClient) Close() { c.client.CloseIdleConnections() }

// maxControlAnswer bounds what is read of an answer: a thousand accounts are far smaller.
const maxControlAnswer = 8 << 20

func ask[Out any](ctx context.Context, c *ControlClient, name string, in any) (out Out, err error) {
	body, err := json.Marshal(in, marshalOptions)
	if err != nil {
		return out, fmt.Errorf("ask the server to %s: %w", name, err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://imperio/control/"+name, bytes.NewReader(body))
	if err != nil {
		return out, fmt.Errorf("ask the server to %s: %w", name, err)
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := c.client.Do(r)
	if err != nil {
		return out, fmt.Errorf("ask the server to %s: %w", name, err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxControlAnswer))
	if err != nil {
		return out, fmt.Errorf("read the server's answer to %s: %w", name, err)
	}
	if res.StatusCode != http.StatusOK {
		var refusal controlRefusal
		if err := json.Unmarshal(data, &refusal); err != nil || refusal.Code == "" {
			return out, fmt.Errorf("the server answered %s to %s; does it run the same version?", res.Status, name)
		}
		return out, &OperationError{Code: refusal.Code, Message: refusal.Message}
	}
	if err := json.Unmarshal(data, &out); err != nil {
		return out, fmt.Errorf("read the server's answer to %s: %w", name, err)
	}
	return out, nil
}

// CreateAccount implements Operations.
func (c *ControlClient) CreateAccount(ctx context.Context, order AccountOrder) (AccountRecord, error) {
	return ask[AccountRecord](ctx, c, "create", order)
}

// ListAccounts implements Operations.
func (c *ControlClient) ListAccounts(ctx context.Context, from uint64, limit int) ([]AccountRecord, uint64, error) {
	a, err := ask[listAnswer](ctx, c, "list", listRequest{from, limit})
	return a.Accounts, a.Next, err
}

// ShowAccount implements Operations.
func (c *ControlClient) ShowAccount(ctx context.Context, who string) (AccountRecord, error) {
	return ask[AccountRecord](ctx, c, "show", accountRequest{Who: who})
}

// Grant implements Operations.
func (c *ControlClient) Grant(ctx context.Context, who string, coins games.Coins, reason string) (AccountRecord, error) {
	return ask[AccountRecord](ctx, c, "grant", accountRequest{Who: who, Coins: coins, Reason: reason})
}

// SetLock implements Operations.
func (c *ControlClient) SetLock(ctx context.Context, who string, locked bool, reason string) (AccountRecord, error) {
	return ask[AccountRecord](ctx, c, "lock", accountRequest{Who: who, Locked: locked, Reason: reason})
}

// SetPassword implements Operations.
func (c *ControlClient) SetPassword(ctx context.Context, who, password, reason string) (AccountRecord, error) {
	return ask[AccountRecord](ctx, c, "password", accountRequest{Who: who, Password: password, Reason: reason})
}

// SetRole implements Operations.
func (c *ControlClient) SetRole(ctx context.Context, who, role, reason string) (AccountRecord, error) {
	return ask[AccountRecord](ctx, c, "role", accountRequest{Who: who, Role: role, Reason: reason})
}

// Checkpoint has the server write a checkpoint.
func (c *ControlClient) Checkpoint(ctx context.Context) error {
	_, err := ask[nothing](ctx, c, "checkpoint", nothing{})
	return err
}

// Status asks the server how it does.
func (c *ControlClient) Status(ctx context.Context) (Status, error) {
	return ask[Status](ctx, c, "status", nothing{})
}

// Audit has the server prove its books.
func (c *ControlClient) Audit(ctx context.Context) (AuditReport, error) {
	return ask[AuditReport](ctx, c, "audit", nothing{})
}

// RootCertificate asks the server for the certificate of its own authority.
func (c *ControlClient) RootCertificate(ctx context.Context) (string, error) {
	return ask[string](ctx, c, "root-certificate", nothing{})
}

var _ House = (*ControlClient)(nil)
