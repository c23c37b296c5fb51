package setup

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"imperio/appliance/config"
)

const (
	leastMemory  = 512 << 20 // bytes; a smaller machine is told about
	usualDisk    = 2 << 30   // bytes free beyond the reserve; less is told about
	networkPause = 5 * time.Second
	startPause   = 20 * time.Second
	letsEncrypt  = "https://acme-v02.api.letsencrypt.org/directory"
)

// checks looks for what would keep the casino from working. What only the operator can judge is a warning, the rest an error.
func (w *work) checks(ctx context.Context, c *config.Config) error {
	err := w.checkPorts(ctx, append(playersAddresses(c), nonEmpty(c.Listen.OpsAddr)...))
	err = errors.Join(err, w.checkDisk(c), w.checkStart(ctx, c))
	w.checkMemory()
	w.checkClock(ctx)
	w.checkHome(c)
	w.checkDomains(ctx, c)
	w.checkACME(ctx, c)
	w.checkNames(c)
	if err != nil && w.DryRun { // a dry run shows all that it can
		w.tell(Warning, "refused", "installing would end here: %v", err)
		return nil
	}
	return err
}

// checkStart asks the program what a start would fail with. While a casino starts or stops, as after a run that was killed, its
// directory is in use, and the question is asked again.
func (w *work) checkStart(ctx context.Context, c *config.Config) error {
	look := time.NewTicker(200 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(startPause); ; {
		err := w.Casino.Check(ctx, c)
		if err == nil || !w.systemdRuns() || time.Now().After(end) {
			return err
		}
		values, perr := w.properties(ctx, service, "ActiveState")
		if state := values["ActiveState"]; perr != nil || state != "activating" && state != "deactivating" {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-look.C:
		}
	}
}

func nonEmpty(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// checkNames tells about addresses that the socket unit can't have.
func (w *work) checkNames(c *config.Config) {
	for _, address := range playersAddresses(c) {
		if _, ok := listenStream(address); !ok {
			w.tell(Warning, "address", "%s is no IP address with a port, so the casino opens it itself: connections are refused during its restarts, and a port below 1024 is not possible", address)
		}
	}
}

func (w *work) checkDisk(c *config.Config) error {
	dir := c.Data.Dir
	for !w.exists(dir) && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
	}
	var s syscall.Statfs_t
	if err := syscall.Statfs(w.path(dir), &s); err != nil {
		w.tell(Warning, "disk", "the free space for %s is unknown: %v", c.Data.Dir, err)
		return nil
	}
	free, reserve := int64(s.Bavail)*int64(s.Bsize), int64(c.Data.DiskReserve)
	switch {
	case free < reserve+usualDisk/32:
		return fmt.Errorf("%s has %d MiB of free disk, and the casino takes no bets below %d MiB (disk-reserve): make room, or name another directory with --env IMPERIO_DATA_DIR=/directory",
			dir, free>>20, reserve>>20)
	case free < reserve+usualDisk:
		w.tell(Warning, "disk", "%d MiB are free for %s; a million rounds need 400 MiB, and below %d MiB there are no more bets", free>>20, c.Data.Dir, reserve>>20)
	default:
		w.tell(Fine, "disk", "%d GiB are free for %s", free>>30, c.Data.Dir)
	}
	return nil
}

func (w *work) checkMemory() {
	text, err := w.readText("/proc/meminfo")
	var kib int64
	if _, after, found := strings.Cut(text, "MemTotal:"); err == nil && found {
		fmt.Sscan(after, &kib)
	}
	switch total := kib << 10; {
	case total == 0:
		w.tell(Warning, "memory", "the size of the machine's memory is unknown: the casino needs 128 MiB for 200,000 accounts, 1 GiB for a million")
	case total < leastMemory:
		w.tell(Warning, "memory", "the machine has %d MiB: enough for some ten thousand accounts. 1 GiB is for a million", total>>20)
	default:
		w.tell(Fine, "memory", "the machine has %d MiB", total>>20)
	}
}

// checkClock tells if nothing keeps the clock right: limits, sessions and certificates depend on it.
func (w *work) checkClock(ctx context.Context) {
	if !w.systemdRuns() {
		return
	}
	out, err := w.run(ctx, "timedatectl", "show", "--property=NTPSynchronized", "--value")
	switch {
	case err != nil:
		w.tell(Warning, "clock", "whether the clock is synchronized is unknown: %v", err)
	case out == "yes":
		w.tell(Fine, "clock", "it is synchronized")
	default:
		w.tell(Warning, "clock", "it is not synchronized: install a time service ('apt-get install systemd-timesyncd' or chrony). Sessions, daily limits and certificates need the right time")
	}
}

// checkHome tells about directories that the unit hides.
func (w *work) checkHome(c *config.Config) {
	for _, dir := range append(backupDirs(c), c.Data.Dir) {
		if under(dir, "/home") || under(dir, "/root") || under(dir, "/run/user") {
			w.tell(Warning, "directory", "the service can't see %s (ProtectHome=yes in the unit): choose a directory elsewhere, such as /srv/imperio", dir)
		}
	}
}

func under(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// checkDomains tells where the casino's names lead to.
func (w *work) checkDomains(ctx context.Context, c *config.Config) {
	if len(c.Listen.Domains) == 0 {
		return
	}
	own := make(map[netip.Addr]bool)
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return
	}
	for _, a := range addresses {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			own[prefix.Addr().Unmap()] = true
		}
	}
	ctx, cancel := context.WithTimeout(ctx, networkPause)
	defer cancel()
	for _, domain := range c.Listen.Domains {
		found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", domain)
		if err != nil {
			w.tell(Warning, "domain", "%s has no address yet, as this machine sees it (%v): make its address records (A, AAAA) point here, or nobody finds the casino and no certificate comes", domain, err)
			continue
		}
		var names []string
		elsewhere := false
		for _, ip := range found {
			names = append(names, ip.Unmap().String())
			elsewhere = elsewhere || !own[ip.Unmap()]
		}
		slices.Sort(names)
		if elsewhere {
			w.tell(Warning, "domain", "%s points to %s, which is not all on this machine's network cards. That is right behind a router, a load balancer or a proxy; else correct the address records", domain, strings.Join(names, ", "))
		} else {
			w.tell(Fine, "domain", "%s points to this machine (%s)", domain, strings.Join(names, ", "))
		}
	}
}

// checkACME tells if the authority that gives certificates can't be reached.
func (w *work) checkACME(ctx context.Context, c *config.Config) {
	if c.TLS.Mode != config.TLSACME {
		return
	}
	directory := c.TLS.ACMEDirectory
	if directory == "" {
		directory = letsEncrypt
	}
	u, err := url.Parse(directory)
	if err != nil {
		return
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	ctx, cancel := context.WithTimeout(ctx, networkPause)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		w.tell(Warning, "certificate", "%s can't be reached (%v): allow outgoing connections to port %s, else no certificate comes", u.Host, err, port)
		return
	}
	_ = conn.Close()
	w.tell(Fine, "certificate", "%s can be reached", u.Host)
}
