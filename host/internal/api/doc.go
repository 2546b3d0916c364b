// Package api is the host's door for its clients: HTTP with JSON over a unix
// socket that only the same user can reach. Every surface (the command line,
// later the web app) goes through it, so none knows more than another.
//
// Errors are answered as {"error": {"code", "message", "next"}}. Events are
// streamed as JSON lines.
package api
