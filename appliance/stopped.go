package appliance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"imperio/games"
	"imperio/replication"
	"imperio/storage"
	"imperio/storage/seal"
)

// stopped is a casino that no server runs on, opened to be read. No server can start until it is closed.
type stopped struct {
	identity storage.Identity
	keys     *seal.Keys // nil: the casino's key is not there
	store    *storage.Store
	above    int                 // commands of the log that are left out: without the key they can't be applied
	left     replication.LeftOut // what else is left out at the end of the log
	lock     *os.File
}

// noServer is why the server of a directory could not be asked.
type noServer struct {
	socket string
	dial   error
}

// readStopped opens the casino in a directory and changes nothing. It includes what is in the log but not yet in the state, as
// far as it certainly counts.
func readStopped(ctx context.Context, dir string, key keySource, c *games.Catalogue, why noServer) (_ *stopped, err error) {
	s := new(stopped)
	if s.lock, err = lockDir(dir); err != nil {
		return nil, noServerError(why.socket, why.dial, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if w := (swap{dir: dir}); w.pending() {
		return nil, fmt.Errorf("%s: %w. The next start completes it", dir, errRestoring)
	}
	s.identity, err = storage.ReadIdentity(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !s.identity.Ready {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoCasino)
	}
	if err != nil {
		return nil, err
	}
	s.keys, err = key.read(dir)
	if err != nil && (key.given != "" || !errors.Is(err, fs.ErrNotExist)) {
		return nil, err
	}
	if s.store, err = storage.OpenWith(dir, c, s.keys, 0, storage.Options{ReadOnly: true, Owner: s.identity.ClusterID}); err != nil {
		return nil, key.explain(dir, err)
	}
	in := s.logIdentity()
	if s.keys == nil {
		s.above, s.left, err = replication.Above(dir, in, s.store)
	} else {
		s.left, err = replication.Replay(ctx, dir, in, s.store)
	}
	return s, err
}

func (s *stopped) logIdentity() replication.Identity {
	return replication.Identity{NodeID: s.identity.NodeID, ClusterID: s.identity.ClusterID}
}

func (s *stopped) close() (err error) {
	if s.store != nil {
		err = s.store.Close()
	}
	return errors.Join(err, s.lock.Close())
}
