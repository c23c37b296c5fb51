//go:build !linux

package upgrade

import (
	"os"
	"syscall"
)

// Elsewhere nobody says for sure which process listens on a socket. So the casino can be restarted by itself, but not killed.

func pidOf(string) int { return 0 }

func programOf(int) string { return "" }

func userOf(int) (*syscall.SysProcAttr, error) { return nil, nil }

func outputOf(int) []*os.File { return nil }

func keepRights(string, string) error { return nil }
