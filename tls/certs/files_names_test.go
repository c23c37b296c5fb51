package certs_test

import (
	"strings"
	"testing"
	"time"

	"imperio/tls/certs"
)

// A certificate for another host makes every browser turn away, and nobody would notice from inside.
func TestFiles_NewRefusesACertificateForOtherHosts(t *testing.T) {
	ca, files := newIssuer(t), fileNames(t)
	cert, key := ca.issue(t, "*.casino.test", time.Hour)
	write(t, files, cert, key)
	options := certs.Options{Mode: certs.ModeFiles, Files: files, Domains: []string{"www.casino.test", "casino.test", "a.b.casino.test"}}
	const want = "it is for *.casino.test, and not for casino.test, a.b.casino.test"
	if _, err := certs.New(t.Context(), options); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("New: %v", err)
	}
	if err := options.Check(); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Check: %v", err)
	}
	options.Domains = options.Domains[:1]
	if err := options.Check(); err != nil {
		t.Error(err)
	}
	source := newSource(t, options)
	if got := source.Expiry(); len(got) != 1 || got[0].Name != "www.casino.test" || got[0].NotAfter.IsZero() {
		t.Errorf("the metric has the name of the domain, not of the certificate: %+v", got)
	}
	if got := source.Hosts(); len(got) != 1 || got[0] != "*.casino.test" {
		t.Errorf("Hosts() = %v", got)
	}
}

func TestFiles_ACertificateForOtherHostsIsNotTakenWhileItRuns(t *testing.T) {
	ca, files, book := newIssuer(t), fileNames(t), &logBook{}
	good, goodKey := ca.issue(t, "casino.test", 24*time.Hour)
	write(t, files, good, goodKey)
	source := newSource(t, certs.Options{
		Mode: certs.ModeFiles, Files: files, Domains: []string{"casino.test"}, CheckInterval: time.Millisecond, Logger: book.logger(),
	})
	site := serve(t, source, "casino.test")
	before := site.leaf(t)

	other, otherKey := ca.issue(t, "elsewhere.test", 48*time.Hour)
	write(t, files, other, otherKey)
	await(t, "the problem to show", func() bool { return source.Expiry()[0].Problem != nil })
	if got := source.Expiry()[0]; got.Name != "casino.test" || !got.NotAfter.Equal(before.NotAfter) {
		t.Errorf("the metric is not of the certificate that is served: %+v", got)
	}
	if site.leaf(t).SerialNumber.Cmp(before.SerialNumber) != 0 {
		t.Error("the old certificate is not served any more")
	}
	book.await(t, "the certificate from before is still served", "not for casino.test")

	write(t, files, good, goodKey)
	await(t, "recovery", func() bool { return source.Expiry()[0].Problem == nil })
}

// An expired certificate is better than no casino, and loud enough.
func TestFiles_StartsWithACertificateThatIsNotValidNow(t *testing.T) {
	for name, c := range map[string]struct {
		at   time.Duration // of the clock, from now
		want string
	}{"expired": {48 * time.Hour, "it expired on"}, "not valid yet": {-48 * time.Hour, "it is valid from"}} {
		ca, files, book := newIssuer(t), fileNames(t), &logBook{}
		cert, key := ca.issue(t, "casino.test", 24*time.Hour)
		write(t, files, cert, key)
		source := newSource(t, certs.Options{
			Mode: certs.ModeFiles, Files: files, Domains: []string{"casino.test"}, Logger: book.logger(),
			Clock: (&clock{now: time.Now().Add(c.at)}).Now,
		})
		serve(t, source, "casino.test").leaf(t)
		book.await(t, "the certificate is not valid now", c.want)
		if got := source.Expiry()[0]; got.NotAfter.IsZero() || got.NotBefore.IsZero() {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// A certificate that was put in place too early is taken when its time comes.
func TestFiles_TakesACertificateOnceItIsValid(t *testing.T) {
	ca, files, now := newIssuer(t), fileNames(t), &clock{now: time.Now().Add(-2 * time.Hour)}
	old, oldKey := ca.issue(t, "casino.test", 24*time.Hour)
	write(t, files, old, oldKey)
	source := newSource(t, certs.Options{Mode: certs.ModeFiles, Files: files, CheckInterval: time.Millisecond, Clock: now.Now})
	site := serve(t, source, "casino.test")
	before := site.leaf(t)
	fresh, freshKey := ca.issue(t, "casino.test", 48*time.Hour)
	write(t, files, fresh, freshKey)
	await(t, "the problem to show", func() bool {
		problem := source.Expiry()[0].Problem
		return problem != nil && strings.Contains(problem.Error(), "it is valid from")
	})
	now.advance(2 * time.Hour)
	await(t, "the certificate to be taken", func() bool { return site.leaf(t).SerialNumber.Cmp(before.SerialNumber) != 0 })
}

func TestReload_ReadsFilesAtOnce(t *testing.T) {
	ca, files := newIssuer(t), fileNames(t)
	cert, key := ca.issue(t, "casino.test", 24*time.Hour)
	write(t, files, cert, key)
	source := newSource(t, certs.Options{Mode: certs.ModeFiles, Files: files, CheckInterval: time.Hour})
	site := serve(t, source, "casino.test")
	before := site.leaf(t)
	cert, key = ca.issue(t, "casino.test", 24*time.Hour)
	write(t, files, cert, key)
	if !source.Reload(certs.Files{}) {
		t.Error("there are no files to read")
	}
	await(t, "the new certificate", func() bool { return site.leaf(t).SerialNumber.Cmp(before.SerialNumber) != 0 })
	source.Close()
	source.Reload(certs.Files{}) // harmless
	if off := newSource(t, certs.Options{Mode: certs.ModeOff}); off.Reload(certs.Files{}) || len(off.Hosts()) != 0 {
		t.Error("mode off has files")
	}
}

func TestReload_TakesOtherFiles(t *testing.T) {
	ca, files, others := newIssuer(t), fileNames(t), fileNames(t)
	cert, key := ca.issue(t, "casino.test", 24*time.Hour)
	write(t, files, cert, key)
	source := newSource(t, certs.Options{Mode: certs.ModeFiles, Files: files, CheckInterval: time.Hour})
	site := serve(t, source, "casino.test")
	before := site.leaf(t)
	cert, key = ca.issue(t, "casino.test", 24*time.Hour)
	write(t, others, cert, key)
	source.Reload(others)
	await(t, "the certificate in the other files", func() bool { return site.leaf(t).SerialNumber.Cmp(before.SerialNumber) != 0 })
	now := site.leaf(t)
	cert, key = ca.issue(t, "casino.test", 24*time.Hour)
	write(t, others, cert, key)
	source.Reload(certs.Files{})
	await(t, "the newer certificate in the same files", func() bool { return site.leaf(t).SerialNumber.Cmp(now.SerialNumber) != 0 })
}
