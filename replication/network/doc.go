// Package network connects the members of a cluster over one port with mutual TLS 1.3.
//
// # Who may talk
//
// A cluster has an Authority, which signs one certificate for each member. The certificate names the cluster and the
// member. Both ends of a connection check the other's certificate, and the caller also checks that the member that it
// wanted has answered. So a message for one member never reaches another, even when addresses have been exchanged.
//
// A node that has no certificate yet brings a Token. It holds the fingerprint of the authority's certificate, so that the
// joining node knows whom it talks to, and a secret that shows that an operator let it in.
//
// # One port, three protocols
//
// TLS's application protocol (ALPN) tells raft's streams, calls and requests to join apart. After the handshake the
// listener says in one byte whether it takes the connection: in TLS 1.3 the caller can't know that from the handshake.
// Calls and requests to join are HTTP/1.1 from there on.
//
// # Clocks
//
// Certificates are valid from one hour before they were signed, for 30 days. Members should renew them at half of that.
// So a member's clock may be an hour behind the clock of the member that signed, or 15 days ahead of it.
package network
