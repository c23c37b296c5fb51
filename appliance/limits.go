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

// LimitsReport is the limits in force, for programs.
type LimitsReport struct {
	On                    bool        `json:"on"`
	Zones                 []ZoneLimit `json:"zones"`
	Connections           string      `json:"connections"` // "off": no limit
	ConnectionsPerAddress string      `json:"connections_per_address"`
}

// ZoneLimit is a token bucket.
type ZoneLimit struct {
	Zone      string `json:"zone"`
	Rate      string `json:"rate"` // e.g. "60/m", or "off"
	Burst     int    `json:"burst"`
	CountedBy string `json:"counted_by"`
	Covers    string `json:"covers"`
}

// LimitsInForce describes the configured limits.
func LimitsInForce(l config.Limits) LimitsReport {
	report := LimitsReport{On: bool(l.On), Connections: fmt.Sprint(l.Connections), ConnectionsPerAddress: fmt.Sprint(l.ConnectionsPerAddress)}
	add := func(z edge.Zone, covers string) {
		by := "address"
		switch {
		case z.PerAddress != nil:
			by = "account"
		case z.PerAccount:
			by = "address, account"
		}
		report.Zones = append(report.Zones, ZoneLimit{z.Name, fmt.Sprint(config.Rate{Events: z.Events, Per: z.Per}), z.Burst, by, covers})
	}
	for _, z := range zones(l) {
		covers := strings.Join(z.Routes, ", ")
		switch {
		case z.Tries != nil:
			add(*z.Tries, covers)
			covers += ", unless refused"
		case covers == "":
			covers = "all other requests, except health checks and reads of files"
		}
		add(z, covers)
		if p := z.PerAddress; p != nil && !z.Off() {
			report.Zones = append(report.Zones, ZoneLimit{z.Name, fmt.Sprint(config.Rate{Events: p.Events, Per: p.Per}), p.Burst, "address", covers})
		}
	}
	report.Zones = append(report.Zones, ZoneLimit{
		"failed-sign-ins", fmt.Sprint(l.FailedSignIns), l.FailedSignIns.Events, "account; known browsers and networks apart", "wrong passwords; kept in the casino's data",
	})
	return report
}

// PrintLimits writes the configured limits as a table, for people.
func PrintLimits(w io.Writer, l config.Limits) error {
	report := LimitsInForce(l)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "limits are %s\n\n", l.On)
	fmt.Fprintln(table, "ZONE\tRATE\tBURST\tCOUNTED BY\tCOVERS")
	for _, z := range report.Zones {
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\n", z.Zone, z.Rate, z.Burst, z.CountedBy, z.Covers)
	}
	fmt.Fprintf(table, "\nconnections\t%s per address, %s in total\n", report.ConnectionsPerAddress, report.Connections)
	return table.Flush()
}
