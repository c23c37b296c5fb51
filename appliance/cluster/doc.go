// Package cluster decides who may be a member of the casino's cluster, and looks after its members. What raft needs is in
// package replication; this package keeps what operators have decided.
//
// Who may be a member is part of the state, as values of the house, so every member knows it:
//
//	cluster/authority       the authority that signs members' certificates; its key is sealed with the casino's key
//	cluster/members/ID      a node that was admitted
//	cluster/removed/ID      a node that was removed: no member talks to it any more
//	cluster/tokens/ID       a token to join with; ID is a hash of its secret
//
// Acts that change them hold the lock "cluster", and are events of the history. The file cluster.json in the data directory
// holds what a start needs before it can read the state: the node's own certificate and key.
package cluster
