package config

import "time"

// Limits says how much one client may ask for. Addresses are those of clients: an IPv6 client counts by its /64.
type Limits struct {
	// On turns all rate limits and connection caps on. Off is for load tests, and refused outside loopback.
	On Switch `name:"limits" group:"Limits" help:"Whether rate limits and connection caps are in force. Off is for load tests, and refused unless every address is loopback. One limit alone can be turned off anywhere."`

	GeneralRate  Rate `name:"limit-general-rate" group:"Limits" placeholder:"N/UNIT" help:"Requests that no other limit names, for each client address and for each account. Reads of files and health checks are not counted."`
	GeneralBurst int  `name:"limit-general-burst" group:"Limits" placeholder:"N" help:"Such requests that may come at once."`
	SignInRate   Rate `name:"limit-sign-in-rate" group:"Limits" placeholder:"N/UNIT" help:"Sign-ins, good or bad, for each client address; tries to sign up count apart at the same rate."`
	SignInBurst  int  `name:"limit-sign-in-burst" group:"Limits" placeholder:"N" help:"Sign-ins that may come at once."`
	SignUpRate   Rate `name:"limit-sign-up-rate" group:"Limits" placeholder:"N/UNIT" help:"New accounts, for each client address. A sign-up that is refused, for a name that is taken say, is none."`
	SignUpBurst  int  `name:"limit-sign-up-burst" group:"Limits" placeholder:"N" help:"New accounts that may be opened at once."`
	SlotsRate    Rate `name:"limit-slots-rate" group:"Limits" placeholder:"N/UNIT" help:"Spins of the slot machine, for each client address and for each account."`
	SlotsBurst   int  `name:"limit-slots-burst" group:"Limits" placeholder:"N" help:"Spins of the slot machine that may come at once."`
	// FailedSignIns is kept in the replicated state, so it holds across restarts and nodes.
	FailedSignIns Rate `name:"limit-failed-sign-ins" group:"Limits" placeholder:"N/UNIT" help:"Failed sign-ins, for each account and for each client address. Counted in the casino's data, so a restart forgets none."`

	ConnectionsPerAddress Cap `name:"max-connections-per-address" group:"Limits" placeholder:"N" help:"Connections that one client address may hold open."`
	Connections           Cap `name:"max-connections" group:"Limits" placeholder:"N" help:"Connections that all clients together may hold open."`
}

func defaultLimits() Limits {
	return Limits{
		On:          true,
		GeneralRate: Rate{10, time.Second}, GeneralBurst: 20,
		SignInRate: Rate{5, time.Minute}, SignInBurst: 3,
		SignUpRate: Rate{3, time.Hour}, SignUpBurst: 1,
		SlotsRate: Rate{60, time.Minute}, SlotsBurst: 10,
		FailedSignIns:         Rate{5, time.Minute},
		ConnectionsPerAddress: 10,
		Connections:           10_000,
	}
}
