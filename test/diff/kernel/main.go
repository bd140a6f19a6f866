// Command kernel builds cases of the differential test in network namespaces, reads them, sends their probes and says what became of
// each. It reads plans from stdin and writes answers to stdout, one JSON document a line. Namespaces have no names: they are held by this
// process alone and are gone when it is.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync"
)

func main() {
	workers := flag.Int("workers", 6, "cases under way at the same time")
	flag.Parse()
	if err := run(*workers); err != nil {
		fmt.Fprintln(os.Stderr, "kernel:", err)
		os.Exit(1)
	}
}

func run(workers int) error {
	plans := make(chan Plan)
	answers := make(chan Answer)
	var working sync.WaitGroup
	for range workers {
		working.Go(func() { work(plans, answers) })
	}
	written := make(chan error, 1)
	go func() { written <- write(answers) }()
	err := read(plans)
	close(plans)
	working.Wait()
	close(answers)
	if failed := <-written; err == nil {
		err = failed
	}
	return err
}

func read(plans chan<- Plan) error {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var plan Plan
		if err := json.Unmarshal(lines.Bytes(), &plan); err != nil {
			return fmt.Errorf("failed to read a plan: %w", err)
		}
		plans <- plan
	}
	return lines.Err()
}

// work enters namespaces with its own thread, so it keeps that thread to itself; the thread dies with the goroutine.
func work(plans <-chan Plan, answers chan<- Answer) {
	runtime.LockOSThread()
	for plan := range plans {
		answers <- try(plan)
	}
}

func write(answers <-chan Answer) error {
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for answer := range answers {
		if err := encoder.Encode(answer); err != nil {
			return err
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
	return nil
}
