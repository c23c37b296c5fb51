package main

import (
	"fmt"
	"strings"

	"imperio/appliance/terminal"
	"imperio/storage/importer"
)

// printImport tells what an import did, or would do, and which rows to look at.
func printImport(env *environment, out *importOutcome, report string) error {
	w := env.Stdout
	if s := out.Import; s != nil {
		did, went := "imported now", "went to their accounts"
		if out.DryRun {
			did, went = "to be imported", "would go to their accounts"
		}
		fmt.Fprintf(w, "%d users: %d %s, %d imported before, %d left out.\n", s.Users, s.Imported, did, s.AlreadyImported, s.Failed)
		fmt.Fprintf(w, "%d coins %s, and %d coins of open games.\n", s.Coins, went, s.Stakes)
		if s.OpenGames+s.FinishedGames > 0 {
			fmt.Fprintf(w, "%d games were open, and the stakes of %d belong to their players. %d games were finished.\n", s.OpenGames, s.Returned, s.FinishedGames)
		}
		if len(out.Ignored) > 0 {
			fmt.Fprintf(w, "Not read, since no casino needs it: %s.\n", strings.Join(out.Ignored, ", "))
		}
		if err := printNotes(env, s); err != nil {
			return err
		}
	}
	if c := out.Comparison; c != nil {
		fmt.Fprintf(w, "Compared with the database: %d rows. %d accounts are as imported, %d were used since, %d deleted since, %d rows differ (%d of them are not imported).\n",
			c.Users, c.Equal, c.Changed, c.Deleted, c.Differs, c.NotImported)
		if c.Unusable > 0 {
			fmt.Fprintf(w, "%d rows have no usable id, and can't be imported.\n", c.Unusable)
		}
		fmt.Fprintf(w, "Coins by the rules: %d in the database, %d imported. Of open games: %d, and %d.\n", c.SourceCoins, c.CasinoCoins, c.SourceStakes, c.CasinoStakes)
		if err := printRows(env, c.First, c.Differs); err != nil {
			return err
		}
	}
	if out.DryRun {
		fmt.Fprintln(w, "Nothing was changed.")
	}
	if report != "" {
		fmt.Fprintf(w, "All rows are in %s.\n", report)
	}
	return nil
}

// printNotes tells what the notes mean, and shows the first rows to look at.
func printNotes(env *environment, s *importer.Summary) error {
	var t terminal.Table
	for _, code := range importer.Codes {
		if n := s.Notes[code.Code]; n > 0 {
			t.Row(n, code.Code, code.Meaning)
		}
	}
	if len(s.Notes) > 0 {
		fmt.Fprintln(env.Stdout, "\nNotes on rows, and how many have them:")
		if err := env.printTable(&t); err != nil {
			return err
		}
	}
	return printRows(env, s.First, s.Attention)
}

// printRows shows the first of all rows to look at.
func printRows(env *environment, first []importer.Row, all int64) error {
	if len(first) == 0 {
		return nil
	}
	more := ""
	if all > int64(len(first)) {
		more = fmt.Sprintf(", the first %d of %d", len(first), all)
	}
	fmt.Fprintf(env.Stdout, "\nRows to look at%s:\n", more)
	var t terminal.Table
	t.Row("TABLE", "ROW", "NAME THERE", "RESULT", "ACCOUNT", "NAME HERE", "WHY")
	for _, r := range first {
		account := ""
		if r.Account != 0 {
			account = fmt.Sprint("#", r.Account)
		}
		t.Row(r.Table, r.Row, shortened(r.Named), r.Result, account, r.Username, whyOf(&r))
	}
	if err := env.printTable(&t); err != nil {
		return err
	}
	_, err := fmt.Fprintln(env.Stdout)
	return err
}

func whyOf(r *importer.Row) string {
	texts := make([]string, len(r.Notes))
	for i, n := range r.Notes {
		texts[i] = n.Text
	}
	return strings.Join(texts, "; ")
}

// shortened keeps a hostile name from filling the screen.
func shortened(name string) string {
	const longest = 40
	if runes := []rune(name); len(runes) > longest {
		return string(runes[:longest]) + "…"
	}
	return name
}
