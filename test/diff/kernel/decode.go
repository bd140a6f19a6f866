package main

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// What a packet is to a probe.
const (
	request = iota
	reply
	refusal
	// an ICMP error about the request, and one about the reply
	errorOfRequest
	errorOfReply
)

// How a packet was seen: by a device that sends it, that it is for, that merely hears it; by a process.
const (
	out = iota
	in
	overheard
	delivered
)

// Event is one packet of a probe seen at one place.
type Event struct {
	Space int
	Link  string
	Kind  int
	What  int
	// Depth is how many tunnel headers were around it.
	Depth   int
	Probe   int
	Attempt int
	packet
}

// packet is what the innermost IP header says.
type packet struct {
	addresses
	sourcePort, destinationPort int
	ttl                         int
	length                      int
	// type and code of an ICMP error
	icmpType, icmpCode int
}

type addresses struct{ source, destination netip.Addr }

const (
	icmpReply  = 0
	icmpEcho   = 8
	icmp6Echo  = 128
	icmp6Reply = 129
)

// decodeIP finds a probe's packet in an IP packet, also behind a VXLAN header; nil for whatever is no probe's.
func decodeIP(data []byte) *Event {
	if len(data) < 20 {
		return nil
	}
	switch data[0] >> 4 {
	case 4:
		return decodeV4(data)
	case 6:
		return decodeV6(data)
	}
	return nil
}

func decodeV4(data []byte) *Event {
	header := int(data[0]&15) * 4
	later := binary.BigEndian.Uint16(data[6:])&0x1fff != 0
	if header < 20 || len(data) < header || later {
		return nil
	}
	ends := addresses{netip.AddrFrom4([4]byte(data[12:])), netip.AddrFrom4([4]byte(data[16:]))}
	event := decodeTransport(data[header:], int(data[9]), ends)
	if event != nil && event.Depth == 0 {
		event.ttl = int(data[8])
		event.length = int(binary.BigEndian.Uint16(data[2:]))
	}
	return event
}

func decodeV6(data []byte) *Event {
	if len(data) < 40 {
		return nil
	}
	ends := addresses{netip.AddrFrom16([16]byte(data[8:])), netip.AddrFrom16([16]byte(data[24:]))}
	next, rest := int(data[6]), data[40:]
	if next == unix.IPPROTO_FRAGMENT {
		if len(rest) < 8 || binary.BigEndian.Uint16(rest[2:])&0xfff8 != 0 {
			return nil
		}
		next, rest = int(rest[0]), rest[8:]
	}
	event := decodeTransport(rest, next, ends)
	if event != nil && event.Depth == 0 {
		event.ttl = int(data[7])
		event.length = 40 + int(binary.BigEndian.Uint16(data[4:]))
	}
	return event
}

func decodeTransport(data []byte, protocol int, ends addresses) *Event {
	if len(data) < 8 {
		return nil
	}
	switch protocol {
	case unix.IPPROTO_TCP:
		return decodeTCP(data, ends)
	case unix.IPPROTO_UDP:
		return decodeUDP(data, ends)
	case unix.IPPROTO_ICMP:
		return decodeICMP(data, ends, icmpEcho, icmpReply, func(kind byte) bool { return kind == 3 || kind == 11 || kind == 12 })
	case unix.IPPROTO_ICMPV6:
		return decodeICMP(data, ends, icmp6Echo, icmp6Reply, func(kind byte) bool { return kind < 128 })
	}
	return nil
}

func ported(data []byte, ends addresses) *Event {
	return &Event{packet: packet{addresses: ends, sourcePort: int(binary.BigEndian.Uint16(data)), destinationPort: int(binary.BigEndian.Uint16(data[2:]))}}
}

const (
	flagSYN = 2
	flagRST = 4
	flagACK = 16
)

// decodeTCP knows a SYN by its sequence number and an answer by the number it acknowledges; the quoted part of a header is enough.
func decodeTCP(data []byte, ends addresses) *Event {
	event := ported(data, ends)
	number := binary.BigEndian.Uint32(data[4:])
	if len(data) >= 14 {
		flags := data[13]
		switch {
		case flags&(flagSYN|flagACK|flagRST) == flagSYN:
		case flags&flagRST != 0 && flags&flagACK != 0:
			event.What = refusal
			number = binary.BigEndian.Uint32(data[8:]) - 1
		case flags&flagSYN != 0 && flags&flagACK != 0:
			event.What = reply
			number = binary.BigEndian.Uint32(data[8:]) - 1
		default:
			return nil
		}
	}
	if number>>16 != mark {
		return nil
	}
	event.Probe, event.Attempt = int(number>>6&0x3ff), int(number&0x3f)
	return event
}

func decodeUDP(data []byte, ends addresses) *Event {
	event := ported(data, ends)
	if event.identify(data[8:]) {
		return event
	}
	// VXLAN: the bit that a VNI is there, then an Ethernet header
	if len(data) < 8+8+14+20 || data[8] != 8 {
		return nil
	}
	kind, inner := binary.BigEndian.Uint16(data[28:]), data[30:]
	if kind != unix.ETH_P_IP && kind != unix.ETH_P_IPV6 {
		return nil
	}
	event = decodeIP(inner)
	if event != nil {
		event.Depth++
	}
	return event
}

// identify reads the cookie.
func (event *Event) identify(data []byte) bool {
	if len(data) < cookieLength || binary.BigEndian.Uint16(data) != mark || data[2] != asks && data[2] != answers {
		return false
	}
	if data[2] == answers {
		event.What = reply
	}
	event.Probe, event.Attempt = int(binary.BigEndian.Uint16(data[3:])), int(data[5])
	return true
}

func decodeICMP(data []byte, ends addresses, asking, answering byte, isError func(byte) bool) *Event {
	kind := data[0]
	if isError(kind) {
		return decodeError(data, ends)
	}
	if kind != asking && kind != answering {
		return nil
	}
	id := int(binary.BigEndian.Uint16(data[4:]))
	event := &Event{packet: packet{addresses: ends, sourcePort: id, destinationPort: id}}
	if !event.identify(data[8:]) {
		return nil
	}
	event.What = request
	if kind == answering {
		event.What = reply
	}
	return event
}

// decodeError says about which probe an ICMP error speaks; its addresses are those of the error.
func decodeError(data []byte, ends addresses) *Event {
	event := decodeIP(data[8:])
	if event == nil {
		return nil
	}
	if event.What == request {
		event.What = errorOfRequest
	} else {
		event.What = errorOfReply
	}
	event.addresses = ends
	event.icmpType, event.icmpCode = int(data[0]), int(data[1])
	return event
}
