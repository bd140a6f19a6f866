package main

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// Rule is a line of iptables-restore without its chain: comments, then what it matches, then what it does. An empty action only counts.
type Rule struct {
	Comments []string
	Match    string
	Action   string
}

// Chain is written whole. Name may end in appends, which sets rules behind other people's apart from those before them.
type Chain struct {
	Name  string
	Rules []Rule
}

const appends = "*appends*"

// Table holds Felix's own chains, and what it puts before and behind other people's rules in the kernel's chains.
type Table struct {
	Name     string
	Chains   []Chain
	Inserted []Chain
	Appended []Chain
}

func jump(target string) Rule { return Rule{Action: "--jump " + target} }

func (rule Rule) when(match string) Rule {
	rule.Match = match
	return rule
}

func (rule Rule) saying(comment string) Rule {
	rule.Comments = append(append([]string{}, rule.Comments...), comment)
	return rule
}

func (rule Rule) render(chain, first string) string {
	words := []string{"-A", chain, first}
	for _, comment := range rule.Comments {
		words = append(words, `-m comment --comment "`+comment+`"`)
	}
	for _, part := range []string{rule.Match, rule.Action} {
		if part != "" {
			words = append(words, part)
		}
	}
	return strings.Join(words, " ")
}

// hashes tells each rule apart by its own text, by its chain, and by all rules before it there.
func (chain Chain) hashes() []string {
	sum := sha256.Sum224([]byte(chain.Name))
	found := make([]string, 0, len(chain.Rules))
	for _, rule := range chain.Rules {
		sum = sha256.Sum224(append(sum[:], rule.render(chain.Name, "HASH")...))
		found = append(found, base64.RawURLEncoding.EncodeToString(sum[:])[:16])
	}
	return found
}

// lines are the chain's rules for iptables-restore, each with its hash as its first comment.
func (chain Chain) lines() []string {
	written := make([]string, 0, len(chain.Rules))
	hashes := chain.hashes()
	for index, rule := range chain.Rules {
		written = append(written, rule.render(strings.TrimSuffix(chain.Name, appends), `-m comment --comment "cali:`+hashes[index]+`"`))
	}
	return written
}

// longestChain is what iptables takes.
const longestChain = 28

// chainName shortens a name that iptables would not take.
func chainName(prefix, id string) string {
	if len(prefix)+len(id) <= longestChain {
		return prefix + id
	}
	sum := sha256.Sum256([]byte(id))
	return prefix + "_" + base64.RawURLEncoding.EncodeToString(sum[:])[:longestChain-1-len(prefix)]
}

// setID names what a set of addresses was made from.
func setID(kind, from string) string {
	sum := sha256.Sum224([]byte(kind + ":" + from))
	return kind + ":" + base64.RawURLEncoding.EncodeToString(sum[:])[:23]
}
