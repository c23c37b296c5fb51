package appliance

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/hashicorp/raft"

	"imperio/appliance/config"
	"imperio/games/catalogue"
	"imperio/replication"
	"imperio/storage"
)

// makeMember makes a casino in a directory, and gives its cluster another member, without a vote, that is never reached.
func makeMember(t *testing.T, dir string) {
	t.Helper()
	makeCasino(t, dir, something)
	id, err := storage.ReadIdentity(dir)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := keySource{}.read(dir)
	if err != nil {
		t.Fatal(err)
	}
	store, err := storage.OpenWith(dir, catalogue.Released(), keys, 0, storage.Options{Owner: id.ClusterID})
	if err != nil {
		t.Fatal(err)
	}
	node, err := replication.Open(replication.Options{
		Dir: dir, Machine: store, Identity: replication.Identity{NodeID: id.NodeID, ClusterID: id.ClusterID},
		Network: newSilence(), Address: id.NodeID, StallLimit: patientConfig().Data.DiskStallLimit,
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := node.AddMember(t.Context(), "node-elsewhere", "elsewhere:7000"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(node.Close(context.Background()), store.Close()); err != nil {
		t.Fatal(err)
	}
}

// silence is a network on which nobody answers.
type silence struct{ *raft.InmemTransport }

func newSilence() silence {
	_, transport := raft.NewInmemTransport("")
	return silence{transport}
}

func (s silence) Transport() raft.Transport { return s.InmemTransport }

func (silence) Call(context.Context, string, string, string, []byte) ([]byte, error) {
	return nil, replication.ErrNotReached
}

func (silence) Handle(func(context.Context, string, string, []byte) ([]byte, error)) {}

// A member that is alone in a directory without a network would write what the others never hear of.
func TestDataDir_OfAMemberIsChangedOnlyByARunningCasino(t *testing.T) {
	dir := privateDir(t)
	makeMember(t, dir)
	before := contentOf(t, dir)
	if _, err := openDir(dir, false); !errors.Is(err, errMember) || !strings.Contains(err.Error(), "Start this node") {
		t.Errorf("a verb without a server: %v", err)
	}
	if _, err := openDir(dir, true); !errors.Is(err, replication.ErrMember) {
		t.Errorf("a casino without a network: %v", err)
	}
	if contentOf(t, dir) != before {
		t.Error("something has touched the files")
	}
	report, err := Audit(t.Context(), config.Data{Dir: dir}, nil)
	if err != nil || report.Events == 0 {
		t.Errorf("reading is allowed, and the audit says: %v", err)
	}
}
