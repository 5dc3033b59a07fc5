package gateway

import "strings"

// router finds the route of a request. Among the routes that match, an exact segment comes before {x} and that before
// {x=**}, from the left; a route of another method does not hide one that is less exact. It does not change after it
// was built, so it may be used concurrently.
type router struct {
	root  *node
	verbs map[string]*node // one trie for each verb after ":"
}

type node struct {
	literals map[string]*node
	single   *node
	leaf     *leaf // routes that end here
	rest     *leaf // routes that end in ** here
}

type leaf struct {
	template string // as the document writes it, with the base path
	methods  map[string]*route
}

func newRouter() *router {
	return &router{root: &node{}, verbs: map[string]*node{}}
}

// add puts a route in place. It returns the template of the route that is already there, or "".
func (r *router) add(rt *route) string {
	n := r.root
	if verb := rt.template.verb; verb != "" {
		if r.verbs[verb] == nil {
			r.verbs[verb] = &node{}
		}
		n = r.verbs[verb]
	}
	place := &n.leaf
	for _, segment := range rt.template.segments {
		if segment == anySegments {
			place = &n.rest
			break
		}
		n = n.child(segment)
		place = &n.leaf
	}
	if *place == nil {
		*place = &leaf{template: rt.path, methods: map[string]*route{}}
	}
	if other := (*place).methods[rt.method]; other != nil {
		return other.path
	}
	(*place).methods[rt.method] = rt
	return ""
}

func (n *node) child(segment string) *node {
	if segment == anySegment {
		if n.single == nil {
			n.single = &node{}
		}
		return n.single
	}
	if n.literals == nil {
		n.literals = map[string]*node{}
	}
	if n.literals[segment] == nil {
		n.literals[segment] = &node{}
	}
	return n.literals[segment]
}

// find returns the leaf that matches path and has a route for method; with method "" any leaf that matches.
func (r *router) find(path, method string) *leaf {
	if l := r.findVerb(path, method); l != nil {
		return l
	}
	return r.root.find(path, method)
}

// findVerb is find among the templates that end in ":verb".
func (r *router) findVerb(path, method string) *leaf {
	if len(r.verbs) == 0 {
		return nil
	}
	whole := strings.TrimSuffix(path, "/")
	i := strings.LastIndexByte(whole, ':')
	if i < 0 || strings.Contains(whole[i:], "/") {
		return nil
	}
	root := r.verbs[whole[i+1:]]
	if root == nil {
		return nil
	}
	return root.find(whole[:i], method)
}

// find walks down rest, which is empty or begins with a slash. Each node is visited at most once for a request, because
// its depth in the trie is the number of segments before it: hostile paths can't make the search explode.
func (n *node) find(rest, method string) *leaf {
	if rest == "" || rest == "/" {
		if n.leaf.serves(method) {
			return n.leaf
		}
		if rest == "/" && n.rest.serves(method) {
			return n.rest
		}
		return nil
	}
	segment, next := rest[1:], ""
	if i := strings.IndexByte(segment, '/'); i >= 0 {
		segment, next = segment[:i], segment[i:]
	}
	if child := n.literals[segment]; child != nil {
		if l := child.find(next, method); l != nil {
			return l
		}
	}
	if n.single != nil && segment != "" {
		if l := n.single.find(next, method); l != nil {
			return l
		}
	}
	if n.rest.serves(method) {
		return n.rest
	}
	return nil
}

func (l *leaf) serves(method string) bool {
	if l == nil || method == "" {
		return l != nil
	}
	return l.methods[method] != nil
}
