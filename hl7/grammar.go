package hl7

import (
	"fmt"
	"strings"
)

// node is a segment or a group of a message structure.
type node struct {
	name             string // of a segment; empty for a group
	children         []node
	optional, repeat bool
	first            map[string]bool // the segments with which it can begin
	names            map[string]bool // all segments in it
}

// parseGrammar reads a message structure in the notation of the standard (HL7 v2.5.1 ch. 2.12): segments in order, [ ]
// around what may be missing, { } around what may come several times.
func parseGrammar(text string) (node, error) {
	for _, bracket := range []string{"[", "]", "{", "}"} {
		text = strings.ReplaceAll(text, bracket, " "+bracket+" ")
	}
	p := grammarParser{tokens: strings.Fields(text)}
	root := node{children: p.sequence("")}
	if p.failed || len(p.tokens) > 0 || len(root.children) == 0 {
		return node{}, fmt.Errorf("%w: a structure must be segment names, [ ] and { } that pair", ErrRules)
	}
	root.learn()
	return root, nil
}

type grammarParser struct {
	tokens []string
	failed bool
}

// sequence reads up to the closing bracket.
func (p *grammarParser) sequence(closing string) []node {
	var out []node
	for len(p.tokens) > 0 {
		token := p.tokens[0]
		p.tokens = p.tokens[1:]
		switch {
		case token == closing:
			return out
		case token == "[":
			n := group(p.sequence("]"))
			n.optional = true
			out = append(out, n)
		case token == "{":
			n := group(p.sequence("}"))
			n.repeat = true
			out = append(out, n)
		case isSegmentName(token):
			out = append(out, node{name: token})
		default:
			p.failed = true
			return nil
		}
	}
	p.failed = p.failed || closing != ""
	return out
}

// group makes one node of a bracket's content, which is the content itself when that is one node.
func group(children []node) node {
	if len(children) == 1 {
		return children[0]
	}
	return node{children: children}
}

func isSegmentName(s string) bool {
	return len(s) == 3 && isUpperAlnum(s[0]) && isUpperAlnum(s[1]) && isUpperAlnum(s[2])
}

// learn notes which segments a node and its children hold and begin with.
func (n *node) learn() {
	n.first, n.names = map[string]bool{}, map[string]bool{}
	if n.name != "" {
		n.first[n.name], n.names[n.name] = true, true
		return
	}
	begins := true
	for i := range n.children {
		c := &n.children[i]
		c.learn()
		for name := range c.names {
			n.names[name] = true
		}
		if begins {
			for name := range c.first {
				n.first[name] = true
			}
			begins = c.optional
		}
	}
}

// required returns the segment whose absence makes the node missing.
func (n *node) required() string {
	if n.name != "" {
		return n.name
	}
	for i := range n.children {
		if !n.children[i].optional {
			return n.children[i].required()
		}
	}
	return n.children[0].required()
}

// expectation is what may come behind the group that is being matched, from the innermost group outwards.
type expectation struct {
	later []node // siblings behind the group
	again *node  // the group around, when it may begin anew
	outer *expectation
}

func (e *expectation) has(name string) bool {
	for ; e != nil; e = e.outer {
		if e.again != nil && e.again.first[name] {
			return true
		}
		for i := range e.later {
			if e.later[i].names[name] {
				return true
			}
		}
	}
	return false
}

// matcher holds the segments of a message against a structure. Each segment goes to the nearest place ahead that can
// hold it; one that has no place is reported and left out, so that one mistake makes one finding.
type matcher struct {
	advance  func() (name string, at Location, ok bool) // the next segment that the structure knows
	name     string                                     // the present segment
	at       Location
	end      bool           // there is none any more
	previous string         // the segment before
	seen     map[string]int // how many segments of a name were passed
	missing  []Location     // no more than maxFindings
	wrong    int            // how many segments were reported
	report   func(Problem)
}

// match matches all segments.
func (x *matcher) match(root *node) {
	x.step()
	x.sequence(root.children, nil)
	for !x.end {
		x.unexpected()
	}
	for _, at := range x.missing {
		x.report(Problem{Location: at, Code: 100, Severity: 'E', Text: "required segment missing"})
	}
}

func (x *matcher) step() {
	var ok bool
	x.name, x.at, ok = x.advance()
	x.end = !ok
}

// take passes the present segment.
func (x *matcher) take() {
	x.seen[x.name]++
	x.previous = x.name
	x.step()
}

// sequence matches segments against the nodes of a group, one behind the other.
func (x *matcher) sequence(nodes []node, ahead *expectation) {
	for i := 0; i < len(nodes); {
		j := -1
		if !x.end {
			if j = choose(nodes[i:], x.name); j < 0 && !ahead.has(x.name) {
				x.unexpected()
				continue
			}
		}
		skipped := nodes[i:]
		if j >= 0 {
			skipped = nodes[i : i+j]
		}
		for k := range skipped {
			if !skipped[k].optional {
				x.lacks(skipped[k].required())
			}
		}
		if j < 0 {
			return
		}
		i += j
		x.element(&nodes[i], &expectation{later: nodes[i+1:], outer: ahead})
		i++
	}
}

// choose returns the nearest node that begins with a segment, else the nearest that holds it, else -1.
func choose(nodes []node, name string) int {
	for i := range nodes {
		if nodes[i].first[name] {
			return i
		}
	}
	for i := range nodes {
		if nodes[i].names[name] {
			return i
		}
	}
	return -1
}

// element matches a node as often as it comes.
func (x *matcher) element(n *node, ahead *expectation) {
	inner := ahead
	if n.repeat {
		inner = &expectation{again: n, outer: ahead}
	}
	for {
		if n.name != "" {
			x.take()
		} else {
			x.sequence(n.children, inner)
		}
		for n.repeat && !x.end && !inner.has(x.name) {
			x.unexpected()
		}
		if !n.repeat || x.end || !n.first[x.name] {
			return
		}
	}
}

// lacks notes a missing segment; it is reported at the end unless it turns up in another place.
func (x *matcher) lacks(name string) {
	if len(x.missing) < maxFindings {
		x.missing = append(x.missing, Location{Segment: name, Sequence: x.seen[name] + 1})
	}
}

// unexpected reports the present segment and goes on behind it.
func (x *matcher) unexpected() {
	name, p := x.name, Problem{Location: x.at, Code: 100, Severity: 'E', Text: "segment out of order"}
	if x.previous == name {
		p.Code, p.Text = 198, "segment may come once only here"
	}
	// Beyond the bound nothing is reported, and the search would cost a message of very many mistakes its linear time.
	if x.wrong++; x.wrong <= maxFindings {
		for i, at := range x.missing {
			if at.Segment == name {
				x.missing = append(x.missing[:i], x.missing[i+1:]...)
				break
			}
		}
		x.report(p)
	}
	x.take()
}
