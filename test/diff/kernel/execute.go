package main

import (
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

type output struct {
	status int
	stdout string
	stderr string
}

// execute runs a program in the namespace of this thread. Files in memory instead of pipes: nobody has to wait at their other ends.
func (c *Case) execute(argv []string, stdin string) (output, error) {
	words := make([]string, len(argv))
	for i, word := range argv {
		words[i] = c.paths.Replace(word)
	}
	program, err := exec.LookPath(words[0])
	if err != nil {
		return output{}, err
	}
	var files [3]*os.File
	for i := range files {
		if files[i], err = memory(); err != nil {
			return output{}, err
		}
		defer files[i].Close()
	}
	if stdin != "" {
		if _, err := files[0].WriteString(c.paths.Replace(stdin)); err != nil {
			return output{}, err
		}
		if _, err := files[0].Seek(0, 0); err != nil {
			return output{}, err
		}
	}
	process, err := os.StartProcess(program, words, &os.ProcAttr{Files: files[:]})
	if err != nil {
		return output{}, fmt.Errorf("failed to run %s: %w", program, err)
	}
	state, err := process.Wait()
	if err != nil {
		return output{}, err
	}
	stdout, err := contents(files[1])
	if err != nil {
		return output{}, err
	}
	stderr, err := contents(files[2])
	return output{status: state.ExitCode(), stdout: stdout, stderr: stderr}, err
}

func memory() (*os.File, error) {
	file, err := unix.MemfdCreate("kernel", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(file), "memory"), nil
}

func contents(file *os.File) (string, error) {
	size, err := file.Seek(0, 1)
	if err != nil || size == 0 {
		return "", err
	}
	text := make([]byte, size)
	_, err = file.ReadAt(text, 0)
	return string(text), err
}
