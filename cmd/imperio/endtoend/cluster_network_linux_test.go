package endtoend

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"imperio/cmd/imperio/clustertest"
)

// networkVariable makes the test binary run a test inside namespaces of its own. Its value is the program to test.
const networkVariable = "ENDTOEND_NETWORK"

// withNetwork runs the test once more, in a process with a network and mounts of its own, and returns false. There it returns true.
// Everything that the test does to its network vanishes with that process, and none of its packets leaves it.
func withNetwork(t *testing.T) (inside bool) {
	t.Helper()
	if os.Getenv(networkVariable) != "" {
		return true
	}
	lacks := func(why string) {
		t.Helper()
		if os.Getenv("CI") == "true" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	for _, tool := range []string{"ip", "tc", "iptables"} {
		if _, err := exec.LookPath(tool); err != nil {
			lacks(fmt.Sprintf("%v: install iproute2 and iptables", err))
		}
	}
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	arguments := []string{"-test.run", "^" + t.Name() + "$", "-test.v"}
	if deadline, ok := t.Deadline(); ok {
		// It ends first, so that it can tell what it waited for.
		arguments = append(arguments, "-test.timeout", (time.Until(deadline) * 9 / 10).String())
	}
	again := exec.CommandContext(t.Context(), self, arguments...)
	again.Env = append(os.Environ(), networkVariable+"="+program)
	again.Stdout, again.Stderr = os.Stdout, os.Stderr
	again.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS}
	if os.Getuid() != 0 {
		again.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		again.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		again.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	if err := again.Start(); errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EINVAL) {
		lacks(fmt.Sprintf("no namespaces may be made here: %v. Run the test as root, or on a machine that allows user namespaces", err))
	} else if err != nil {
		t.Fatal(err)
	}
	if err := again.Wait(); err != nil {
		t.Fatalf("in its own network: %v", err)
	}
	return false
}

// network connects nodes in namespaces of their own by a switch. Each has one cable to it, and the address 192.0.2.N, where N is its
// number from 1 on. Players reach a node inside its namespace, whatever happens to the cable.
type network struct {
	*testing.T
	nodes int
	netem bool // the kernel can delay and drop packets at random
	drops bool // without netem: its firewall can drop some
}

// newNetwork lays the cables. The test must run withNetwork.
func newNetwork(t *testing.T, nodes int) *network {
	t.Helper()
	w := &network{T: t, nodes: nodes}
	// ip keeps the names of namespaces in /run, and others must not see these mounts.
	if err := errors.Join(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""), unix.Mount("imperio-test", "/run", "tmpfs", 0, "")); err != nil {
		t.Fatal(err)
	}
	w.ip("link add switch type bridge")
	w.ip("link set switch up")
	for n := 1; n <= nodes; n++ {
		w.ip("netns add node%d", n)
		w.ip("link add cable%d type veth peer name eth0 netns node%[1]d", n)
		w.ip("link set cable%d master switch up", n)
		w.ip("-n node%d link set lo up", n)
		w.ip("-n node%d address add 192.0.2.%[1]d/24 dev eth0", n)
		w.ip("-n node%d link set eth0 up", n)
	}
	w.netem = exec.Command("tc", "qdisc", "add", "dev", "cable1", "root", "netem", "delay", "1ms").Run() == nil
	w.clearLine(1)
	if !w.netem {
		try := "netns exec node1 iptables --append INPUT --match statistic --mode random --probability 0.5"
		w.drops = exec.Command("ip", strings.Fields(try)...).Run() == nil // without --jump, the rule only counts
	}
	t.Logf("packets are lost at random by netem: %t, by the firewall: %t", w.netem, w.drops)
	return w
}

// ip runs the program ip; words are separated by spaces.
func (w *network) ip(format string, values ...any) { w.run("ip", fmt.Sprintf(format, values...)) }

func (w *network) run(program, words string) {
	w.Helper()
	if out, err := exec.Command(program, strings.Fields(words)...).CombinedOutput(); err != nil {
		w.Fatalf("%s %s: %v\n%s", program, words, err, out)
	}
}

// inside is a command in a node's namespace.
func (w *network) inside(n int, command *exec.Cmd) *exec.Cmd {
	moved := exec.Command("ip", append([]string{"netns", "exec", fmt.Sprintf("node%d", n)}, command.Args...)...)
	moved.Env = command.Env
	return moved
}

// place moves a node that is not started into the namespace with a number.
func (w *network) place(n int, node *clustertest.Node, command func(arguments []string) *exec.Cmd) {
	node.Players, node.Peers = "127.0.0.1:8080", fmt.Sprintf("192.0.2.%d:7000", n)
	node.Command = func(arguments []string) *exec.Cmd { return w.inside(n, command(arguments)) }
	node.DialWith(w.dialer(n))
}

// dialer connects to addresses as seen from a node's namespace.
func (w *network) dialer(n int) func(ctx context.Context, network, address string) (net.Conn, error) {
	w.Helper()
	open := func(path string) *os.File {
		f, err := os.Open(path)
		if err != nil {
			w.Fatal(err)
		}
		w.Cleanup(func() { f.Close() })
		return f
	}
	there, here := open(fmt.Sprintf("/run/netns/node%d", n)), open("/proc/self/ns/net")
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		// A namespace belongs to a thread, and a socket to the namespace in which it is made.
		runtime.LockOSThread()
		if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
			runtime.UnlockOSThread()
			return nil, err
		}
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if back := unix.Setns(int(here.Fd()), unix.CLONE_NEWNET); back != nil {
			return conn, back // the thread ends with this goroutine, since it stays locked
		}
		runtime.UnlockOSThread()
		return conn, err
	}
}

// unplug pulls a node's cable.
func (w *network) unplug(n int) { w.ip("link set cable%d down", n) }

// silence keeps everything that one node sends from another one, but not the other way round.
func (w *network) silence(from, to int) {
	w.ip("-n node%d route replace blackhole 192.0.2.%d/32", from, to)
}

// badLine makes a node's line lose and delay packets, differently in both directions. Without netem, the line becomes narrow: what is sent
// faster waits, and the receivers' firewalls drop packets.
func (w *network) badLine(n int) {
	out, in := "netem delay 30ms 20ms loss 15%", "netem delay 5ms loss 3%"
	if !w.netem {
		out, in = "tbf rate 300kbit burst 3kb latency 60ms", "tbf rate 2mbit burst 8kb latency 20ms"
	}
	if w.drops {
		w.dropAtRandom(n, "0.03", "--destination", n)
		for other := 1; other <= w.nodes; other++ {
			if other != n {
				w.dropAtRandom(other, "0.15", "--source", n)
			}
		}
	}
	w.run("tc", fmt.Sprintf("-n node%d qdisc replace dev eth0 root %s", n, out))
	w.run("tc", fmt.Sprintf("qdisc replace dev cable%d root %s", n, in))
}

// dropAtRandom has a node's firewall drop a share of what comes from or goes to an address.
func (w *network) dropAtRandom(at int, share, direction string, address int) {
	w.ip("netns exec node%d iptables --append INPUT --protocol tcp %s 192.0.2.%d --match statistic --mode random --probability %s --jump DROP",
		at, direction, address, share)
}

func (w *network) clearLine(n int) {
	// Without a discipline of its own, there is nothing to delete.
	exec.Command("tc", strings.Fields(fmt.Sprintf("-n node%d qdisc delete dev eth0 root", n))...).Run()
	exec.Command("tc", strings.Fields(fmt.Sprintf("qdisc delete dev cable%d root", n))...).Run()
}

// heal makes the network whole again.
func (w *network) heal() {
	for n := 1; n <= w.nodes; n++ {
		w.ip("link set cable%d up", n)
		w.clearLine(n)
		if w.drops {
			w.ip("netns exec node%d iptables --flush INPUT", n)
		}
		w.ip("-n node%d route flush type blackhole", n)
	}
}
