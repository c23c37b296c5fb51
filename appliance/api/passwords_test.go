package api

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"imperio/appliance/auth"
	"imperio/storage/command"
)

// fromHeader lets a test's client choose its address.
func fromHeader(o *Options) {
	o.Client = func(r *http.Request) netip.Addr {
		if a, err := netip.ParseAddr(r.Header.Get("From-Address")); err == nil {
			return a
		}
		return netip.MustParseAddr("192.0.2.1")
	}
}

// tries are the subjects whose tries have been used up since the n-th command.
func (h *house) tries(n int) (list []command.Subject) {
	h.casino.mu.Lock()
	defer h.casino.mu.Unlock()
	for _, c := range h.casino.proposed[n:] {
		if a, ok := c.Body.(command.AttemptSignIn); ok {
			list = append(list, a.Subject)
		}
	}
	return list
}

func (h *house) commands() int {
	h.casino.mu.Lock()
	defer h.casino.mu.Unlock()
	return len(h.casino.proposed)
}

func deviceCookie(t *testing.T, r reply) string {
	t.Helper()
	for _, line := range r.header.Values("Set-Cookie") {
		if strings.HasPrefix(line, "imperio-device-") { // and the port
			cookie, _, _ := strings.Cut(line, ";")
			return cookie
		}
	}
	t.Fatalf("no device cookie in %v", r.header.Values("Set-Cookie"))
	return ""
}

func TestPasswords_WhoseTriesASignInUses(t *testing.T) {
	h := newHouse(t, fromHeader)
	h.player("cherry") // from 192.0.2.1
	const cherry = command.FirstAccountID
	known := h.visitor().signIn("cherry", "correct horse", "From-Address", "192.0.2.2").want(t, 201, "")
	cookie := deviceCookie(t, known)
	request, _ := http.NewRequest("GET", h.server.URL, nil)
	request.Header.Set("Cookie", cookie)
	device, _ := auth.ReadDevices(request, false, h.now(), testKeys).Of(cherry)

	strangers := testKeys.Account(cherry)
	for _, c := range []struct {
		name, login string
		headers     []string
		want        command.Subject
	}{
		{"a stranger by name", "cherry", []string{"From-Address", "198.51.100.1"}, strangers},
		{"another stranger by e-mail address", "CHERRY@example.org", []string{"From-Address", "198.51.100.2"}, strangers},
		{"a network that she signed up from", "cherry", nil, testKeys.From(cherry, testKeys.Network("192.0.2.1"))},
		{"a network that she signed in from", "cherry", []string{"From-Address", "192.0.2.2"}, testKeys.From(cherry, testKeys.Network("192.0.2.2"))},
		{"her browser, elsewhere", "cherry@example.org", []string{"From-Address", "198.51.100.3", "Cookie", cookie}, testKeys.Device(cherry, device)},
		{"a forged cookie", "cherry", []string{"From-Address", "198.51.100.3", "Cookie", cookie[:len(cookie)-4] + "AAAA"}, strangers},
		{"nobody", "apple", nil, testKeys.Login("apple")},
		{"nobody, from her browser", "apple", []string{"Cookie", cookie}, testKeys.Login("apple")},
	} {
		n := h.commands()
		h.visitor().signIn(c.login, "wrong horse", c.headers...).want(t, 401, "invalid_credentials")
		if got := h.tries(n); len(got) != 1 || got[0] != c.want {
			t.Errorf("%s: %x, want %x", c.name, got, c.want)
		}
	}
	// Her browser keeps its name when she signs in again, so she has no more tries than before.
	again := h.visitor().signIn("cherry", "correct horse", "Cookie", cookie).want(t, 201, "")
	request.Header.Set("Cookie", deviceCookie(t, again))
	if same, ok := auth.ReadDevices(request, false, h.now(), testKeys).Of(cherry); !ok || same != device {
		t.Error("the browser has another name after the next sign-in")
	}
}

func TestPasswords_AChangeCountsBySession(t *testing.T) {
	h := newHouse(t)
	p := h.player("cherry")
	n := h.commands()
	p.do("PUT", "/api/v1/me/password", `{"current":"wrong horse","new":"better horse"}`).want(t, 403, "wrong_password")
	sessions, _ := h.casino.Sessions(command.FirstAccountID)
	if got := h.tries(n); len(got) != 1 || got[0] != testKeys.Session(sessions[0].ID) {
		t.Errorf("%x, want session %d", got, sessions[0].ID)
	}
}

// busyHouse has one turn for passwords, which is taken until the test ends.
func busyHouse(t *testing.T, patience time.Duration) *house {
	t.Helper()
	passwords, err := auth.NewPasswords(auth.PasswordOptions{Cost: 4, Concurrent: 1, Seal: testKeys, Patience: patience})
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, func(o *Options) { o.Passwords = passwords })
	h.player("cherry")
	turn, err := passwords.Turn(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(turn.End)
	return h
}

// A wait that is too long uses up no try, opens no session, and leaves no line in the log beside the access log's.
func TestPasswords_BusyCostsNothing(t *testing.T) {
	h := busyHouse(t, time.Millisecond)
	n := h.commands()
	r := h.visitor().signIn("cherry", "correct horse").want(t, 503, "busy")
	if r.header.Get("Retry-After") != "5" || !strings.Contains(r.body["detail"].(string), "Wait 5 seconds") {
		t.Errorf("%v %s", r.header, r.raw)
	}
	if got := h.commands() - n; got != 0 {
		t.Errorf("%d commands", got)
	}
	if line := h.logs.String(); line != "" {
		t.Errorf("logged %q", line)
	}
}

func TestPasswords_NothingIsDoneForAClientThatHasGone(t *testing.T) {
	h := busyHouse(t, time.Hour)
	n := h.commands()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	answered := make(chan struct{})
	handler := h.server.Config.Handler
	h.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(answered)
		handler.ServeHTTP(w, r)
	})
	request, err := http.NewRequestWithContext(ctx, "POST", h.server.URL+"/api/v1/sessions", strings.NewReader(`{"login":"cherry","password":"correct horse"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	go func() {
		for h.api.o.Passwords.Waiting() == 0 { // until it waits for its turn
			select {
			case <-t.Context().Done():
				return
			case <-time.After(time.Millisecond):
			}
		}
		cancel()
	}()
	if answer, err := h.server.Client().Do(request); err == nil {
		answer.Body.Close()
		t.Fatalf("answered %d", answer.StatusCode)
	}
	<-answered
	if got := h.commands() - n; got != 0 {
		t.Errorf("%d commands", got)
	}
	if line := h.logs.String(); line != "" {
		t.Errorf("logged %q", line)
	}
}

// A check that took so long that the client is about to be cut off opens no session behind its back.
func TestPasswords_NoSessionForAnAnswerThatComesTooLate(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.AnswerWithin = time.Nanosecond })
	h.visitor().do("POST", "/api/v1/accounts", `{"username":"cherry","email":"cherry@example.org","password":"correct horse"}`).want(t, 503, "busy")
	h.api.o.AnswerWithin = 0
	h.player("cherry")
	h.api.o.AnswerWithin = time.Nanosecond
	n := h.commands()
	h.visitor().signIn("cherry", "correct horse").want(t, 503, "busy")
	if got := h.commands() - n; got != 1 { // the try
		t.Errorf("%d commands", got)
	}
}

func TestSignUp_RefusesPasswordsThatAreGuessedFirst(t *testing.T) {
	h := newHouse(t)
	for password, code := range map[string]string{
		"password": "password_too_common", "12345678": "password_too_common", "Cherry2026": "password_like_name", "ana.maria@example.org": "password_like_name",
		"ana.maria1": "password_like_name",
	} {
		h.visitor().do("POST", "/api/v1/accounts", `{"username":"cherry","email":"ana.maria@example.org","password":"`+password+`"}`).want(t, 422, code)
	}
	p := h.player("cherry")
	n := h.commands()
	p.do("PUT", "/api/v1/me/password", `{"current":"correct horse","new":"password"}`).want(t, 422, "password_too_common")
	p.do("PUT", "/api/v1/me/password", `{"current":"correct horse","new":"cherry@example.org"}`).want(t, 422, "password_like_name")
	if got := h.commands() - n; got != 0 {
		t.Errorf("%d commands", got)
	}
}

func TestSignUp_RefusesNamesThatLookLikeTheHouse(t *testing.T) {
	h := newHouse(t)
	for name, code := range map[string]string{
		"admin": "username_reserved", "admın": "username_reserved", "ⲁdmin": "invalid_username", "root": "username_reserved", "support": "username_reserved",
		"operator": "username_reserved", "house": "username_reserved", "lmperio": "username_reserved",
	} {
		h.visitor().do("POST", "/api/v1/accounts", `{"username":"`+name+`","email":"ana@example.org","password":"correct horse"}`).want(t, 422, code)
	}
}
