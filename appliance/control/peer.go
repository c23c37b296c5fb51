package control

import (
	"context"
	"net"
	"os/user"
	"strconv"
)

// peerKey is the context key of the user at the other end of the control socket.
type peerKey struct{}

// PeerContext finds out which user of the operating system opened a connection of the control socket. Use it as ConnContext
// of that socket's server. The system tells who it is; the client can't choose.
func PeerContext(ctx context.Context, conn net.Conn) context.Context {
	c, ok := conn.(*net.UnixConn)
	if !ok {
		return ctx
	}
	uid, ok := peerUID(c)
	if !ok {
		return ctx
	}
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return context.WithValue(ctx, peerKey{}, u.Username)
	}
	return context.WithValue(ctx, peerKey{}, "uid "+id)
}

// Peer returns the user that PeerContext found; "" if the system doesn't say.
func Peer(ctx context.Context) string {
	name, _ := ctx.Value(peerKey{}).(string)
	return name
}
