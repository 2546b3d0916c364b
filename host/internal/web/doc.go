// Package web serves the web app on a loopback address: the page's files, a
// stream of the events of all tasks, and the host's own API behind it.
//
// Every request passes the chain in chain.go, top to bottom, before anything
// else looks at it. The API itself is not here: a request that is let through
// is handed to the same handlers that answer on the host's socket, after what
// only a page needs was checked (routes.go). A page is trusted less than the
// socket: it cannot name plugins' folders or sandboxes, it grants folders by
// rules (folder.go), and its answers to approvals are for exactly the call that
// was shown (approval.go).
package web
