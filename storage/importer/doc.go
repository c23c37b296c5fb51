// Package importer reads the database of an older casino (ImperioCasino, in SQLite or PostgreSQL), and opens accounts for its players.
//
// An import reads the users twice, in one consistent view of the database. The first reading finds out who keeps which name and
// address. The second one goes batch by batch: it asks the casino what it knows of these rows, plans each row by the rules in
// rules.go, imports the batch as a whole, and reports each row. So an import that breaks off is repeated, and goes on.
//
// The database is never written to. The columns with pickled Python objects are never read.
package importer
