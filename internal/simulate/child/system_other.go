//go:build !linux

package child

import "syscall"

// attributes: only Linux can tie a child's life to its parent's.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// awaitStop does not wait: a child may run for a moment longer.
func awaitStop(int) {}
