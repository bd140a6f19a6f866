package main

import "strconv"

// MarshalJSON writes an event as a row, for there are thousands:
// space, link, kind, what, depth, probe, attempt, source, sourcePort, destination, destinationPort, ttl, length, icmpType, icmpCode.
func (event Event) MarshalJSON() ([]byte, error) {
	row := make([]byte, 0, 128)
	row = append(row, '[')
	row = append(strconv.AppendInt(row, int64(event.Space), 10), ',')
	row = append(strconv.AppendQuote(row, event.Link), ',')
	for _, number := range []int{event.Kind, event.What, event.Depth, event.Probe, event.Attempt} {
		row = append(strconv.AppendInt(row, int64(number), 10), ',')
	}
	row = append(event.source.AppendTo(append(row, '"')), '"', ',')
	row = append(strconv.AppendInt(row, int64(event.sourcePort), 10), ',')
	row = append(event.destination.AppendTo(append(row, '"')), '"')
	for _, number := range []int{event.destinationPort, event.ttl, event.length, event.icmpType, event.icmpCode} {
		row = strconv.AppendInt(append(row, ','), int64(number), 10)
	}
	return append(row, ']'), nil
}
