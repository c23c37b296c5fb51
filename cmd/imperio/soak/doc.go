// Package soak plays in a real casino for minutes, with everything that people and programs do, and fails if the casino's memory,
// goroutines, file descriptors or log grow. `make soak` runs it; a short run that judges only what a short run can tell is among
// the other tests. It holds only tests.
package soak
