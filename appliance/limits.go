package appliance

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"imperio/appliance/config"
	"imperio/appliance/edge"
)

// zones are the edge's limits on requests, from the configuration.
func zones(l config.Limits) []edge.Zone {
	limit := func(r config.Rate, burst int) edge.Limit {
		return edge.Limit{Events: r.Events, Per: r.Per, Burst: burst}
	}
	return edge.Zones(edge.ZoneLimits{
		General: limit(l.GeneralRate, l.GeneralBurst), SignIn: limit(l.SignInRate, l.SignInBurst),
		SignUp: limit(l.SignUpRate, l.SignUpBurst), Slots: limit(l.SlotsRate, l.SlotsBurst),
	})
}

// PrintLimits writes the configured limits as a table, for people.
func PrintLimits(w io.Writer, l config.Limits) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "limits are %s\n\n", l.On)
	fmt.Fprintln(table, "ZONE\tRATE\tBURST\tCOUNTED BY\tCOVERS")
	row := func(z edge.Zone, covers string) {
		by := "address"
		switch {
		case z.PerAddress != nil:
			by = "account"
		case z.PerAccount:
			by = "address, account"
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\n", z.Name, config.Rate{Events: z.Events, Per: z.Per}, z.Burst, by, covers)
	}
	for _, z := range zones(l) {
		covers := strings.Join(z.Routes, ", ")
		switch {
		case z.Tries != nil:
			row(*z.Tries, covers)
			covers += ", unless refused"
		case covers == "":
			covers = "all other requests, except health checks and reads of files"
		}
		row(z, covers)
		if p := z.PerAddress; p != nil && !z.Off() {
			fmt.Fprintf(table, "%s\t%s\t%d\taddress\t%s\n", z.Name, config.Rate{Events: p.Events, Per: p.Per}, p.Burst, covers)
		}
	}
	fmt.Fprintf(table, "failed-sign-ins\t%s\t%d\taccount; known browsers and networks apart\twrong passwords; kept in the casino's data\n", l.FailedSignIns, l.FailedSignIns.Events)
	fmt.Fprintf(table, "\nconnections\t%s per address, %s in total\n", l.ConnectionsPerAddress, l.Connections)
	return table.Flush()
}
