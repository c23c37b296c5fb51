package appliance

import "testing"

func TestPublicURL_IsWherePlayersFindTheCasino(t *testing.T) {
	for _, c := range []struct {
		domains       []string
		plain, secure string
		want          string
	}{
		{nil, "127.0.0.1:8080", "", "http://127.0.0.1:8080"},
		{nil, ":80", "", "http://localhost"},
		{nil, "[::]:8080", "", "http://localhost:8080"},
		{nil, "", "127.0.0.1:8443", "https://127.0.0.1:8443"},
		{[]string{"casino.example", "www.casino.example"}, ":80", ":443", "https://casino.example"},
		{[]string{"casino.example"}, ":80", ":8443", "https://casino.example:8443"},
		{[]string{"casino.example"}, "127.0.0.1:8080", "", "https://casino.example"}, // behind a proxy, which has the certificate
		{[]string{"casino.example"}, "", "", ""},
	} {
		if got := publicURL(c.domains, c.plain, c.secure); got != c.want {
			t.Errorf("domains %v at %q and %q: %q, want %q", c.domains, c.plain, c.secure, got, c.want)
		}
	}
}
