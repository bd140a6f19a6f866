package main

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Watch sees every packet at every device of every space, and again what the IP stack hands to whoever listens: raw sockets get a copy
// of each packet behind the INPUT hook (net/ipv4/ip_input.c ip_protocol_deliver_rcu).
type Watch struct {
	eyes []eye
	// packets so far, of probes or not
	taken int
	// addresses that asked for a neighbour, and so made themselves known
	asked map[netip.Addr]bool
	// and whom they asked for
	wanted map[Neighbour]bool
	buffer []byte
}

type eye struct {
	socket int
	space  int
	// what the space calls its links
	names map[int]string
	// what a raw socket is for; 0 for a packet socket
	protocol int
	v6       bool
}

func (c *Case) watch() (*Watch, error) {
	w := &Watch{buffer: make([]byte, 65536), asked: map[netip.Addr]bool{}, wanted: map[Neighbour]bool{}}
	for space := range c.spaces {
		if err := c.enter(space); err != nil {
			w.close()
			return nil, err
		}
		if err := w.open(space); err != nil {
			w.close()
			return nil, fmt.Errorf("failed to watch %s: %w", c.plan.Spaces[space], err)
		}
	}
	return w, nil
}

func (w *Watch) open(space int) error {
	names, err := linkNames()
	if err != nil {
		return err
	}
	every := int(bigEndian16(unix.ETH_P_ALL))
	if err = w.add(eye{space: space, names: names}, unix.AF_PACKET, unix.SOCK_DGRAM, every); err != nil {
		return err
	}
	for _, protocol := range []int{unix.IPPROTO_ICMP, unix.IPPROTO_TCP, unix.IPPROTO_UDP} {
		if err := w.add(eye{space: space, protocol: protocol}, unix.AF_INET, unix.SOCK_RAW, protocol); err != nil {
			return err
		}
	}
	for _, protocol := range []int{unix.IPPROTO_ICMPV6, unix.IPPROTO_TCP, unix.IPPROTO_UDP} {
		if err := w.add(eye{space: space, protocol: protocol, v6: true}, unix.AF_INET6, unix.SOCK_RAW, protocol); err != nil {
			return err
		}
	}
	return nil
}

func bigEndian16(value uint16) uint16 { return value<<8 | value>>8 }

func (w *Watch) add(opened eye, family, kind, protocol int) error {
	var err error
	if opened.socket, err = unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocol); err != nil {
		return err
	}
	w.eyes = append(w.eyes, opened)
	if err := unix.SetsockoptInt(opened.socket, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20); err != nil {
		return err
	}
	if opened.v6 {
		return unix.SetsockoptInt(opened.socket, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
	}
	return nil
}

// So many packets are more than any case's probes can make unless they run in a circle and multiply there.
const storm = 50000

// drain takes what came since the last time.
func (w *Watch) drain() ([]Event, error) {
	var events []Event
	for _, from := range w.eyes {
		for {
			if w.taken++; w.taken > storm {
				return nil, errors.New("the packets multiply")
			}
			event, more, err := w.take(from)
			if err != nil {
				return nil, err
			}
			if !more {
				break
			}
			if event != nil {
				events = append(events, *event)
			}
		}
	}
	return events, nil
}

func (w *Watch) take(from eye) (*Event, bool, error) {
	var control [64]byte
	length, size, _, sender, err := unix.Recvmsg(from.socket, w.buffer, control[:], unix.MSG_DONTWAIT)
	if errors.Is(err, unix.EAGAIN) {
		return nil, false, nil
	}
	if err != nil {
		// a device that went down is no news
		return nil, errors.Is(err, unix.ENETDOWN), nil
	}
	data := w.buffer[:length]
	var event *Event
	switch {
	case from.protocol == 0:
		if asker, target, link, asks := neighbourQuestion(data, sender); asks {
			w.asked[asker] = true
			w.wanted[Neighbour{Space: from.space, Link: from.names[link], Address: target.String()}] = true
		}
		event = seen(data, sender, from.names)
	case from.v6:
		event = decodeTransport(data, from.protocol, addresses{source: sourceAddress(sender), destination: addressedTo(control[:size])})
	default:
		event = decodeIP(data)
	}
	if event != nil {
		event.Space = from.space
		if from.protocol != 0 {
			event.Kind = delivered
		}
	}
	return event, true, nil
}

// neighbourQuestion is who asks for whom, on which link, by ARP (RFC 826) or by neighbour solicitation (RFC 4861) in a packet that leaves.
func neighbourQuestion(data []byte, sender unix.Sockaddr) (asker, target netip.Addr, ifindex int, asks bool) {
	link, ok := sender.(*unix.SockaddrLinklayer)
	if !ok || link.Pkttype != unix.PACKET_OUTGOING {
		return asker, target, 0, false
	}
	const (
		arpRequest   = 1
		solicitation = 135
	)
	switch {
	case link.Protocol == bigEndian16(unix.ETH_P_ARP) && len(data) >= 28 && data[7] == arpRequest:
		asker, target = netip.AddrFrom4([4]byte(data[14:18])), netip.AddrFrom4([4]byte(data[24:28]))
		return asker, target, link.Ifindex, true
	case link.Protocol == bigEndian16(unix.ETH_P_IPV6) && len(data) >= 64 && data[6] == unix.IPPROTO_ICMPV6 && data[40] == solicitation:
		asker, target = netip.AddrFrom16([16]byte(data[8:24])), netip.AddrFrom16([16]byte(data[48:64]))
		return asker, target, link.Ifindex, true
	}
	return asker, target, 0, false
}

func seen(data []byte, sender unix.Sockaddr, names map[int]string) *Event {
	link, ok := sender.(*unix.SockaddrLinklayer)
	if !ok || link.Protocol != bigEndian16(unix.ETH_P_IP) && link.Protocol != bigEndian16(unix.ETH_P_IPV6) {
		return nil
	}
	event := decodeIP(data)
	if event == nil {
		return nil
	}
	event.Link = names[link.Ifindex]
	switch link.Pkttype {
	case unix.PACKET_OUTGOING:
		event.Kind = out
	case unix.PACKET_HOST:
		event.Kind = in
	default:
		event.Kind = overheard
	}
	return event
}

func sourceAddress(sender unix.Sockaddr) netip.Addr {
	if from, ok := sender.(*unix.SockaddrInet6); ok {
		return netip.AddrFrom16(from.Addr)
	}
	return netip.Addr{}
}

func addressedTo(control []byte) netip.Addr {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return netip.Addr{}
	}
	for _, message := range messages {
		if message.Header.Level == unix.IPPROTO_IPV6 && message.Header.Type == unix.IPV6_PKTINFO && len(message.Data) >= 16 {
			return netip.AddrFrom16([16]byte(message.Data[:16]))
		}
	}
	return netip.Addr{}
}

// silences is asked when all is over.
func (c *Case) silences(w *Watch) ([]Neighbour, error) {
	all := []Neighbour{}
	for _, from := range w.eyes {
		if from.names == nil {
			continue
		}
		if err := c.enter(from.space); err != nil {
			return nil, err
		}
		found, err := silences(from.names)
		if err != nil {
			return nil, err
		}
		for _, silence := range found {
			silence.Space = from.space
			all = append(all, silence)
		}
	}
	return all, nil
}

func (w *Watch) close() {
	for _, opened := range w.eyes {
		unix.Close(opened.socket)
	}
}
