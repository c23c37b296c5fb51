// Package ops reports the casino's state to operators and machines: health checks, metrics, notifications,
// and the disk-space gate. It reads other parts through functions that the appliance passes in. It changes only one thing:
// while the disk is nearly full, Gate refuses new bets.
//
// A notification goes from whoever knows something (Alarms, backups) to Notifier.Notify, which leaves out repeats and puts it into
// an outbox for each destination; a sender of the destination's kind sends it from there.
package ops
