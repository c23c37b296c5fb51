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
		if err := printSummary(env, s, out.DryRun); err != nil {
			return err
		}
		if len(out.Ignored) > 0 {
			fmt.Fprintf(w, "\nNot read, since no casino needs it: %s.\n", strings.Join(out.Ignored, ", "))
		}
		if err := printNotes(env, s); err != nil {
			return err
		}
	}
	if c := out.Comparison; c != nil {
		if err := printComparison(env, c); err != nil {
			return err
		}
	}
	if out.DryRun || report != "" {
		fmt.Fprintln(w)
	}
	if out.DryRun {
		fmt.Fprintln(w, "Nothing was changed.")
	}
	if report != "" {
		fmt.Fprintf(w, "All rows are in %s.\n", report)
	}
	return nil
}

func printSummary(env *environment, s *importer.Summary, dry bool) error {
	now := "imported now"
	if dry {
		now = "to be imported"
	}
	var t terminal.Table
	t.Row("rows of users", s.Users)
	t.Row("  "+now, s.Imported)
	t.Row("  imported before", s.AlreadyImported)
	t.Row("  left out", s.Failed)
	t.Row("coins "+now, s.Coins)
	t.Row("coins of open games", s.Stakes)
	t.Row("open games", s.OpenGames)
	t.Row("  with a stake for their player", s.Returned)
	t.Row("finished games", s.FinishedGames)
	return env.printTable(&t)
}

func printComparison(env *environment, c *importer.Comparison) error {
	fmt.Fprintln(env.Stdout, "\nCompared with the database:")
	var t terminal.Table
	t.Row("rows of users", c.Users)
	t.Row("  as imported", c.Equal)
	t.Row("  used since", c.Changed)
	t.Row("  deleted since", c.Deleted)
	t.Row("  without a usable id", c.Unusable)
	t.Row("  not imported", c.NotImported)
	t.Row("  that differ", c.Differs-c.NotImported)
	t.Row("coins", fmt.Sprintf("%d by the rules, %d imported", c.SourceCoins, c.CasinoCoins))
	t.Row("coins of open games", fmt.Sprintf("%d by the rules, %d imported", c.SourceStakes, c.CasinoStakes))
	if err := env.printTable(&t); err != nil {
		return err
	}
	return printRows(env, c.First, c.Differs)
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
	if err := printRows(env, s.First, s.Attention); err != nil {
		return err
	}
	for code := range s.Notes {
		if strings.HasPrefix(code, "password_") {
			_, err := fmt.Fprintln(env.Stdout, "\nTo let in a player whose account is locked: 'imperio account unlock NAME --reason TEXT', then 'imperio account password NAME --link --reason TEXT'.")
			return err
		}
	}
	return nil
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
	return env.printTable(&t)
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
