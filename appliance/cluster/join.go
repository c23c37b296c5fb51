package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"imperio/replication/network"
)

// Joining says how a node asks to be admitted.
type Joining struct {
	Dir     string // its data directory
	NodeID  string // the id that it proposes, unless it has asked before
	Member  string // the address of the member that it asks, host:port
	Token   string
	Address string // where other members reach it
	Listen  string
	Program string // the version of this program
	Level   uint32 // the newest feature level that it knows
	KeyID   []byte // of the casino's key that it has already; nil: it asks for the key
}

// Join asks a member to admit this node. It writes cluster.json before, with the node's id and key: if the answer is lost,
// the same node may ask again with the same token. It returns the casino's key in hexadecimal; "" if the node has it.
func Join(ctx context.Context, j Joining) (f *File, casinoKey string, err error) {
	if j.Token == "" {
		return nil, "", errors.New("joining a cluster needs a token: run 'imperio cluster token' on a member, and give it with --join-token-file")
	}
	token, err := network.ParseToken(j.Token)
	if err != nil {
		return nil, "", err
	}
	f, err = ReadFile(j.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		var key []byte
		key, err = network.NewKey()
		f = &File{NodeID: j.NodeID, Key: string(key)}
	}
	if err != nil {
		return nil, "", err
	}
	f.Address, f.Listen = j.Address, j.Listen
	csr, err := network.NewRequest([]byte(f.Key))
	if err != nil {
		return nil, "", err
	}
	if err := f.Write(j.Dir); err != nil {
		return nil, "", err
	}
	answer, err := network.Join(ctx, j.Member, token, network.JoinRequest{
		NodeID: f.NodeID, Address: j.Address, CSR: string(csr), Program: j.Program, Level: j.Level, KeyID: j.KeyID,
	})
	if err != nil {
		return nil, "", fmt.Errorf("join the cluster: %w", err)
	}
	f.ClusterID, f.Authority, f.Certificate = answer.ClusterID, answer.Authority, answer.Certificate
	f.Contacts, f.Joined = answer.Contacts, true
	if _, err := f.Credentials(); err != nil {
		return nil, "", fmt.Errorf("join the cluster: %s answered with something else than a certificate for this node: %w", j.Member, err)
	}
	return f, answer.CasinoKey, nil
}
