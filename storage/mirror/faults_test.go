package mirror_test

import (
	"encoding/hex"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"imperio/storage/command"
	"imperio/storage/mirror"
	"imperio/storage/storagetest/postgrestest"
)

func usesTLS(t *testing.T, s *postgrestest.Server) {
	r := newRig(t, s, "tls")
	plain := r.url
	r.url = s.URL("tls", "sslmode", "verify-full", "sslrootcert", s.CAFile)
	r.play(5)
	r.run()
	r.settled()
	if got := r.sql().rows("SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'imperio mirror' AND NOT ssl"); got[0][0] != int64(0) {
		t.Errorf("%v connections without TLS", got)
	}
	r.stop()
	other := filepath.Join(t.TempDir(), "other.crt")
	postgrestest.Authority(t, other)
	r.url = s.URL("tls", "sslmode", "verify-full", "sslrootcert", other)
	r.run()
	st := r.wait("refused", func(s mirror.Status) bool { return s.State == mirror.Failing })
	if !strings.Contains(st.Error, "sslrootcert") {
		t.Errorf("%s", st.Error)
	}
	r.stop()
	r.url = plain
	r.compare()
}

func saysWhatIsWrong(t *testing.T, s *postgrestest.Server) {
	deaf, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	web, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer web.Close()
	go func() {
		for {
			c, err := web.Accept()
			if err != nil {
				return
			}
			c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			c.Close()
		}
	}()
	s.CreateDatabase(t, "newer")
	s.Exec(t, "newer", "CREATE SCHEMA imperio", "CREATE TABLE imperio.position (schema_version bigint)", "INSERT INTO imperio.position VALUES (99)")
	s.CreateDatabase(t, "latin", "ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
	s.CreateDatabase(t, "reader")
	s.Exec(t, "reader", "CREATE USER reader PASSWORD 'reads'")
	s.CreateDatabase(t, "foreign")
	s.Exec(t, "foreign", "CREATE SCHEMA imperio", "CREATE TABLE imperio.accounts (id bigint)")
	s.CreateDatabase(t, "readonly")
	s.Exec(t, "readonly", "ALTER DATABASE readonly SET default_transaction_read_only = on")
	s.CreateDatabase(t, "torn")
	s.CreateDatabase(t, "rowless")
	s.CreateDatabase(t, "fits")
	r := newRig(t, s, "wrong")
	r.play(10)
	r.Checkpoint()
	for _, torn := range []string{"torn", "rowless"} {
		r.url = s.URL(torn)
		r.run()
		r.settled()
		r.stop()
	}
	s.Exec(t, "torn", "DROP TABLE imperio.rounds CASCADE")
	s.Exec(t, "rowless", "DELETE FROM imperio.position")
	r.play(10)
	r.Checkpoint()
	for _, test := range []struct{ name, url, want string }{
		{"another password", strings.Replace(s.URL("wrong"), postgrestest.Password, "hunter2hunter2", 1), "mirror-password-file"},
		{"no such user", strings.Replace(s.URL("wrong"), "//"+postgrestest.User, "//nobody", 1), "refuses the user"},
		{"no database", s.URL("missing"), "CREATE DATABASE"},
		{"nothing there", "postgres://u@127.0.0.1:1/db", "can't be reached at 127.0.0.1:1/db"},
		{"deaf", "postgres://u@" + deaf.Addr().String() + "/db", "does not answer"},
		{"a web server", "postgres://u@" + web.Addr().String() + "/db?sslmode=disable", "can't be reached"},
		{"newer tables", s.URL("newer"), "newer Imperio"},
		{"another encoding", s.URL("latin"), "ENCODING 'UTF8'"},
		{"may not", strings.Replace(s.URL("reader"), postgrestest.User+":"+postgrestest.Password, "reader:reads", 1), "GRANT CREATE"},
		{"somebody's tables", s.URL("foreign"), "--mirror-schema"},
		{"read-only", s.URL("readonly"), "read-only"},
		{"a table is gone", s.URL("torn"), "DROP SCHEMA"},
		{"the position is gone", s.URL("rowless"), "DROP SCHEMA"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r.t = t
			r.url = test.url
			r.run(func(o *mirror.Options) { o.Patience = time.Second })
			st := r.wait("failing", func(s mirror.Status) bool { return s.State == mirror.Failing })
			if !strings.Contains(st.Error, test.want) || strings.Contains(st.Error, "hunter2") || strings.Contains(st.Error, postgrestest.Password) {
				t.Errorf("it says: %s\nwant: %s", st.Error, test.want)
			}
			if st.Since.IsZero() || st.Lag == 0 {
				t.Errorf("%+v", st)
			}
		})
	}
	if _, err := mirror.New(mirror.Options{URL: "postgres://u:hunter2hunter2@h/db?sslmode=never"}); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a URL that makes no sense: %v", err)
	}
}

func survivesKill(t *testing.T, s *postgrestest.Server) {
	r := newRig(t, s, "killed")
	r.run()
	for range 3 {
		r.play(300)
		r.Checkpoint()
		seen := r.status().Event
		r.wait("writing", func(s mirror.Status) bool { return s.Event > seen })
		s.Kill(t)
		r.play(20) // bets go on
		r.Checkpoint()
		r.wait("failing", func(s mirror.Status) bool { return s.State == mirror.Failing })
		s.Start(t)
		r.settled()
	}
	r.compare()
}

func survivesPause(t *testing.T, s *postgrestest.Server) {
	r := newRig(t, s, "frozen")
	r.run(func(o *mirror.Options) { o.Patience = time.Second })
	r.play(50)
	r.settled()
	s.Pause(t)
	r.play(200) // bets go on
	r.Checkpoint()
	st := r.wait("failing", func(s mirror.Status) bool { return s.State == mirror.Failing })
	if !strings.Contains(st.Error, "does not answer") {
		t.Errorf("it says: %s", st.Error)
	}
	s.Resume(t)
	r.settled()
	r.compare()
	// A mirror that waits for a frozen server ends at once.
	s.Pause(t)
	r.play(20)
	r.Checkpoint()
	r.stop()
	s.Resume(t)
}

func survivesFullDisk(t *testing.T, s *postgrestest.Server) {
	small := s.SmallTablespace(t, 11<<20)
	r := newRig(t, s, "small", "TABLESPACE "+small)
	r.run()
	var st mirror.Status
	for st.State != mirror.Failing {
		for range 50 {
			r.One(command.Command{Body: command.RecordAct{Actor: "house", Act: "looked", Reason: hex.EncodeToString(r.Random(5000))}})
		}
		r.play(20)
		r.Checkpoint()
		st = r.wait("full or complete", func(s mirror.Status) bool { return s.State == mirror.Failing || s.Event == s.Head })
	}
	if !strings.Contains(st.Error, "disk of PostgreSQL is full") {
		t.Errorf("it says: %s", st.Error)
	}
	s.GrowTablespace(t, small, 200<<20)
	r.settled()
	r.compare()
}

func makesSmallerBatches(t *testing.T, s *postgrestest.Server) {
	r := newRig(t, s, "slow")
	r.play(10)
	r.run(func(o *mirror.Options) { o.Patience = time.Second })
	r.settled()
	// Each row takes so long that only few fit into a statement's time.
	s.Exec(t, "slow", `CREATE FUNCTION imperio.tarry() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.002); RETURN NEW; END'`,
		"CREATE TRIGGER tarry BEFORE INSERT ON imperio.events FOR EACH ROW EXECUTE FUNCTION imperio.tarry()")
	r.stop()
	r.play(800)
	r.run(func(o *mirror.Options) { o.Patience, o.BatchEvents = time.Second, 700 })
	r.settled()
	if st := r.status(); st.Errors == 0 {
		t.Errorf("the server was not slow: %+v", st)
	}
	r.compare()
}
