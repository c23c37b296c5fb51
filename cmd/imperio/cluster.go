package main

// clusterCommand groups what an operator does with a cluster of several nodes.
type clusterCommand struct {
	Recover clusterRecoverCommand `cmd:"" help:"Go on after most members were lost for good. Offline, and the last resort."`
}
