package edge

import (
	"context"
	"net/netip"
)

// Handlers don't import the edge. The appliance passes them these functions. They work on the context of a request that
// passed Edge.Handler, on its handler's goroutine. On any other context they do nothing and return zero values.

// NoteRoute names the pattern of the request's route ("/api/v1/me/rounds/{id}"), for the access log and metrics. The
// pattern must come from a fixed set, never from the client.
func NoteRoute(ctx context.Context, pattern string) {
	if x := exchangeOf(ctx); x != nil {
		x.route = pattern
	}
}

// NoteAccount names the account that the client has authenticated as, or has tried to, for the access log.
func NoteAccount(ctx context.Context, id string) {
	if x := exchangeOf(ctx); x != nil {
		x.account = id
	}
}

// NoteRefusal says that the handler refused the request to bound its work. Such lines in the access log are bounded, as those
// about the edge's own refusals are.
func NoteRefusal(ctx context.Context) {
	if x := exchangeOf(ctx); x != nil {
		x.refused = true
	}
}

// NeverCompress keeps the answer uncompressed. Call it before writing an answer that holds both a secret and something
// that the client sent: the compressed length would reveal the secret bit by bit (BREACH).
func NeverCompress(ctx context.Context) {
	if x := exchangeOf(ctx); x != nil {
		x.neverCompress = true
	}
}

// RequestID is the request's id; "" if it has none.
func RequestID(ctx context.Context) string {
	if x := exchangeOf(ctx); x != nil {
		return x.id
	}
	return ""
}

// ClientAddress is the client's address, seen through trusted proxies; the zero Addr if unknown.
func ClientAddress(ctx context.Context) netip.Addr {
	if x := exchangeOf(ctx); x != nil {
		return x.address
	}
	return netip.Addr{}
}

// ClientNetwork is what the client is counted by: its IPv4 address, or the /64 of its IPv6 address. "" if unknown.
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

// Secure says whether the client speaks TLS, to this node or to a trusted proxy in front of it. Then cookies are Secure.
func Secure(ctx context.Context) bool {
	x := exchangeOf(ctx)
	return x != nil && x.secure
}
