// Package model is what the host knows of language models: one interface, and
// the nouns of the Messages API. Vendors live in folders below it.
//
// The provider's own JSON of every message is kept and sent back byte for
// byte: what a vendor adds to its blocks survives, and the cached prefix of a
// conversation stays the same from one request to the next.
package model
