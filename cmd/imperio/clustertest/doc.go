// Package clustertest runs clusters of real processes for tests. It forms a cluster as an operator does, by the command line,
// and kills, pauses and restarts its nodes. Its players keep a record of every answer, which it compares with the casino's books.
package clustertest
