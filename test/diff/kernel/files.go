package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Settings under /proc/sys are read and written by the thousand, so with plain system calls and no look at what is there already.

// writeFiles writes the same to each file that the glob means.
func writeFiles(glob, text string) error {
	paths := []string{glob}
	if strings.Contains(glob, "*") {
		var err error
		if paths, err = filepath.Glob(glob); err != nil {
			return err
		}
	}
	for _, path := range paths {
		if err := writeFile(path, text); err != nil {
			return fmt.Errorf("failed to write %s to %s: %w", text, path, err)
		}
	}
	return nil
}

// writeFile leaves alone what is so already: some settings take the routing lock, and spin while another holds it.
func writeFile(path, text string) error {
	if is(path, text) {
		return nil
	}
	file, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(file)
	_, err = unix.Write(file, []byte(text))
	return err
}

func is(path, text string) bool {
	file, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
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
			if grepFile(&text, glob) == unix.EISDIR {
				for _, name := range list(glob) {
					grepFile(&text, glob+"/"+name)
				}
			}
			continue
		}
		for _, name := range list(strings.TrimSuffix(before, "/")) {
			grepFile(&text, before+name+after)
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

func grepFile(text *bytes.Buffer, path string) error {
	file, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
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
