package appliance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"imperio/appliance/config"
	"imperio/appliance/control"
	"imperio/games/catalogue"
	"imperio/storage"
	"imperio/storage/seal"
)

// Frozen is a casino at one moment, for reading it at leisure. If a server runs on it, that is not slowed down meanwhile: what is read is
// a copy. Close it.
type Frozen struct {
	Snapshot *storage.Snapshot
	Casino   string // the casino's own id
	// LeftOut says what of the log is not in the snapshot, and why. It is empty where a server runs.
	LeftOut []string

	keys  *seal.Keys
	close func() error
}

// Freeze opens the casino of a data directory at this moment. It changes nothing. The casino's key is needed only for OpenPassword; secrets
// says that it must be there.
func Freeze(ctx context.Context, data config.Data, secrets bool) (f *Frozen, err error) {
	key, socket := keyFrom(data), filepath.Join(data.Dir, SocketFile)
	client, dial := control.Dial(ctx, socket)
	if dial == nil {
		defer client.Close()
		if f, err = freezeRunning(ctx, client, data.Dir, key); err != nil {
			return nil, err
		}
	} else if f, err = freezeStopped(ctx, data.Dir, key, noServer{socket, dial}); err != nil {
		return nil, err
	}
	if secrets && f.keys == nil {
		_, missing := key.readExisting(data.Dir)
		return nil, errors.Join(missing, f.Close())
	}
	return f, nil
}

// freezeRunning reads a copy that the server makes. The copy's file is removed as soon as it is open, so that a kill leaves none for long.
func freezeRunning(ctx context.Context, client *control.Client, dir string, key keySource) (_ *Frozen, err error) {
	id, err := storage.ReadIdentity(dir)
	if err != nil {
		return nil, err
	}
	keys, err := key.read(dir)
	if err != nil && (key.given != "" || !errors.Is(err, fs.ErrNotExist)) {
		return nil, err
	}
	copied, err := control.CopyState.Call(ctx, client, control.CopyRequest{Export: true})
	if err != nil {
		return nil, err
	}
	store, err := storage.OpenWith(copied.Dir, catalogue.Released(), keys, 0, storage.Options{ReadOnly: true, Owner: id.ClusterID})
	_, removed := control.RemoveStateCopy.Call(context.WithoutCancel(ctx), client, control.CopyName{Dir: copied.Dir})
	if err != nil {
		return nil, key.explain(dir, errors.Join(err, removed))
	}
	if removed != nil {
		return nil, errors.Join(fmt.Errorf("remove the copy of the state: %w", removed), store.Close())
	}
	f := &Frozen{Casino: id.ClusterID, keys: keys, close: store.Close}
	if f.Snapshot, err = store.Snapshot(ctx); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return f, nil
}

func freezeStopped(ctx context.Context, dir string, key keySource, why noServer) (*Frozen, error) {
	s, err := readStopped(ctx, dir, key, catalogue.Released(), why)
	if err != nil {
		return nil, err
	}
	f := &Frozen{Casino: s.identity.ClusterID, keys: s.keys, close: s.close}
	if s.above > 0 {
		f.LeftOut = append(f.LeftOut, fmt.Sprintf("%d commands of the log, above the last checkpoint: without the casino's key they can't be applied", s.above))
	}
	if uncertain := s.left.TellUncertain(); uncertain != "" {
		f.LeftOut = append(f.LeftOut, uncertain)
	}
	if f.Snapshot, err = s.store.Snapshot(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return f, nil
}

// OpenPassword opens a stored password hash. It needs the casino's key.
func (f *Frozen) OpenPassword(stored string) (hash string, err error) {
	return f.keys.OpenPassword(stored)
}

// Close ends the reading.
func (f *Frozen) Close() error { return errors.Join(f.Snapshot.Close(), f.close()) }
