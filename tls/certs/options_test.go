package certs_test

import (
	"strings"
	"testing"

	"github.com/caddyserver/certmagic"

	"imperio/tls/certs"
)

func TestOptions_AreValidatedWhole(t *testing.T) {
	storage := &certmagic.FileStorage{Path: t.TempDir()}
	good := certs.ACME{TLSAddr: ":443", HTTPAddr: ":80"}
	with := func(change func(*certs.ACME)) certs.ACME {
		a := good
		change(&a)
		return a
	}
	cases := []struct {
		name    string
		options certs.Options
		says    string // empty: good
	}{
		{"off", certs.Options{Mode: certs.ModeOff}, ""},
		{"no mode", certs.Options{}, "unknown: use acme, files, internal or off"},
		{"files", certs.Options{Mode: certs.ModeFiles, Files: certs.Files{CertFile: "a", KeyFile: "b"}}, ""},
		{"half of files", certs.Options{Mode: certs.ModeFiles, Files: certs.Files{CertFile: "a"}}, "both a certificate file and a key file"},
		{"internal", certs.Options{Mode: certs.ModeInternal, Storage: storage}, ""},
		{"internal without storage", certs.Options{Mode: certs.ModeInternal}, "needs a storage"},
		{"acme", certs.Options{Mode: certs.ModeACME, Storage: storage, Domains: []string{"casino.example"}, ACME: good}, ""},
		{"acme without domain", certs.Options{Mode: certs.ModeACME, Storage: storage, ACME: good}, "at least one domain"},
		{"a URL", certs.Options{Mode: certs.ModeACME, Storage: storage, Domains: []string{"https://casino.example"}, ACME: good}, "without scheme"},
		{"a port", certs.Options{Mode: certs.ModeInternal, Storage: storage, Domains: []string{"casino.example:443"}}, "without scheme, port"},
		{"a trailing dot", certs.Options{Mode: certs.ModeInternal, Storage: storage, Domains: []string{"casino.example."}}, "not a domain name"},
		{"empty", certs.Options{Mode: certs.ModeInternal, Storage: storage, Domains: []string{""}}, "not a domain name"},
		{"a wildcard", certs.Options{Mode: certs.ModeACME, Storage: storage, Domains: []string{"*.casino.example"}, ACME: good}, "wildcard"},
		{"an own wildcard", certs.Options{Mode: certs.ModeInternal, Storage: storage, Domains: []string{"*.casino.example"}}, ""},
	}
	for name, c := range map[string]struct {
		acme certs.ACME
		says string
	}{
		"staging":               {with(func(a *certs.ACME) { a.Staging = true }), ""},
		"staging and directory": {with(func(a *certs.ACME) { a.Staging, a.Directory = true, "https://acme.example/dir" }), "not both"},
		"directory no URL":      {with(func(a *certs.ACME) { a.Directory = "acme.example" }), "not a URL"},
		"directory in clear":    {with(func(a *certs.ACME) { a.Directory = "http://acme.example/dir" }), "https is needed"},
		"e-mail":                {with(func(a *certs.ACME) { a.Email = "operator" }), "not an e-mail address"},
		"half a binding":        {with(func(a *certs.ACME) { a.EABKeyID = "7" }), "both the key's id and the key"},
		"binding not base64":    {with(func(a *certs.ACME) { a.EABKeyID, a.EABMACKey = "7", "!secret!" }), "base64url"},
		"no listener":           {certs.ACME{}, "needs a listener"},
		"no port":               {certs.ACME{TLSAddr: "0.0.0.0"}, "not an address"},
		"port 0":                {certs.ACME{TLSAddr: ":0"}, "not an address"},
		"window":                {with(func(a *certs.ACME) { a.RenewalWindow = 1 }), "between 0 and 1"},
	} {
		cases = append(cases, struct {
			name    string
			options certs.Options
			says    string
		}{"acme " + name, certs.Options{Mode: certs.ModeACME, Storage: storage, Domains: []string{"casino.example"}, ACME: c.acme}, c.says})
	}
	for _, c := range cases {
		err := c.options.Validate()
		switch {
		case c.says == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%s: %v, want something with %q", c.name, err, c.says)
		case err != nil && strings.Contains(err.Error(), "!secret!"):
			t.Errorf("%s: the error gives the key away: %v", c.name, err)
		}
	}
}
