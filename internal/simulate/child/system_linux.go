package child

import "syscall"

// attributes puts the child into a process group of its own, and lets the kernel kill
// it when the thread that started it ends.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// awaitStop returns when all threads of the child have stopped, or the child is gone.
// WNOWAIT leaves the child's status for the Wait that reaps it.
func awaitStop(pid int) {
	const (
		idIsPID = 1 // P_PID
		stopped = 2 // WSTOPPED
	)
	for {
		_, _, err := syscall.Syscall6(syscall.SYS_WAITID, idIsPID, uintptr(pid), 0, stopped|syscall.WNOWAIT, 0, 0)
		if err != syscall.EINTR {
			return
		}
	}
}
