package sandboxtest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// payload is one process in a sandbox. It prints what it found and returns its
// exit code; an error is printed as "error: …" with code 1.
func payload(verb string, args []string) int {
	verbs := map[string]func([]string) error{
		"echo": func(a []string) error { return say(strings.Join(a, "\n")) },
		"env":  func([]string) error { return say(strings.Join(os.Environ(), "\n")) },
		"cat":  func([]string) error { _, err := io.Copy(os.Stdout, os.Stdin); return err },
		"exit": func(a []string) error { syscall.Exit(atoi(a[0])); return nil },
		"both": func([]string) error { fmt.Fprint(os.Stderr, "to stderr"); return say("to stdout") },

		"flood":  flood,
		"block":  block,
		"term":   term,
		"spawn":  spawn,
		"hold":   hold,
		"serve":  serve,
		"dial":   dial,
		"read":   readPath,
		"write":  writePath,
		"remove": func(a []string) error { return os.Remove(a[0]) },
		"list":   list,
		"fds":    fds,
		"link":   func(a []string) error { s, err := os.Readlink(a[0]); return join(err, s) },
		"signal": func(a []string) error { return unix.Kill(atoi(a[0]), unix.Signal(atoi(a[1]))) },

		"call":  call,
		"alloc": alloc,
		"fork":  forkBomb,
		"open":  openMany,
		"fill":  fill,
	}
	f, ok := verbs[verb]
	if !ok {
		fmt.Println("error: unknown verb", verb)
		return 99
	}
	if err := f(args); err != nil {
		fmt.Println("error:", err)
		return 1
	}
	return 0
}

func say(s string) error { _, err := fmt.Println(s); return err }

func join(err error, s string) error {
	if err != nil {
		return err
	}
	return say(s)
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}

// flood prints so many megabytes, and then what it printed to stderr.
func flood(a []string) error {
	chunk := []byte(strings.Repeat("x", 1<<20))
	for range atoi(a[0]) {
		if _, err := os.Stdout.Write(chunk); err != nil {
			return err
		}
	}
	fmt.Fprint(os.Stderr, "flooded")
	return nil
}

func block([]string) error {
	fmt.Println("blocking")
	return forever()
}

// forever returns no sooner than the sandbox ends the process. The runtime
// would take a select without cases for a deadlock.
func forever() error {
	for {
		if _, err := unix.Poll(nil, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// term ends with code 7 when it is asked to.
func term([]string) error {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	fmt.Println("ready")
	<-c
	syscall.Exit(7)
	return nil
}

// spawn starts a child that starts another, and all three hold a connection.
func spawn(a []string) error {
	depth := 2
	if len(a) > 1 {
		depth = atoi(a[1])
	}
	conn, err := net.Dial("unix", a[0]) //nolint:noctx // local
	if err != nil {
		return err
	}
	if depth > 0 {
		cmd := exec.Command("/proc/self/exe", payloadArg, "spawn", a[0], strconv.Itoa(depth-1)) //nolint:noctx // it lives until it is killed
		if err := cmd.Start(); err != nil {
			return err
		}
	}
	_, _ = io.Copy(io.Discard, conn)
	return nil
}

// hold keeps a connection for as long as it lives.
func hold(a []string) error {
	conn, err := net.Dial("unix", a[0]) //nolint:noctx // local
	if err != nil {
		return err
	}
	fmt.Println("holding")
	_, _ = io.Copy(io.Discard, conn)
	return nil
}

// serve makes a socket, as a plugin does, and answers what it is sent.
func serve(a []string) error {
	l, err := net.Listen("unix", a[0]) //nolint:noctx // local
	if err != nil {
		return err
	}
	fmt.Println("serving")
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		_, _ = io.Copy(conn, conn)
		conn.Close()
	}
}

func dial(a []string) error {
	conn, err := net.DialTimeout(a[0], a[1], 5*time.Second) //nolint:noctx // it has a timeout
	if err != nil {
		return err
	}
	return join(conn.Close(), "connected")
}

func readPath(a []string) error {
	data, err := os.ReadFile(a[0])
	return join(err, string(data))
}

func writePath(a []string) error {
	return join(os.WriteFile(a[0], []byte(a[1]), 0o644), "written")
}

// list prints the names in a folder.
func list(a []string) error {
	entries, err := os.ReadDir(a[0])
	for _, e := range entries {
		fmt.Println(e.Name())
	}
	return err
}

// fds prints the open descriptors but the runtime's own.
func fds([]string) error {
	entries, err := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		to, err := os.Readlink(filepath.Join("/proc/self/fd", e.Name()))
		if err != nil || strings.HasPrefix(to, "anon_inode:") || strings.HasSuffix(to, "/fd") {
			continue
		}
		fmt.Println(e.Name(), to)
	}
	return err
}

// alloc uses so many megabytes.
func alloc(a []string) error {
	var kept [][]byte
	for range atoi(a[0]) {
		b := make([]byte, 1<<20)
		for i := range b {
			b[i] = byte(i)
		}
		kept = append(kept, b)
	}
	return say("allocated " + strconv.Itoa(len(kept)))
}

// forkBomb starts children that do the same until nothing more is possible,
// and prints how many it got itself.
func forkBomb(a []string) error {
	n := 0
	for range atoi(a[0]) {
		cmd := exec.Command("/proc/self/exe", payloadArg, "block") //nolint:noctx // the sandbox ends it
		if err := cmd.Start(); err != nil {
			break
		}
		n++
	}
	return say(strconv.Itoa(n))
}

// openMany prints how many descriptors it could open.
func openMany(a []string) error {
	n := 0
	for range atoi(a[0]) {
		if _, err := unix.Open("/dev/null", unix.O_RDONLY, 0); err != nil {
			break
		}
		n++
	}
	return say(strconv.Itoa(n))
}

// fill writes so many megabytes into a file and prints how many went in.
func fill(a []string) error {
	signal.Ignore(syscall.SIGXFSZ) // the error tells it too
	f, err := os.Create(a[0])
	if err != nil {
		return err
	}
	chunk := make([]byte, 1<<20)
	n := 0
	for range atoi(a[1]) {
		if _, err := f.Write(chunk); err != nil {
			break
		}
		n++
	}
	return join(f.Close(), strconv.Itoa(n))
}
