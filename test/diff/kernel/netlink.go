package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

var host = binary.NativeEndian

// unsettled is the links of this thread whose carrier the kernel has not told anybody of yet, and whether an IPv6 address is tentative.
func unsettled() (links []int32, tentative bool, err error) {
	all, err := dump(unix.RTM_GETLINK, unix.AF_UNSPEC)
	if err != nil {
		return nil, false, err
	}
	for _, link := range all {
		if len(link.Data) < unix.SizeofIfInfomsg {
			continue
		}
		// struct ifinfomsg: index at byte 4, flags at byte 8
		flags := host.Uint32(link.Data[8:])
		running, carrier := flags&unix.IFF_RUNNING != 0, flags&unix.IFF_LOWER_UP != 0
		if flags&unix.IFF_UP != 0 && running != carrier {
			links = append(links, int32(host.Uint32(link.Data[4:])))
		}
	}
	addresses, err := dump(unix.RTM_GETADDR, unix.AF_INET6)
	for _, address := range addresses {
		// struct ifaddrmsg: flags at byte 2
		if len(address.Data) > 2 && address.Data[2]&unix.IFA_F_TENTATIVE != 0 && address.Data[2]&unix.IFA_F_DADFAILED == 0 {
			tentative = true
		}
	}
	return links, tentative, err
}

// noticeCarrier asks for one link: the kernel then does for it at once what it else does once a second for all (net/core/rtnetlink.c
// rtnl_getlink calls linkwatch_sync_dev).
func noticeCarrier(index int32) error { return askLink(unix.RTM_GETLINK, index) }

// awaitRouting changes nothing of the first link, lo, which waits in turn for the lock that all changes of links and routes take.
func awaitRouting() error { return askLink(unix.RTM_SETLINK, 1) }

func askLink(kind uint16, index int32) error {
	socket, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	request := make([]byte, unix.SizeofNlMsghdr+unix.SizeofIfInfomsg)
	host.PutUint32(request[0:], uint32(len(request)))
	host.PutUint16(request[4:], kind)
	host.PutUint16(request[6:], unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	host.PutUint32(request[unix.SizeofNlMsghdr+4:], uint32(index))
	if err := unix.Sendto(socket, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	_, _, err = unix.Recvfrom(socket, make([]byte, 8192), 0)
	return err
}

// linkNames is the names of this thread's links by ifindex.
func linkNames() (map[int]string, error) {
	links, err := dump(unix.RTM_GETLINK, unix.AF_UNSPEC)
	if err != nil {
		return nil, err
	}
	names := map[int]string{}
	for _, link := range links {
		if len(link.Data) < unix.SizeofIfInfomsg {
			continue
		}
		if name, found := attribute(link.Data[unix.SizeofIfInfomsg:], unix.IFLA_IFNAME); found {
			names[int(host.Uint32(link.Data[4:]))] = unix.ByteSliceToString(name)
		}
	}
	return names, nil
}

// Neighbour is somebody who is asked for on a link.
type Neighbour struct {
	Space   int    `json:"space"`
	Link    string `json:"link"`
	Address string `json:"address"`
}

// silences is the neighbours that this thread's namespace gave up or still asks for.
func silences(names map[int]string) ([]Neighbour, error) {
	return neighbours(names, unix.NUD_FAILED|unix.NUD_INCOMPLETE)
}

// neighbours is those in one of the states.
func neighbours(names map[int]string, states uint16) ([]Neighbour, error) {
	all, err := dump(unix.RTM_GETNEIGH, unix.AF_UNSPEC)
	if err != nil {
		return nil, err
	}
	var found []Neighbour
	for _, neighbour := range all {
		if len(neighbour.Data) < unix.SizeofNdMsg || host.Uint16(neighbour.Data[8:])&states == 0 {
			continue
		}
		text, _ := attribute(neighbour.Data[unix.SizeofNdMsg:], unix.NDA_DST)
		if address, valid := netip.AddrFromSlice(text); valid {
			found = append(found, Neighbour{Link: names[int(host.Uint32(neighbour.Data[4:]))], Address: address.String()})
		}
	}
	return found, nil
}

// attribute finds one of the attributes behind a message's header.
func attribute(data []byte, kind uint16) ([]byte, bool) {
	for len(data) >= unix.SizeofRtAttr {
		size := int(host.Uint16(data))
		if size < unix.SizeofRtAttr || size > len(data) {
			break
		}
		if host.Uint16(data[2:])&^unix.NLA_F_NESTED == kind {
			return data[unix.SizeofRtAttr:size], true
		}
		data = data[min((size+3)&^3, len(data)):]
	}
	return nil, false
}

func dump(kind, family int) ([]syscall.NetlinkMessage, error) {
	data, err := syscall.NetlinkRIB(kind, family)
	if err != nil {
		return nil, fmt.Errorf("failed to ask netlink: %w", err)
	}
	return syscall.ParseNetlinkMessage(data)
}

const (
	netnsaNsid = 1
	netnsaFd   = 3
)

// nsidOf is the number this thread's namespace knows another one by, -1 when it knows none (net/core/net_namespace.c rtnl_net_getid).
func nsidOf(netns int) (int, error) {
	socket, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return 0, err
	}
	defer unix.Close(socket)
	// nlmsghdr, rtgenmsg padded to 4, one attribute
	request := make([]byte, 28)
	host.PutUint32(request[0:], uint32(len(request)))
	host.PutUint16(request[4:], unix.RTM_GETNSID)
	host.PutUint16(request[6:], unix.NLM_F_REQUEST)
	host.PutUint16(request[20:], 8)
	host.PutUint16(request[22:], netnsaFd)
	host.PutUint32(request[24:], uint32(netns))
	if err := unix.Sendto(socket, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, err
	}
	reply := make([]byte, 256)
	length, _, err := unix.Recvfrom(socket, reply, 0)
	if err != nil {
		return 0, err
	}
	if nsid, found := attribute(reply[min(20, length):length], netnsaNsid); found && len(nsid) >= 4 {
		return int(int32(host.Uint32(nsid))), nil
	}
	return -1, nil
}
