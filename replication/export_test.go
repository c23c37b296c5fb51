package replication

import "github.com/hashicorp/raft"

// Depose makes the node believe that another has won a later election. As the only voter it wins the next one.
func (n *Node) Depose() error {
	address, usurper := raft.NewInmemTransport("usurper")
	usurper.Connect(n.wire.LocalAddr(), n.wire)
	header := raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte("usurper"), Addr: []byte(address)}
	request := raft.AppendEntriesRequest{RPCHeader: header, Term: n.raft.CurrentTerm() + 1}
	var response raft.AppendEntriesResponse
	return usurper.AppendEntries(raft.ServerID(n.log.Identity().NodeID), n.wire.LocalAddr(), &request, &response)
}
