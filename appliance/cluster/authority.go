package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"imperio/replication/network"
)

// authorityRecord is the authority in the state.
type authorityRecord struct {
	Certificate string `json:"certificate"` // PEM
	Key         []byte `json:"key"`         // sealed
}

// ErrNoAuthority says that the state holds no authority: the casino was never a cluster.
var ErrNoAuthority = errors.New("the casino has no authority for members yet")

// AuthorityIn reads the authority in a state. The error is ErrNoAuthority if there is none.
func AuthorityIn(s State, k Keys) (*network.Authority, error) {
	stored, ok, err := s.Value(authorityName)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", authorityName, err)
	}
	if !ok {
		return nil, ErrNoAuthority
	}
	var r authorityRecord
	if err := json.Unmarshal(stored.Value, &r); err != nil {
		return nil, fmt.Errorf("read %s: %w", authorityName, err)
	}
	key, err := k.OpenAuthority(r.Key)
	if err != nil {
		return nil, fmt.Errorf("open the key of the cluster's authority: %w", err)
	}
	return network.ParseAuthority([]byte(r.Certificate), key)
}

// Prepare makes sure that a file has a certificate that is good for a while, before the node opens. alone says that the
// node may be the first of its cluster: if there is no authority, it makes one.
func (f *File) Prepare(s State, k Keys, alone bool, now time.Time) error {
	authority, err := AuthorityIn(s, k)
	if f.Certificate != "" {
		c, credentialsErr := f.Credentials()
		if credentialsErr != nil {
			return credentialsErr
		}
		if c.ClusterID() != f.ClusterID || c.NodeID() != f.NodeID {
			return fmt.Errorf("%s holds the certificate of %s in %s, and this is %s of %s. Put the right file back, or delete it", FileName, c.NodeID(), c.ClusterID(), f.NodeID, f.ClusterID)
		}
		if errors.Is(err, ErrNoAuthority) || err == nil && now.Before(c.Renew()) && authority.Fingerprint() == c.Fingerprint() {
			return nil // it is good, or the state, which knows more, is still to come
		}
	}
	if errors.Is(err, ErrNoAuthority) && alone {
		if authority, err = network.NewAuthority(f.ClusterID, now); err == nil {
			var key []byte
			if _, key, err = authority.PEM(); err == nil {
				f.AuthorityKey = k.SealAuthority(key)
			}
		}
	}
	if errors.Is(err, ErrNoAuthority) {
		return fmt.Errorf("%s is missing, and this node had not received the casino's state yet. Empty the data directory, and join again with a new token ('imperio cluster token')", FileName)
	}
	if err != nil {
		return err
	}
	return f.issue(authority, now)
}

// issue gives the file a new key, and a certificate for it.
func (f *File) issue(authority *network.Authority, now time.Time) error {
	key, err := network.NewKey()
	if err != nil {
		return err
	}
	csr, err := network.NewRequest(key)
	if err != nil {
		return err
	}
	certificate, err := authority.Sign(csr, f.NodeID, now)
	if err != nil {
		return err
	}
	f.Key, f.Certificate, f.Authority = string(key), string(certificate), string(authority.Certificate())
	return nil
}
