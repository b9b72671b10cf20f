//go:build !linux

package child

import "syscall"

// attributes puts the child into a process group of its own. Only Linux can also end
// it with its parent.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// awaitStop does not wait: a child may run for a moment longer.
func awaitStop(int) {}
