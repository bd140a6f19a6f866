package main

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Responder answers in every listening space: TCP by the kernel's own handshake, UDP with what came, from the address it came to.
type Responder struct {
	sockets []int
	poll    int
}

func (c *Case) respond() (*Responder, error) {
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	r := &Responder{poll: poll}
	for _, space := range c.plan.Listen {
		if err := c.enter(space); err != nil {
			r.close()
			return nil, err
		}
		if err := r.listen(c.plan.TCPPorts, c.plan.UDPPorts); err != nil {
			r.close()
			return nil, fmt.Errorf("failed to listen in %s: %w", c.plan.Spaces[space], err)
		}
	}
	return r, nil
}

func (r *Responder) listen(tcp, udp []int) error {
	for _, port := range tcp {
		socket, err := r.bind(unix.SOCK_STREAM, port)
		if err != nil {
			return err
		}
		if err := unix.Listen(socket, 256); err != nil {
			return err
		}
	}
	for _, port := range udp {
		socket, err := r.bind(unix.SOCK_DGRAM, port)
		if err != nil {
			return err
		}
		for _, option := range [][2]int{{unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO}, {unix.IPPROTO_IP, unix.IP_PKTINFO}} {
			if err := unix.SetsockoptInt(socket, option[0], option[1], 1); err != nil {
				return err
			}
		}
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(socket)}
		if err := unix.EpollCtl(r.poll, unix.EPOLL_CTL_ADD, socket, &event); err != nil {
			return err
		}
	}
	return nil
}

// bind opens a socket of both families.
func (r *Responder) bind(kind, port int) (int, error) {
	socket, err := unix.Socket(unix.AF_INET6, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	r.sockets = append(r.sockets, socket)
	if err := unix.SetsockoptInt(socket, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0); err != nil {
		return 0, err
	}
	return socket, unix.Bind(socket, &unix.SockaddrInet6{Port: port})
}

func (r *Responder) serve(patience time.Duration) error {
	var ready [64]unix.EpollEvent
	count, err := unix.EpollWait(r.poll, ready[:], int(patience.Milliseconds()))
	if err != nil && !errors.Is(err, unix.EINTR) {
		return err
	}
	for _, event := range ready[:max(count, 0)] {
		echo(int(event.Fd))
	}
	return nil
}

// echo answers all that waits. An answer that cannot be sent is an answer that does not arrive.
func echo(socket int) {
	data := make([]byte, 65536)
	control := make([]byte, 256)
	for {
		length, size, _, from, err := unix.Recvmsg(socket, data, control, 0)
		if err != nil {
			return
		}
		if length < cookieLength || data[2] != asks {
			continue
		}
		data[2] = answers
		unix.Sendmsg(socket, data[:length], answerFrom(control[:size]), from, 0)
	}
}

// answerFrom turns what a datagram was addressed to into the source of its answer, and leaves the interface to the routes.
func answerFrom(control []byte) []byte {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return nil
	}
	for _, message := range messages {
		switch {
		case message.Header.Level == unix.IPPROTO_IP && message.Header.Type == unix.IP_PKTINFO && len(message.Data) >= 12:
			// struct in_pktinfo: ifindex, spec_dst, addr
			info := &unix.Inet4Pktinfo{}
			copy(info.Spec_dst[:], message.Data[8:12])
			return unix.PktInfo4(info)
		case message.Header.Level == unix.IPPROTO_IPV6 && message.Header.Type == unix.IPV6_PKTINFO && len(message.Data) >= 16:
			info := &unix.Inet6Pktinfo{}
			copy(info.Addr[:], message.Data[:16])
			if mapped := v4In6(info.Addr); mapped != nil {
				return unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: *mapped})
			}
			return unix.PktInfo6(info)
		}
	}
	return nil
}

func v4In6(address [16]byte) *[4]byte {
	for i, wanted := range []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff} {
		if address[i] != wanted {
			return nil
		}
	}
	return (*[4]byte)(address[12:])
}

func (r *Responder) close() {
	closeAll(r.sockets)
	unix.Close(r.poll)
}
