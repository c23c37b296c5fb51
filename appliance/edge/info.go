package edge

import (
	"context"
	"net/netip"
)

// These functions are how handlers, which don't know the edge, learn from it and tell it things: the appliance hands
// them on as plain functions. They work on the context of a request that passed Edge.Handler, from the goroutine of
// its handler; on any other context they do nothing and know nothing.

// NoteRoute tells the edge the pattern of the route that handles the request ("/api/v1/me/rounds/{id}"), for the access
// log and metrics. It must be one of a fixed set of patterns, never what the client sent.
func NoteRoute(ctx context.Context, pattern string) {
	if x := exchangeOf(ctx); x != nil {
		x.route = pattern
	}
}

// NoteAccount tells the edge the id of the account that the client has proven to be, for the access log.
func NoteAccount(ctx context.Context, id string) {
	if x := exchangeOf(ctx); x != nil {
		x.account = id
	}
}

// NeverCompress keeps the answer from being compressed, for answers that hold a secret beside something that the
// client sent: from the length of the compressed answer the secret could be guessed bit by bit (BREACH).
// Call it before writing.
func NeverCompress(ctx context.Context) {
	if x := exchangeOf(ctx); x != nil {
		x.neverCompress = true
	}
}

// RequestID is the id of the request; "" if there is none.
func RequestID(ctx context.Context) string {
	if x := exchangeOf(ctx); x != nil {
		return x.id
	}
	return ""
}

// ClientAddress is the address of the client, from behind trusted proxies; the zero Addr if it is not known.
func ClientAddress(ctx context.Context) netip.Addr {
	if x := exchangeOf(ctx); x != nil {
		return x.address
	}
	return netip.Addr{}
}

// ClientNetwork is what the client is counted by: its IPv4 address, or the /64 network of its IPv6 address. "" if it is
// not known.
func ClientNetwork(ctx context.Context) string {
	x := exchangeOf(ctx)
	if x == nil || !x.address.IsValid() {
		return ""
	}
	if x.address.Is4() {
		return x.address.String()
	}
	network, err := x.address.Prefix(64)
	if err != nil {
		return ""
	}
	return network.String()
}

// Secure says whether the client speaks TLS, to this node or to a trusted proxy in front of it. Cookies are Secure then.
func Secure(ctx context.Context) bool {
	x := exchangeOf(ctx)
	return x != nil && x.secure
}
