package main

import (
	"bytes"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
)

func run(input string, name string, args ...string) (string, error) {
	command := exec.Command(name, args...)
	command.Stdin = strings.NewReader(input)
	var errors bytes.Buffer
	command.Stderr = &errors
	output, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(errors.String()))
	}
	return string(output), nil
}

// Kernel remembers what was written, so that a rule which stays keeps its counters.
type Kernel struct {
	family Family
	chains map[string]map[string][]string
	sets   Sets
}

// syncSets makes sets before rules need them; those that no rule needs go after the rules.
func (kernel *Kernel) syncSets(wanted Sets) error {
	var script strings.Builder
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		set := wanted[name]
		fmt.Fprintf(&script, "create %s %s family %s hashsize 1024 maxelem 1048576 -exist\n", name, set.Type, kernel.family.Ipset)
		for _, member := range set.Members {
			if !slices.Contains(kernel.sets[name].Members, member) {
				fmt.Fprintf(&script, "add %s %s -exist\n", name, member)
			}
		}
		for _, member := range kernel.sets[name].Members {
			if !slices.Contains(set.Members, member) {
				fmt.Fprintf(&script, "del %s %s -exist\n", name, member)
			}
		}
	}
	_, err := run(script.String(), "ipset", "restore")
	return err
}

func (kernel *Kernel) destroySets(wanted Sets) error {
	for name := range kernel.sets {
		if _, keep := wanted[name]; keep {
			continue
		}
		if _, err := run("", "ipset", "destroy", name); err != nil {
			return err
		}
	}
	kernel.sets = wanted
	return nil
}

// syncTable writes the chains that changed, all at once.
func (kernel *Kernel) syncTable(table Table) error {
	before, after := kernel.chains[table.Name], map[string][]string{}
	var heads, rules, gone strings.Builder
	for _, chain := range table.Chains {
		lines := chain.lines()
		after[chain.Name] = lines
		if have, known := before[chain.Name]; known && slices.Equal(have, lines) {
			continue
		}
		// naming a chain empties it
		fmt.Fprintf(&heads, ":%s - [0:0]\n", chain.Name)
		for _, line := range lines {
			rules.WriteString(line + "\n")
		}
	}
	for name := range before {
		if _, keep := after[name]; !keep {
			fmt.Fprintf(&heads, ":%s - [0:0]\n", name)
			fmt.Fprintf(&gone, "-X %s\n", name)
		}
	}
	if heads.Len() > 0 {
		script := "*" + table.Name + "\n" + heads.String() + rules.String() + gone.String() + "COMMIT\n"
		if _, err := run(script, kernel.family.Iptables+"-restore", "--noflush", "--wait"); err != nil {
			return err
		}
	}
	kernel.chains[table.Name] = after
	return kernel.hook(table)
}

// hook keeps Felix's rules the first and the last of the kernel's chains, whatever others put there since.
func (kernel *Kernel) hook(table Table) error {
	saved, err := run("", kernel.family.Iptables+"-save", "-t", table.Name)
	if err != nil {
		return err
	}
	script := ""
	for _, chain := range table.Inserted {
		script += placed(saved, chain, true)
	}
	for _, chain := range table.Appended {
		script += placed(saved, chain, false)
	}
	if script == "" {
		return nil
	}
	_, err = run("*"+table.Name+"\n"+script+"COMMIT\n", kernel.family.Iptables+"-restore", "--noflush", "--wait")
	return err
}

// placed is what to write when a chain does not begin (or end) with these rules: nothing when it does.
func placed(saved string, chain Chain, first bool) string {
	name := strings.TrimSuffix(chain.Name, appends)
	hashes, have := chain.hashes(), []string{}
	for line := range strings.Lines(saved) {
		if strings.HasPrefix(line, "-A "+name+" ") {
			have = append(have, line)
		}
	}
	where := have[:min(len(hashes), len(have))]
	if !first {
		where = have[max(0, len(have)-len(hashes)):]
	}
	carries := func(line, hash string) bool { return strings.Contains(line, `"cali:`+hash+`"`) }
	if slices.EqualFunc(where, hashes, carries) {
		return ""
	}
	script := ""
	for _, line := range have {
		for _, hash := range hashes {
			if carries(line, hash) {
				script += "-D" + strings.TrimPrefix(line, "-A")
			}
		}
	}
	lines := chain.lines()
	if first {
		slices.Reverse(lines)
	}
	for _, line := range lines {
		if first {
			line = "-I" + strings.TrimPrefix(line, "-A")
		}
		script += line + "\n"
	}
	return script
}

// sync brings the kernel to what is wanted: sets, then the rules that name them, then what no rule names any more.
func (kernel *Kernel) sync(wanted Wanted) error {
	if err := kernel.syncSets(wanted.Sets); err != nil {
		return err
	}
	for _, table := range wanted.Tables {
		if err := kernel.syncTable(table); err != nil {
			return err
		}
	}
	return kernel.destroySets(wanted.Sets)
}
