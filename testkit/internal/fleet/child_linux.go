package fleet

import "syscall"

// child keeps the interrupts of a terminal from a process that we start, since
// it is ours to end, and sees to it that it does not outlive us.
func child(when syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: when}
}
