package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Case is a plan under way: open namespaces and their sockets. Everything in it runs on one thread.
type Case struct {
	plan   Plan
	home   int
	spaces []int
	inodes []string
	paths  *strings.Replacer
}

func try(plan Plan) Answer {
	answer := Answer{ID: plan.ID, Events: []Event{}, Silences: []Neighbour{}, Spent: map[string]int{}}
	if err := carryOut(plan, &answer); err != nil {
		return Answer{ID: plan.ID, Error: err.Error(), Spent: answer.Spent}
	}
	return answer
}

func carryOut(plan Plan, answer *Answer) (err error) {
	started := time.Now()
	lap := func(stage string) {
		answer.Spent[stage] = int(time.Since(started).Milliseconds())
		started = time.Now()
	}
	c, err := open(plan)
	if err != nil {
		return err
	}
	defer c.close()
	answer.Inodes = c.inodes
	if err := c.build(); err != nil {
		return err
	}
	lap("build")
	if err := c.settle(); err != nil {
		return err
	}
	lap("settle")
	if answer.Sections, err = c.read(plan.Reads); err != nil {
		return err
	}
	lap("read")
	if err := c.probe(answer); err != nil {
		return err
	}
	lap("probe")
	answer.After, err = c.read(plan.After)
	lap("after")
	return err
}

func open(plan Plan) (*Case, error) {
	home, err := openNetns()
	if err != nil {
		return nil, err
	}
	c := &Case{plan: plan, home: home}
	var words []string
	for _, name := range plan.Spaces {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			c.close()
			return nil, fmt.Errorf("failed to make a network namespace: %w", err)
		}
		space, err := openNetns()
		if err != nil {
			c.close()
			return nil, err
		}
		var stat unix.Stat_t
		if err := unix.Fstat(space, &stat); err != nil {
			c.close()
			return nil, err
		}
		c.spaces = append(c.spaces, space)
		c.inodes = append(c.inodes, fmt.Sprint(stat.Ino))
		words = append(words, "@"+name+"@", fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), space))
	}
	c.paths = strings.NewReplacer(words...)
	return c, nil
}

func openNetns() (int, error) {
	file, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("failed to open this thread's network namespace: %w", err)
	}
	return file, nil
}

// close gives all namespaces up; the kernel takes them down, with what is in them, once no socket holds them.
func (c *Case) close() {
	unix.Setns(c.home, unix.CLONE_NEWNET)
	for _, space := range c.spaces {
		unix.Close(space)
	}
	unix.Close(c.home)
}

func (c *Case) enter(space int) error {
	if err := unix.Setns(c.spaces[space], unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("failed to enter %s: %w", c.plan.Spaces[space], err)
	}
	return nil
}

func (c *Case) build() error {
	for _, step := range c.plan.Steps {
		if err := c.enter(step.Space); err != nil {
			return err
		}
		if err := writeAll(step.Write); err != nil {
			return fmt.Errorf("%s: %w", c.plan.Spaces[step.Space], err)
		}
		if len(step.Argv) == 0 {
			continue
		}
		output, err := c.execute(step.Argv, step.Stdin)
		if err != nil {
			return err
		}
		if output.status != 0 {
			return fmt.Errorf("%s: %s: %s", c.plan.Spaces[step.Space], strings.Join(step.Argv, " "), strings.TrimSpace(output.stderr))
		}
	}
	return nil
}
