package appliance

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"imperio/appliance/config"
	"imperio/appliance/control"
	"imperio/storage/storagetest/postgrestest"
)

// Each member names itself to PostgreSQL, and a trigger notes who writes.
func TestCluster_TheMirrorIsTheLeaders(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, postgrestest.WithoutSync())
	server.CreateDatabase(t, "mirror")
	all := threeMembers(t, func(c *config.Config) {
		url := server.URL("mirror", "sslmode", "disable", "application_name", c.Cluster.Address)
		c.Mirror.To = config.MirrorURL(strings.Replace(url, ":"+postgrestest.Password, "", 1))
		c.Mirror.Password = postgrestest.Password
	})
	mirrored := func(m *memberHouse) {
		t.Helper()
		answers(m, control.GetMirrorStatus, "all events in the mirror", func(s control.MirrorStatus) bool {
			return s.State == "following" && s.Event > 0 && s.Event == s.Head && s.AccountsEvent == s.Head
		})
	}
	mirrored(all[0])
	server.Exec(t, "mirror", "CREATE TABLE public.writers (seq serial, name text PRIMARY KEY)",
		`CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN
			IF NOT EXISTS (SELECT FROM public.writers WHERE name = current_setting(''application_name'')) THEN
				INSERT INTO public.writers (name) VALUES (current_setting(''application_name''));
			END IF;
			RETURN NEW;
		END'`,
		"CREATE TRIGGER note AFTER UPDATE ON imperio.position FOR EACH ROW EXECUTE FUNCTION public.note()")
	conn := server.Connect(t, "mirror")
	writers := func(want ...*memberHouse) {
		t.Helper()
		var got []string
		if err := conn.QueryRow(t.Context(), "SELECT array_agg(name ORDER BY seq) FROM public.writers").Scan(&got); err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(got, want, func(name string, m *memberHouse) bool { return name == m.config.Cluster.Address }) {
			t.Errorf("the mirror is written by %q", got)
		}
	}

	first := leaderOf(all[0], all)
	others := without(all, first)
	ana := others[0].player("ana")
	for i := range 10 {
		ana.at(all[i%3]).spins(fmt.Sprint("before-", i))
	}
	mirrored(others[0])
	writers(first)

	first.lose()
	var coins float64
	for i := range 10 {
		coins = ana.at(others[i%2]).spins(fmt.Sprint("after-", i))
	}
	next := leaderOf(others[0], others)
	for _, m := range others {
		mirrored(m)
	}
	writers(first, next)
	var rounds, mirroredCoins, sum, missing int64
	err := conn.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM imperio.rounds WHERE account = a.id AND settled_at IS NOT NULL), coins,
		(SELECT sum(change) FROM imperio.transfers WHERE account = a.id)::bigint, (SELECT max(seq) - count(*) FROM imperio.events)
		FROM imperio.accounts a WHERE username = 'ana'`).Scan(&rounds, &mirroredCoins, &sum, &missing)
	if err != nil || rounds != 20 || float64(mirroredCoins) != coins || sum != mirroredCoins || missing != 0 {
		t.Errorf("the mirror has %d rounds of 20, %d coins of %v and %d by transfers, and lacks %d events: %v", rounds, mirroredCoins, coins, sum, missing, err)
	}
}
