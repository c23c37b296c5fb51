package control

import (
	"context"
	"net"
	"os"
	"os/user"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Who did it. The operating system tells which user is at the other end of the control socket; the client can't choose. Often that is
// root, or the casino's own user, for a person who used sudo or su. So the history names that person too, as far as it can be known:
//
//   - "ana as root": ana signed in to this machine, and became root. The kernel keeps the user of a sign-in (/proc/PID/loginuid) through
//     sudo and su.
//   - "ana as root by sudo": the same, by what sudo says (SUDO_USER). That counts only from root and from the casino's own user: whoever is
//     one of them could write anything into the data directory anyway.
//   - "root": nobody else is known.

// peer is the process at the other end of the control socket.
type peer struct {
	uid   uint32
	login string // the user who signed in, as the kernel keeps it; "" if unknown
}

type (
	peerKey struct{} // the context key of a peer
	sudoKey struct{} // of what the client says about sudo
)

// sudoHeader carries the client's SUDO_USER.
const sudoHeader = "Imperio-Sudo-User"

// PeerContext finds out which user of the operating system opened a connection of the control socket. Use it as ConnContext
// of that socket's server.
func PeerContext(ctx context.Context, conn net.Conn) context.Context {
	c, ok := conn.(*net.UnixConn)
	if !ok {
		return ctx
	}
	uid, pid, ok := peerOf(c)
	if !ok {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, peer{uid, loginOf(strconv.Itoa(int(pid)))})
}

// Peer names the user that PeerContext found; "" if the system doesn't say.
func Peer(ctx context.Context) string {
	p, ok := ctx.Value(peerKey{}).(peer)
	if !ok {
		return ""
	}
	sudo, _ := ctx.Value(sudoKey{}).(string)
	return p.name(sudo, os.Getuid())
}

// Self names the user of this process, who works on a data directory without a server. sudoUser is SUDO_USER of the environment.
func Self(sudoUser string) string {
	uid := os.Getuid()
	if uid < 0 {
		return "operator" // the system has no numbers for users
	}
	return peer{uint32(uid), loginOf("self")}.name(sudoUser, uid)
}

// isUserName says whether a text can be the name of a user of the system: 1 to 64 letters and digits of any script, with _ anywhere,
// and . @ \ - behind the first. Nothing else is taken from a client into the history.
func isUserName(name string) bool {
	for i, r := range name {
		inside := i > 0 && strings.ContainsRune(`.@\-`, r)
		if r != '_' && !unicode.IsLetter(r) && !unicode.IsNumber(r) && !inside {
			return false
		}
	}
	return name != "" && utf8.RuneCountInString(name) <= 64
}

// name names a peer. own is the user of this process.
func (p peer) name(sudoUser string, own int) string {
	name := userName(p.uid)
	switch {
	case p.login != "" && p.login != name:
		return p.login + " as " + name
	case p.login == "" && sudoUser != name && isUserName(sudoUser) && (p.uid == 0 || int(p.uid) == own):
		return sudoUser + " as " + name + " by sudo"
	}
	return name
}

func userName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return "uid " + id
}

// loginOf is the user who signed in and started a process; "" if the kernel doesn't know. A service has none.
func loginOf(process string) string {
	text, err := os.ReadFile("/proc/" + process + "/loginuid")
	if err != nil {
		return ""
	}
	const unset = 1<<32 - 1
	uid, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32)
	if err != nil || uid == unset {
		return ""
	}
	return userName(uint32(uid))
}
