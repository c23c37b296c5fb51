// Package setup installs Imperio as a service on a machine with systemd, and removes it.
//
// Everything that it makes is described as it should be, and only what differs is changed. So a second run changes nothing, and
// mends what a run that was interrupted has left. A dry run takes the same path and only says what it would change.
package setup
