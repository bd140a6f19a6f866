package main

import (
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// Settings under /proc/sys are read and written by the thousand, so with plain system calls and no look at what is there already.

// directories opens each directory once: most of what opening a file under /proc/sys costs is the way to it. What was opened belongs to
// the namespace it was opened in.
type directories map[string]int

func (d directories) open(path string, flags int) (int, error) {
	slash := strings.LastIndexByte(path, '/')
	directory, known := d[path[:slash]]
	if !known {
		var err error
		if directory, err = unix.Open(path[:slash], unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
			return 0, err
		}
		d[path[:slash]] = directory
	}
	return unix.Openat(directory, path[slash+1:], flags|unix.O_CLOEXEC, 0)
}

func (d directories) close() {
	for _, directory := range d {
		unix.Close(directory)
	}
}

// writeAll sets files, and leaves alone what is so already: some settings take the routing lock, and spin while another holds it
// (net/core/rtnetlink.c restart_syscall), so they are written when it has just been free.
func writeAll(files [][2]string) error {
	at := directories{}
	defer at.close()
	for _, file := range files {
		if err := at.write(file[0], file[1]); err != nil {
			return fmt.Errorf("failed to write %s to %s: %w", file[1], file[0], err)
		}
	}
	return nil
}

func (d directories) write(path, text string) error {
	if d.is(path, text) {
		return nil
	}
	file, err := d.open(path, unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer unix.Close(file)
	if strings.HasSuffix(path, "forwarding") || strings.HasSuffix(path, "ip_forward") || strings.HasSuffix(path, "disable_ipv6") {
		if err := awaitRouting(); err != nil {
			return err
		}
	}
	_, err = unix.Write(file, []byte(text))
	return err
}

func (d directories) is(path, text string) bool {
	file, err := d.open(path, unix.O_RDONLY)
	if err != nil {
		return false
	}
	defer unix.Close(file)
	var content [64]byte
	length, err := unix.Read(file, content[:])
	return err == nil && string(bytes.TrimSpace(content[:length])) == text
}

// grepped is what `grep -rsH . GLOB…` prints. A glob is a file, a directory, or has one star, for a directory's every entry.
func grepped(globs []string) string {
	var text bytes.Buffer
	at := directories{}
	defer at.close()
	listed := map[string][]string{}
	list := func(directory string) []string {
		if names, known := listed[directory]; known {
			return names
		}
		listed[directory] = entries(directory)
		return listed[directory]
	}
	for _, glob := range globs {
		before, after, starred := strings.Cut(glob, "*")
		if !starred {
			if at.grep(&text, glob) == unix.EISDIR {
				for _, name := range list(glob) {
					at.grep(&text, glob+"/"+name)
				}
			}
			continue
		}
		for _, name := range list(strings.TrimSuffix(before, "/")) {
			at.grep(&text, before+name+after)
		}
	}
	return text.String()
}

func entries(directory string) []string {
	file, err := unix.Open(directory, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(file)
	var names []string
	buffer := make([]byte, 16384)
	for {
		length, err := unix.ReadDirent(file, buffer)
		if err != nil || length <= 0 {
			return names
		}
		_, _, names = unix.ParseDirent(buffer[:length], -1, names)
	}
}

func (d directories) grep(text *bytes.Buffer, path string) error {
	file, err := d.open(path, unix.O_RDONLY)
	if err != nil {
		return err
	}
	defer unix.Close(file)
	var content [4096]byte
	length, err := unix.Read(file, content[:])
	if err != nil {
		return err
	}
	for line := range bytes.Lines(content[:length]) {
		if line = bytes.TrimSuffix(line, []byte("\n")); len(line) > 0 {
			text.WriteString(path)
			text.WriteByte(':')
			text.Write(line)
			text.WriteByte('\n')
		}
	}
	return nil
}
