package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// The first bytes of every payload, and of every TCP sequence number.
const mark = 0x6e64

const (
	asks    = 'q'
	answers = 'r'
)

// probe sends everything at once and watches until all is answered or nothing happens any more.
func (c *Case) probe(answer *Answer) error {
	watch, err := c.watch()
	if err != nil {
		return err
	}
	defer watch.close()
	responder, err := c.respond()
	if err != nil {
		return err
	}
	defer responder.close()
	sends, clients, err := c.send()
	defer closeAll(clients)
	if err != nil {
		return err
	}
	answer.Sends = sends
	if err := c.await(watch, responder, answer); err != nil {
		return err
	}
	for address := range watch.asked {
		answer.Asked = append(answer.Asked, address.String())
	}
	for neighbour := range watch.wanted {
		answer.Wanted = append(answer.Wanted, neighbour)
	}
	answer.Silences, err = c.silences(watch)
	return err
}

func (c *Case) await(watch *Watch, responder *Responder, answer *Answer) error {
	waiting := c.waiting(answer.Sends)
	started := time.Now()
	last := started
	for {
		if err := responder.serve(10 * time.Millisecond); err != nil {
			return err
		}
		fresh, err := watch.drain()
		if err != nil {
			return err
		}
		answer.Events = append(answer.Events, fresh...)
		for _, event := range fresh {
			if event.Kind == delivered && event.What != request {
				delete(waiting, [2]int{event.Probe, event.Attempt})
			}
		}
		now := time.Now()
		if len(fresh) > 0 {
			last = now
		}
		quiet := now.Sub(last)
		if len(waiting) == 0 && quiet > 0 || quiet > ms(c.plan.QuietMs) || now.Sub(started) > ms(c.plan.PatienceMs) {
			return nil
		}
	}
}

func ms(count int) time.Duration { return time.Duration(count) * time.Millisecond }

// waiting is which attempts may still be answered.
func (c *Case) waiting(sends []Send) map[[2]int]bool {
	waiting := map[[2]int]bool{}
	for _, send := range sends {
		if send.Errno == 0 {
			waiting[[2]int{send.Probe, send.Attempt}] = true
		}
	}
	return waiting
}

func (c *Case) send() ([]Send, []int, error) {
	sends := []Send{}
	clients := []int{}
	for index, probe := range c.plan.Probes {
		if err := c.enter(probe.Space); err != nil {
			return nil, clients, err
		}
		for attempt := range probe.Attempts {
			socket, err := sendOne(probe, index, attempt)
			if socket >= 0 {
				clients = append(clients, socket)
			}
			var errno unix.Errno
			if err != nil && !errors.As(err, &errno) {
				return nil, clients, err
			}
			sends = append(sends, Send{Probe: index, Attempt: attempt, Errno: int(errno)})
		}
	}
	return sends, clients, nil
}

var senders = map[string]func(client int, probe Probe, index, attempt int) error{"tcp": connectTCP, "udp": sendUDP, "icmp": sendEcho}

func sendOne(probe Probe, index, attempt int) (int, error) {
	destination, err := netip.ParseAddr(probe.Destination)
	if err != nil {
		return -1, fmt.Errorf("probe %d: %w", index, err)
	}
	client, err := openClient(probe.Protocol, destination.Is4())
	if err != nil {
		return -1, err
	}
	if err := discoverPath(client, destination.Is4(), probe); err != nil {
		return client, err
	}
	port := probe.SourcePort + attempt
	if probe.Protocol == "icmp" {
		port = 0
	}
	if err := unix.Bind(client, sockaddr(sourceOf(probe, destination.Is4()), port)); err != nil {
		return client, err
	}
	return client, senders[probe.Protocol](client, probe, index, attempt)
}

func openClient(protocol string, v4 bool) (int, error) {
	family := unix.AF_INET6
	if v4 {
		family = unix.AF_INET
	}
	kinds := map[string][2]int{"tcp": {unix.SOCK_STREAM, 0}, "udp": {unix.SOCK_DGRAM, 0}, "icmp": {unix.SOCK_RAW, unix.IPPROTO_ICMP}}
	kind, known := kinds[protocol]
	if !known {
		return -1, fmt.Errorf("unknown protocol %q", protocol)
	}
	if protocol == "icmp" && !v4 {
		kind[1] = unix.IPPROTO_ICMPV6
	}
	return unix.Socket(family, kind[0]|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, kind[1])
}

// discoverPath sets or clears the don't-fragment bit of what is too large to leave it to the kernel.
func discoverPath(client int, v4 bool, probe Probe) error {
	if probe.Size == 0 {
		return nil
	}
	mode := unix.IP_PMTUDISC_DO
	if probe.Fragment {
		mode = unix.IP_PMTUDISC_DONT
	}
	if v4 {
		return unix.SetsockoptInt(client, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, mode)
	}
	return unix.SetsockoptInt(client, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, mode)
}

func sourceOf(probe Probe, v4 bool) netip.Addr {
	if source, err := netip.ParseAddr(probe.Source); err == nil {
		return source
	}
	if v4 {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

func sockaddr(address netip.Addr, port int) unix.Sockaddr {
	if address.Is4() {
		return &unix.SockaddrInet4{Addr: address.As4(), Port: port}
	}
	return &unix.SockaddrInet6{Addr: address.As16(), Port: port}
}

func target(probe Probe, port int) unix.Sockaddr {
	return sockaddr(netip.MustParseAddr(probe.Destination), port)
}

// enum in include/uapi/linux/tcp.h
const tcpSendQueue = 2

// connectTCP gives the SYN a sequence number that tells whose it is: with TCP_REPAIR the kernel takes ours (net/ipv4/tcp_ipv4.c
// tcp_v4_connect keeps a write_seq that is set).
func connectTCP(client int, probe Probe, index, attempt int) error {
	options := [][2]int{
		{unix.TCP_REPAIR, 1},
		{unix.TCP_REPAIR_QUEUE, tcpSendQueue},
		{unix.TCP_QUEUE_SEQ, int(int32(mark<<16 | index<<6 | attempt))},
		{unix.TCP_REPAIR, unix.TCP_REPAIR_OFF_NO_WP},
	}
	for _, option := range options {
		if err := unix.SetsockoptInt(client, unix.IPPROTO_TCP, option[0], option[1]); err != nil {
			return fmt.Errorf("failed to choose a sequence number: %s", err)
		}
	}
	if err := unix.SetsockoptLinger(client, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
		return err
	}
	err := unix.Connect(client, target(probe, probe.DestinationPort))
	if errors.Is(err, unix.EINPROGRESS) {
		return nil
	}
	return err
}

// sendUDP connects first, as resolvers do: the route is then asked for again with the source that it chose.
func sendUDP(client int, probe Probe, index, attempt int) error {
	if err := unix.Connect(client, target(probe, probe.DestinationPort)); err != nil {
		return err
	}
	_, err := unix.Write(client, payload(probe.Size, asks, index, attempt))
	return err
}

func sendEcho(client int, probe Probe, index, attempt int) error {
	message := append(make([]byte, 8), payload(probe.Size, asks, index, attempt)...)
	binary.BigEndian.PutUint16(message[4:], uint16(probe.SourcePort+attempt))
	binary.BigEndian.PutUint16(message[6:], uint16(attempt))
	if netip.MustParseAddr(probe.Destination).Is4() {
		message[0] = icmpEcho
		binary.BigEndian.PutUint16(message[2:], checksum(message))
	} else {
		// the kernel computes ICMPv6's own
		message[0] = icmp6Echo
	}
	return unix.Sendto(client, message, 0, target(probe, 0))
}

const cookieLength = 6

func payload(size int, what byte, index, attempt int) []byte {
	text := make([]byte, max(size, cookieLength))
	binary.BigEndian.PutUint16(text, mark)
	text[2] = what
	binary.BigEndian.PutUint16(text[3:], uint16(index))
	text[5] = byte(attempt)
	return text
}

func checksum(data []byte) uint16 {
	var sum uint32
	for at := 0; at < len(data); at += 2 {
		word := uint32(data[at]) << 8
		if at+1 < len(data) {
			word |= uint32(data[at+1])
		}
		sum += word
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

func closeAll(sockets []int) {
	for _, socket := range sockets {
		unix.Close(socket)
	}
}
