// Command responder is both ends of the lab's test traffic: it answers on TCP, HTTP and UDP with its host name, and it asks.
// It is static and needs no resolver library, so it runs in an image without a distribution.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

const patience = 3 * time.Second

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "responder:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return pause()
	}
	switch command, rest := args[0], args[1:]; {
	case command == "pause":
		return pause()
	case command == "serve":
		return serve(rest)
	case command == "get" && len(rest) == 1:
		return get(rest[0])
	case command == "lookup" && len(rest) == 1:
		return lookup(rest[0])
	case (command == "tcp" || command == "udp") && len(rest) == 1:
		return ask(command, rest[0])
	}
	return errors.New("usage: responder pause | serve http:PORT tcp:PORT udp:PORT… | get URL | tcp HOST:PORT | udp HOST:PORT | lookup NAME")
}

// pause holds a pod's namespaces and, as their first process, reaps what is left to it.
func pause() error {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for received := range signals {
		if received != syscall.SIGCHLD {
			return nil
		}
		for {
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
				break
			}
		}
	}
	return nil
}

func serve(listeners []string) error {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	failed := make(chan error)
	for _, listener := range listeners {
		kind, port, found := strings.Cut(listener, ":")
		if !found {
			return fmt.Errorf("%q is not KIND:PORT", listener)
		}
		go func() { failed <- listen(kind, ":"+port, host) }()
	}
	go func() { failed <- pause() }()
	return <-failed
}

func listen(kind, address, host string) error {
	switch kind {
	case "http":
		return http.ListenAndServe(address, http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
			fmt.Fprintf(answer, "%s %s\n", host, request.RemoteAddr)
		}))
	case "tcp":
		return listenTCP(address, host)
	case "udp":
		return listenUDP(address, host)
	}
	return fmt.Errorf("unknown kind %q", kind)
}

func listenTCP(address, host string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer connection.Close()
			fmt.Fprintf(connection, "%s %s\n", host, connection.RemoteAddr())
		}()
	}
}

func listenUDP(address, host string) error {
	socket, err := net.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	datagram := make([]byte, 65535)
	for {
		_, peer, err := socket.ReadFrom(datagram)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(packetTo{socket, peer}, "%s %s\n", host, peer); err != nil {
			fmt.Fprintln(os.Stderr, "responder:", err)
		}
	}
}

type packetTo struct {
	socket net.PacketConn
	peer   net.Addr
}

func (to packetTo) Write(payload []byte) (int, error) { return to.socket.WriteTo(payload, to.peer) }

func get(url string) error {
	answer, err := (&http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}).Get(url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(os.Stdout, answer.Body)
	return err
}

func ask(network, address string) error {
	connection, err := net.DialTimeout(network, address, patience)
	if err != nil {
		return err
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := connection.Write([]byte("hello\n")); err != nil {
		return err
	}
	answer := make([]byte, 65535)
	length, err := connection.Read(answer)
	os.Stdout.Write(answer[:length])
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func lookup(name string) error {
	deadline, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	addresses, err := (&net.Resolver{PreferGo: true}).LookupHost(deadline, name)
	if err != nil {
		return err
	}
	fmt.Println(strings.Join(addresses, "\n"))
	return nil
}
