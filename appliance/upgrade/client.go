package upgrade

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"imperio/appliance/control"
)

// Client is the casino that runs on a data directory, by its control socket.
type Client struct {
	socket string
	sudo   string
	http   *http.Client
}

// NewClient makes a Client. socket is the name of the control socket in the data directory; sudoUser is SUDO_USER of the
// environment, or "".
func NewClient(dataDir, socket, sudoUser string) *Client {
	path := filepath.Join(dataDir, socket)
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}
	// Each look has its own connection: one that is kept would hold up a casino that stops.
	return &Client{path, sudoUser, &http.Client{Timeout: lookPatience, Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

// lookPatience bounds one look at the casino, which may hang.
const lookPatience = 5 * time.Second

// maxHealth bounds the answer of a look.
const maxHealth = 1 << 20

// Running implements Casino.
func (c *Client) Running(ctx context.Context) (r Running, err error) {
	res, body, err := c.get(ctx, "/health")
	if err != nil {
		if inner, ok := errors.AsType[*url.Error](err); ok { // which would name an address that nobody knows
			err = inner.Err
		}
		return r, fmt.Errorf("no casino answers on %s: %w", c.socket, err)
	}
	var health struct {
		Version string `json:"version"`
		Status  string `json:"status"`
		Checks  map[string]struct {
			Status string `json:"status"`
			Detail string `json:"detail"`
		} `json:"checks"`
	}
	if err := json.Unmarshal(body, &health); err != nil || health.Version == "" {
		return r, fmt.Errorf("what answers on %s is no casino", c.socket)
	}
	r.Version, r.Ready, r.Detail = health.Version, res.StatusCode == http.StatusOK, health.Status
	for name, check := range health.Checks {
		if check.Status == "unhealthy" {
			r.Detail = name + ": " + check.Detail
		}
	}
	if !r.Ready {
		return r, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	status, err := call(ctx, c, control.GetStatus, control.None{})
	if err != nil {
		r.Ready, r.Detail = false, err.Error()
	}
	r.Started = status.StartedAt
	return r, nil
}

func (c *Client) get(ctx context.Context, path string) (*http.Response, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://imperio"+path, nil)
	if err != nil {
		return nil, nil, err
	}
	res, err := c.http.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxHealth))
	return res, body, err
}

// call asks the casino for an operation, on a connection of its own.
func call[In, Out any](ctx context.Context, c *Client, op control.Operation[In, Out], in In) (out Out, err error) {
	client, err := control.Dial(ctx, c.socket)
	if err != nil {
		return out, err
	}
	defer client.Close()
	return op.Call(ctx, client.ForSudo(c.sudo), in)
}

// CopyState implements Casino.
func (c *Client) CopyState(ctx context.Context) (control.StateCopy, error) {
	return call(ctx, c, control.CopyState, control.CopyRequest{})
}

// RemoveStateCopy implements Casino.
func (c *Client) RemoveStateCopy(ctx context.Context) error {
	_, err := call(ctx, c, control.RemoveStateCopy, control.CopyName{})
	return err
}

// backupLook is how often Backup looks how far the backup is.
const backupLook = 500 * time.Millisecond

// Backup implements Casino. If a backup is made already, it waits for that, and has another one made: the other one began
// before the upgrade did.
func (c *Client) Backup(ctx context.Context) (made []string, err error) {
	begun, err := call(ctx, c, control.StartBackup, control.None{})
	for isRefusal(err, "backup_running") {
		if err = pause(ctx, backupLook); err == nil {
			begun, err = call(ctx, c, control.StartBackup, control.None{})
		}
	}
	if isRefusal(err, "backups_off") {
		return nil, ErrNoBackups
	}
	if err != nil {
		return nil, err
	}
	for {
		s, err := call(ctx, c, control.GetBackupStatus, control.None{})
		if err != nil {
			return nil, err
		}
		if s.Run.Number != begun.Run {
			return nil, errors.New("another backup was begun meanwhile. See how they went with 'imperio backup status'")
		}
		if !s.Run.Finished.IsZero() {
			return resultsOf(&s.Run)
		}
		if err := pause(ctx, backupLook); err != nil {
			return nil, err
		}
	}
}

func resultsOf(r *control.BackupResults) (made []string, err error) {
	for _, t := range r.Results {
		switch {
		case t.Error != "":
			err = errors.Join(err, fmt.Errorf("the backup in %s failed: %s", t.Target, t.Error))
		case t.Unchanged:
			made = append(made, fmt.Sprintf("the newest backup in %s has everything up to now: %s", t.Target, t.Name))
		default:
			made = append(made, fmt.Sprintf("a backup is made and verified in %s: %s", t.Target, t.Name))
		}
	}
	if err == nil && len(made) == 0 {
		err = errors.New("no target took a backup")
	}
	return made, err
}

func isRefusal(err error, code string) bool {
	r, ok := errors.AsType[*control.Refusal](err)
	return ok && r.Code == code
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
