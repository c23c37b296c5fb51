package config

import "time"

// Limits says how much one client may ask for. An IPv6 client counts by its /64, and its /48 as a whole at 16 times as much.
type Limits struct {
	// On turns all rate limits and connection caps on. Off is for load tests, and only allowed on loopback.
	On Switch `name:"limits" group:"Limits" reload:"yes" help:"Whether rate limits and connection caps are in force. 'off' is for load tests, and only allowed if every address is loopback. A single limit can be turned off anywhere."`

	GeneralRate  Rate `name:"limit-general-rate" group:"Limits" reload:"yes" placeholder:"N/UNIT" help:"Requests that no other limit covers, per client address and per account. Health checks and reads of files don't count."`
	GeneralBurst int  `name:"limit-general-burst" group:"Limits" reload:"yes" placeholder:"N" help:"How many such requests may come at once."`
	SignInRate   Rate `name:"limit-sign-in-rate" group:"Limits" reload:"yes" placeholder:"N/UNIT" help:"Sign-ins, successful or not, per client address: as many as a household or a school needs. Attempts to sign up count separately, at the same rate."`
	SignInBurst  int  `name:"limit-sign-in-burst" group:"Limits" reload:"yes" placeholder:"N" help:"How many sign-ins may come at once."`
	SignUpRate   Rate `name:"limit-sign-up-rate" group:"Limits" reload:"yes" placeholder:"N/UNIT" help:"New accounts per client address. Refused sign-ups don't count."`
	SignUpBurst  int  `name:"limit-sign-up-burst" group:"Limits" reload:"yes" placeholder:"N" help:"How many accounts may be opened at once."`
	SlotsRate    Rate `name:"limit-slots-rate" group:"Limits" reload:"yes" placeholder:"N/UNIT" help:"Spins of the slot machine, per account. By address they are limited like other requests, but count apart."`
	SlotsBurst   int  `name:"limit-slots-burst" group:"Limits" reload:"yes" placeholder:"N" help:"How many spins may come at once."`
	// FailedSignIns are counted in the replicated state, so the limit holds across restarts and nodes.
	FailedSignIns Rate `name:"limit-failed-sign-ins" group:"Limits" reload:"yes" placeholder:"N/UNIT" help:"Wrong passwords, per account. Browsers and networks that the account has signed in from before count for themselves, so nobody can lock a player out. Counted in the casino's data, so they survive a restart."`

	ConnectionsPerAddress Cap `name:"max-connections-per-address" group:"Limits" reload:"yes" placeholder:"N" help:"Open connections per client address. At this number, idle ones give way to new ones."`
	Connections           Cap `name:"max-connections" group:"Limits" reload:"yes" placeholder:"N" help:"Open connections of all clients together. From 95 % on, those that have been idle longest give way to new ones. If the memory suffices only for fewer, that number applies; the log shows it at each start."`
}

func defaultLimits() Limits {
	return Limits{
		On:          true,
		GeneralRate: Rate{20, time.Second}, GeneralBurst: 60,
		SignInRate: Rate{20, time.Minute}, SignInBurst: 10,
		SignUpRate: Rate{20, time.Hour}, SignUpBurst: 10,
		SlotsRate: Rate{60, time.Minute}, SlotsBurst: 10,
		FailedSignIns:         Rate{5, time.Minute},
		ConnectionsPerAddress: 100,
		Connections:           10_000,
	}
}
