package upgrade

import (
	"io/fs"
	"os"
	"syscall"
)

// credentialOf are the rights of a file's owner, if this process is root and the owner is not; nil: those of this process.
func credentialOf(file fs.FileInfo) *syscall.SysProcAttr {
	if file == nil || os.Geteuid() != 0 {
		return nil
	}
	s, ok := file.Sys().(*syscall.Stat_t)
	if !ok || s.Uid == 0 {
		return nil
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: s.Uid, Gid: s.Gid}}
}
