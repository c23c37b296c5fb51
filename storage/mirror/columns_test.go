package mirror_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"imperio/storage/storagetest/postgrestest"
)

// Every table, view and column has a comment in the database, and docs/MIRROR.md says the same.
func explainsColumns(t *testing.T, s *postgrestest.Server) {
	r := newRig(t, s, "columns")
	r.run()
	r.play(1)
	r.settled()
	db := r.sql()
	var want strings.Builder
	for _, table := range db.rows(`SELECT relname::text, obj_description(oid), oid::bigint FROM pg_class WHERE relnamespace = 'imperio'::regnamespace AND relkind IN ('r', 'v')
		ORDER BY relkind, array_position(ARRAY['accounts', 'transfers', 'rounds', 'events', 'imports', 'rules', 'position', 'daily_by_game', 'player_net'], relname::text)`) {
		fmt.Fprintf(&want, "### %s\n\n%s\n\n| column | type | meaning |\n|---|---|---|\n", table[0], table[1])
		for _, c := range db.rows(`SELECT attname::text, format_type(atttypid, NULL), col_description(attrelid, attnum) FROM pg_attribute
			WHERE attrelid = $1::bigint::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum`, table[2]) {
			if c[2] == nil || table[1] == nil {
				t.Errorf("%s.%s has no comment", table[0], c[0])
			}
			fmt.Fprintf(&want, "| `%s` | %s | %s |\n", c[0], c[1], c[2])
		}
		want.WriteString("\n")
	}
	file := filepath.Join("..", "..", "docs", "MIRROR.md")
	document, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- the tables -->\n", "<!-- end of the tables -->"
	before, rest, ok := strings.Cut(string(document), begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no place for the tables", file)
	}
	if now := before + begin + "\n" + want.String() + end + after; now != string(document) {
		if os.Getenv("UPDATE_MIRROR_DOCUMENT") == "1" {
			if err := os.WriteFile(file, []byte(now), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		t.Errorf("%s does not say what the comments of the tables say. UPDATE_MIRROR_DOCUMENT=1 writes it", file)
	}
}
