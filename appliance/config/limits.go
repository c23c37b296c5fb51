package config

import "time"

// Limits says how much one client may ask for. An IPv6 client counts by its /64.
type Limits struct {
	// On turns all rate limits and connection caps on. Off is for load tests, and only allowed on loopback.
	On Switch `name:"limits" group:"Limits" help:"Whether rate limits and connection caps are in force. 'off' is for load tests, and only allowed if every address is loopback. A single limit can be turned off anywhere."`

	GeneralRate  Rate `name:"limit-general-rate" group:"Limits" placeholder:"N/UNIT" help:"Requests that no other limit covers, per client address and per account. Health checks and reads of files don't count."`
	GeneralBurst int  `name:"limit-general-burst" group:"Limits" placeholder:"N" help:"How many such requests may come at once."`
	SignInRate   Rate `name:"limit-sign-in-rate" group:"Limits" placeholder:"N/UNIT" help:"Sign-ins, successful or not, per client address. Attempts to sign up count separately, at the same rate."`
	SignInBurst  int  `name:"limit-sign-in-burst" group:"Limits" placeholder:"N" help:"How many sign-ins may come at once."`
	SignUpRate   Rate `name:"limit-sign-up-rate" group:"Limits" placeholder:"N/UNIT" help:"New accounts per client address. Refused sign-ups don't count."`
	SignUpBurst  int  `name:"limit-sign-up-burst" group:"Limits" placeholder:"N" help:"How many accounts may be opened at once."`
	SlotsRate    Rate `name:"limit-slots-rate" group:"Limits" placeholder:"N/UNIT" help:"Spins of the slot machine, per client address and per account."`
	SlotsBurst   int  `name:"limit-slots-burst" group:"Limits" placeholder:"N" help:"How many spins may come at once."`
	// FailedSignIns are counted in the replicated state, so the limit holds across restarts and nodes.
	FailedSignIns Rate `name:"limit-failed-sign-ins" group:"Limits" placeholder:"N/UNIT" help:"Failed sign-ins, per account and per client address. Counted in the casino's data, so they survive a restart."`

	ConnectionsPerAddress Cap `name:"max-connections-per-address" group:"Limits" placeholder:"N" help:"Open connections per client address."`
	Connections           Cap `name:"max-connections" group:"Limits" placeholder:"N" help:"Open connections of all clients together. If the memory suffices only for fewer, that number applies; the log shows it at each start."`
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
