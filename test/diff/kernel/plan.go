package main

// Plan is one case in the order it is carried out: namespaces, steps, reads, probes, reads again.
type Plan struct {
	ID     int      `json:"id"`
	Spaces []string `json:"spaces"`
	Steps  []Step   `json:"steps"`
	Reads  []Read   `json:"reads"`
	// Listen names the spaces that answer on TCPPorts and UDPPorts.
	Listen   []int   `json:"listen"`
	TCPPorts []int   `json:"tcpPorts"`
	UDPPorts []int   `json:"udpPorts"`
	Probes   []Probe `json:"probes"`
	After    []Read  `json:"after"`
	// Quiet is how long nothing has to happen until what did not arrive counts as lost; Patience bounds it all.
	QuietMs    int `json:"quietMs"`
	PatienceMs int `json:"patienceMs"`
}

// Step changes a space: files written, then a program fed on stdin. `@NAME@` in words and input stands for the path of that space's namespace.
type Step struct {
	Space int         `json:"space"`
	Argv  []string    `json:"argv"`
	Stdin string      `json:"stdin"`
	Write [][2]string `json:"write"`
}

// Read is one section: a program's output, files as `grep -sH .` prints them, or the numbers the space has for these others.
type Read struct {
	Space int      `json:"space"`
	Name  string   `json:"name"`
	Argv  []string `json:"argv"`
	Stdin string   `json:"stdin"`
	Globs []string `json:"globs"`
	Nsids []int    `json:"nsids"`
}

// Probe is one question, asked Attempts times from source ports in a row.
type Probe struct {
	Space           int    `json:"space"`
	Source          string `json:"source"`
	Destination     string `json:"destination"`
	Protocol        string `json:"protocol"`
	SourcePort      int    `json:"sourcePort"`
	DestinationPort int    `json:"destinationPort"`
	Attempts        int    `json:"attempts"`
	// Size is the length of the payload, Fragment whether routers may split it.
	Size     int  `json:"size"`
	Fragment bool `json:"fragment"`
}

// Answer is what became of a plan. A case that could not be built has an Error and nothing else that counts.
type Answer struct {
	ID       int         `json:"id"`
	Error    string      `json:"error,omitempty"`
	Inodes   []string    `json:"inodes"`
	Sections []Section   `json:"sections"`
	Sends    []Send      `json:"sends"`
	Events   []Event     `json:"events"`
	Silences []Neighbour `json:"silences"`
	// Asked is which addresses asked for a neighbour meanwhile.
	Asked []string `json:"asked"`
	// Wanted is whom they asked for.
	Wanted []Neighbour `json:"wanted"`
	After  []Section   `json:"after"`
	// Spent is milliseconds by stage.
	Spent map[string]int `json:"spent"`
}

type Section struct {
	Space  int    `json:"space"`
	Name   string `json:"name"`
	Status int    `json:"status"`
	Text   string `json:"text"`
	Stderr string `json:"stderr,omitempty"`
}

// Send is what the system call that sent an attempt said: errno, 0 when it went well.
type Send struct {
	Probe   int `json:"probe"`
	Attempt int `json:"attempt"`
	Errno   int `json:"errno"`
}
