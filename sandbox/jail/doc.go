// Package jail runs plugin processes in Linux namespaces under seccomp and
// Landlock, without root and without any other program.
//
// The host binary re-executes itself as the jail's init: main (and TestMain)
// calls [IsInit] and [Init] before anything else. The init is process 1 of new
// user, mount, process, network, ipc, host name and cgroup namespaces. It
// builds an empty read-only root that shows only what the process was given,
// takes every privilege away, starts the process by its open descriptor and
// stays as its reaper. When the process ends, when the host ends (its end of
// the control socket closes) or when the init is killed, the kernel kills
// everything that is left in the process namespace.
//
// What the process sees: the mounts of its Spec, an empty /tmp of limited
// size, /dev with null, zero, full, random and urandom, a /proc that shows its
// own tree and nothing of the system, and, only for a dynamically linked
// program, the system's library folders, read-only. There is no /etc, no
// network and no other process. Inside, its user and group id are 1000.
//
// Outside, an ordinary host's processes run as the host's own user. A host
// that is root runs them as nobody (65534) and shows every mount with its
// owner mapped to nobody (an id-mapped mount), so that callers need not change
// the owner of anything: what the process creates in a writable mount belongs
// to the owner of the mount's source. On file systems without id-mapped mounts
// a writable source folder that belongs to root is given to nobody instead,
// and read-only sources must be readable by everyone.
//
// Memory is limited per process, by what it maps for writing: a Go program
// maps some 80 MiB before it does anything. Processes and threads are counted
// per process tree. There are no limits per tree on memory and processor time.
package jail
