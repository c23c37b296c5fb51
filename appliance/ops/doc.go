// Package ops reports the casino's state to operators and machines: health checks, metrics, and the disk-space gate. It reads
// other parts through functions that the appliance passes in. It changes only one thing: while the disk is nearly full, Gate
// refuses new bets.
package ops
