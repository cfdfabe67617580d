//go:build unix && !linux

package fleet

import "syscall"

// child keeps the interrupts of a terminal from a process that we start, since
// it is ours to end.
func child(syscall.Signal) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
