package auth

import (
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"imperio/storage/command"
	"imperio/storage/seal"
)

var (
	deviceKeys = seal.New([seal.KeySize]byte{1})
	today      = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
)

// after is what the browser is known as once it has signed in an account.
func after(t *testing.T, d Devices, account command.AccountID, now time.Time) (Devices, *http.Cookie) {
	t.Helper()
	c, err := d.Cookie(httptest.NewRequest("GET", "/", nil), account, now, true, deviceKeys, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return read(c, now), c
}

func read(c *http.Cookie, now time.Time) Devices {
	r := httptest.NewRequest("GET", "/", nil)
	r.AddCookie(c)
	return ReadDevices(r, true, now, deviceKeys)
}

func TestDevices_OneBrowserIsKnownToAHousehold(t *testing.T) {
	var d Devices
	d, _ = after(t, d, 1000, today)
	ana, _ := d.Of(1000)
	d, c := after(t, d, 1001, today)
	if again, ok := d.Of(1000); !ok || again != ana {
		t.Error("a second account made the browser forget the first one")
	}
	if ben, ok := d.Of(1001); !ok || ben == ana {
		t.Errorf("the second account knows it: %t, by the first one's name: %t", ok, ben == ana)
	}
	if _, ok := d.Of(1002); ok {
		t.Error("an account that never signed in here knows the browser")
	}
	if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.Name != "__Host-imperio-device" {
		t.Errorf("%+v", c)
	}
	for id := command.AccountID(1002); id < 1010; id++ {
		d, c = after(t, d, id, today)
	}
	if _, ok := d.Of(1001); ok || len(d.list) != mostDevices || len(c.Value) > 500 {
		t.Errorf("the oldest is kept: %t; %d accounts in %d bytes", ok, len(d.list), len(c.Value))
	}
}

func TestDevices_AreKnownForAYear(t *testing.T) {
	var d Devices
	_, c := after(t, d, 1000, today)
	if _, ok := read(c, today.Add(DeviceLifetime-time.Second)).Of(1000); !ok {
		t.Error("forgotten within a year")
	}
	if _, ok := read(c, today.Add(DeviceLifetime)).Of(1000); ok {
		t.Error("known after a year")
	}
}

func TestDevices_NothingElseIsBelieved(t *testing.T) {
	var d Devices
	_, c := after(t, d, 1000, today)
	for i := range c.Value {
		altered := *c
		b := []byte(c.Value)
		b[i] ^= 2
		altered.Value = string(b)
		if got := read(&altered, today); len(got.list) != 0 {
			t.Fatalf("believed with byte %d altered: %+v", i, got)
		}
		altered.Value = c.Value[:i]
		if got := read(&altered, today); len(got.list) != 0 {
			t.Fatalf("believed when cut to %d bytes: %+v", i, got)
		}
	}
	altered := *c
	altered.Value = strings.Repeat("A", 5000)
	if got := read(&altered, today); len(got.list) != 0 {
		t.Errorf("believed a long one: %+v", got)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.AddCookie(c)
	if got := ReadDevices(r, true, today, seal.New([seal.KeySize]byte{2})); len(got.list) != 0 {
		t.Errorf("believed another casino's: %+v", got)
	}
	if got := ReadDevices(r, false, today, deviceKeys); len(got.list) != 0 {
		t.Errorf("over plain HTTP the cookie with the prefix counts: %+v", got)
	}
}
