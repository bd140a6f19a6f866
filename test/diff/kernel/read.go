package main

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// settle waits until the kernel has told everybody of every carrier and no address is tentative, as both happen behind the back of who
// set a link up (net/core/link_watch.c, net/ipv6/addrconf.c).
func (c *Case) settle() error {
	deadline := time.Now().Add(2 * time.Second)
	for space := range c.spaces {
		if err := c.enter(space); err != nil {
			return err
		}
		for {
			links, tentative, err := unsettled()
			if err != nil {
				return err
			}
			if len(links) == 0 && !tentative {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("%s: links or addresses do not settle", c.plan.Spaces[space])
			}
			for _, link := range links {
				if err := noticeCarrier(link); err != nil {
					return err
				}
			}
			if tentative {
				time.Sleep(5 * time.Millisecond)
			}
		}
	}
	return c.settleNeighbours(deadline)
}

// settleNeighbours waits until nobody asks for a neighbour any more, as the kernel's own multicast reports make hosts do through a tunnel that
// floods: what is read then still holds when the probes come.
func (c *Case) settleNeighbours(deadline time.Time) error {
	for asking := true; asking && time.Now().Before(deadline); {
		asking = false
		for space := range c.spaces {
			if err := c.enter(space); err != nil {
				return err
			}
			waiting, err := neighbours(nil, unix.NUD_INCOMPLETE)
			if err != nil {
				return err
			}
			asking = asking || len(waiting) > 0
		}
		if asking {
			time.Sleep(10 * time.Millisecond)
		}
	}
	return nil
}

func (c *Case) read(reads []Read) ([]Section, error) {
	sections := make([]Section, 0, len(reads))
	for _, wanted := range reads {
		if err := c.enter(wanted.Space); err != nil {
			return nil, err
		}
		section, err := c.section(wanted)
		if err != nil {
			return nil, err
		}
		sections = append(sections, section)
	}
	return sections, nil
}

func (c *Case) section(wanted Read) (Section, error) {
	section := Section{Space: wanted.Space, Name: wanted.Name}
	var err error
	switch {
	case len(wanted.Argv) > 0:
		var said output
		said, err = c.execute(wanted.Argv, wanted.Stdin)
		section.Status, section.Text, section.Stderr = said.status, said.stdout, said.stderr
	case len(wanted.Globs) > 0:
		section.Text = grepped(wanted.Globs)
	default:
		section.Text, err = c.nsids(wanted.Nsids)
	}
	return section, err
}

// nsids is what `ip netns list-id` prints where every namespace is named by its inode.
func (c *Case) nsids(others []int) (string, error) {
	var text strings.Builder
	for _, other := range others {
		nsid, err := nsidOf(c.spaces[other])
		if err != nil {
			return "", err
		}
		if nsid >= 0 {
			fmt.Fprintf(&text, "nsid %d (iproute2 netns name: %s)\n", nsid, c.inodes[other])
		}
	}
	return text.String(), nil
}
