// Package ops tells operators and machines how the casino is: health checks, metrics, and the watch over free disk
// space. It reads other parts through functions that the appliance hands in, and changes nothing but one thing: while
// the disk is nearly full, Gate refuses new bets.
package ops
