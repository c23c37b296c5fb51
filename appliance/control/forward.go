package control

import (
	"bytes"
	"context"
	"net/http"

	"imperio/appliance/problem"
)

// leaderOnly are the operations that the leader of a cluster does, whichever member is asked: it alone makes backups and
// mirrors.
var leaderOnly = map[string]bool{
	StartBackup.path(): true, StartDrill.path(): true, GetBackupStatus.path(): true, GetMirrorStatus.path(): true, RebuildMirror.path(): true,
}

// Forwarded is an operation on its way to the leader.
type Forwarded struct {
	Path  string `json:"path"`
	Actor string `json:"actor"` // who has asked, as the member that was asked knows it
	Body  []byte `json:"body"`
}

// ForwardedAnswer is the leader's answer.
type ForwardedAnswer struct {
	Status int    `json:"status"`
	Type   string `json:"type"` // of the content
	Body   []byte `json:"body"`
}

// actorKey is the context key of who has asked another member.
type actorKey struct{}

// ForwardedFrom names who has asked another member; "" if this member was asked.
func ForwardedFrom(ctx context.Context) string {
	actor, _ := ctx.Value(actorKey{}).(string)
	return actor
}

// Serve does an operation that another member was asked for. Only those that the leader alone can do are served.
func (c *Control) Serve(ctx context.Context, f Forwarded) (ForwardedAnswer, error) {
	if !leaderOnly[f.Path] {
		return ForwardedAnswer{}, problem.New("unavailable", "%s is not for other members.", f.Path)
	}
	r, err := http.NewRequestWithContext(context.WithValue(ctx, actorKey{}, f.Actor), http.MethodPost, "http://imperio"+f.Path, bytes.NewReader(f.Body))
	if err != nil {
		return ForwardedAnswer{}, err
	}
	r.Header.Set("Content-Type", "application/json")
	w := &recorder{header: make(http.Header), status: http.StatusOK}
	c.mux.ServeHTTP(w, r)
	return ForwardedAnswer{w.status, w.header.Get("Content-Type"), w.body.Bytes()}, nil
}

// forward has the leader do an operation, if only that can and this member doesn't lead. done is false otherwise.
func (c *Control) forward(w http.ResponseWriter, r *http.Request, op operation, body []byte) (done bool, err error) {
	if c.o.Leader == nil || !leaderOnly[op.path()] || ForwardedFrom(r.Context()) != "" {
		return false, nil
	}
	answer, done, err := c.o.Leader(r.Context(), Forwarded{op.path(), c.o.Actor(r.Context()), body})
	if err != nil || !done {
		return false, err
	}
	w.Header().Set("Content-Type", answer.Type)
	w.WriteHeader(answer.Status)
	_, _ = w.Write(answer.Body) // a client that is gone needs no answer
	return true, nil
}
