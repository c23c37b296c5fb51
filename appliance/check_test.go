package appliance

import (
	"net"
	"strings"
	"testing"

	"imperio/appliance/config"
)

// The service manager has the addresses open; that is no problem. One that it opens for nobody is.
func TestCheck_KnowsTheSocketsOfTheServiceManager(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	at := l.Addr().String()
	c := config.Default()
	c.Data.Dir = privateDir(t)
	c.Listen.HTTPAddr, c.Listen.OpsAddr = at, ""
	for _, k := range []struct {
		unit  SocketUnit
		where string // of the only problem; "": none
	}{
		{SocketUnit{}, "http-addr"},
		{SocketUnit{Addresses: []string{at}, Open: true}, ""},
		{SocketUnit{Addresses: []string{at}}, "http-addr"}, // the start would open it, and another program has it
		{SocketUnit{Addresses: []string{at, "[::]:443"}, Open: true}, "imperio.socket"},
	} {
		found := Check(t.Context(), &c, k.unit)
		switch {
		case k.where == "" && len(found.Problems) > 0, k.where != "" && (len(found.Problems) != 1 || found.Problems[0].Where != k.where):
			t.Errorf("%+v: got %+v", k.unit, found.Problems)
		}
	}
	c.Data.Dir = "/dev/null/data"
	if found := Check(t.Context(), &c, SocketUnit{}); len(found.Problems) != 2 || found.Problems[0].Where != "data-dir" {
		t.Errorf("got %+v", found.Problems)
	}
	for socket, want := range map[string]string{"[::]:443": ":443", "0.0.0.0:443": "0.0.0.0:443", ":443": "[::]:443"} {
		if !(SocketUnit{Addresses: []string{socket}}).has(want) {
			t.Errorf("%s does not belong to %s", socket, want)
		}
	}
	if found := Check(t.Context(), &c, SocketUnit{}); strings.Contains(found.Problems[0].Message, "%!") {
		t.Error(found.Problems)
	}
}
