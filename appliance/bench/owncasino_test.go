package bench

import (
	"net"
	"net/netip"
	"testing"
)

func TestFreeAddress_CanBeListenedOnAgainAndAgain(t *testing.T) {
	text, err := FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	address, err := netip.ParseAddrPort(text)
	if err != nil || !address.Addr().IsLoopback() || address.Port() < firstPort || address.Port() > lastPort {
		t.Fatalf("%s is not a loopback address with a port from %d to %d: %v", text, firstPort, lastPort, err)
	}
	for range 3 {
		l, err := net.Listen("tcp", text)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := net.Listen("tcp", text); err == nil {
			again.Close()
			t.Error("two listen on it")
		}
		l.Close()
	}
}
