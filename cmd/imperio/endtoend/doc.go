// Package endtoend tests the program as its users run it: the real binary in its own processes, over the network and by its
// command line. It holds only tests.
package endtoend
