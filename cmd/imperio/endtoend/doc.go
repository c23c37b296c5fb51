// Package endtoend tests the program as its users run it: the real binary in processes of its own, over the network
// and by its command line. It has no code but tests.
package endtoend
