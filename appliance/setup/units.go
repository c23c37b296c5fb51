package setup

import (
	"net"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"imperio/appliance/config"
)

// playersAddresses are the addresses that players connect to.
func playersAddresses(c *config.Config) (addresses []string) {
	if c.TLS.Mode != config.TLSOff && c.Listen.HTTPSAddr != "" {
		addresses = append(addresses, c.Listen.HTTPSAddr)
	}
	if c.Listen.HTTPAddr != "" {
		addresses = append(addresses, c.Listen.HTTPAddr)
	}
	return addresses
}

// listenStream is how a socket unit writes an address. ok is false for what only the casino itself can open: a name, or a port
// that the system chooses.
func listenStream(address string) (text string, ok bool) {
	host, port, err := net.SplitHostPort(address)
	number, nerr := strconv.Atoi(port)
	if err != nil || nerr != nil || number == 0 {
		return "", false
	}
	if host == "" {
		return port, true
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		return "", false
	case ip.IsUnspecified(): // Imperio takes both versions of IP then, as a bare port does
		return port, true
	}
	return net.JoinHostPort(host, port), true
}

const listenHead = `# Written by 'imperio install', from http-addr and https-addr of the configuration. After changing them, run it again.
[Socket]
ListenStream=
`

// listenConf is the drop-in of the socket unit.
func listenConf(c *config.Config) string {
	text := listenHead
	for _, address := range playersAddresses(c) {
		if stream, ok := listenStream(address); ok {
			text += "ListenStream=" + stream + "\n"
		}
	}
	return text
}

const pathsHead = `# Written by 'imperio install', from data-dir and backup-to of the configuration. After changing them, run it again.
[Service]
`

// pathsConf is the drop-in of the service with the directories that it writes to besides its usual one; "" if there are none.
// A directory that is missing, such as one on a disk that is not mounted, doesn't keep the casino from starting.
func pathsConf(c *config.Config) string {
	var lines []string
	if c.Data.Dir != config.InstalledDataDir {
		lines = append(lines, "ReadWritePaths="+unitPath("-"+c.Data.Dir), "WorkingDirectory=-"+unitValue(c.Data.Dir))
	}
	for _, dir := range backupDirs(c) {
		lines = append(lines, "ReadWritePaths="+unitPath("-"+dir))
	}
	if len(lines) == 0 {
		return ""
	}
	return pathsHead + strings.Join(lines, "\n") + "\n"
}

// backupDirs are the directories that backups go to.
func backupDirs(c *config.Config) (dirs []string) {
	for _, target := range c.Backups.To {
		if u, err := url.Parse(string(target)); err == nil && u.Scheme == "file" && !slices.Contains(dirs, path.Clean(u.Path)) {
			dirs = append(dirs, path.Clean(u.Path))
		}
	}
	return dirs
}

// unitValue escapes what a unit file would take for a specifier.
func unitValue(text string) string { return strings.ReplaceAll(text, "%", "%%") }

// unitPath writes a path, with what stands before it, as one word of a list.
func unitPath(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%").Replace(text) + `"`
}
