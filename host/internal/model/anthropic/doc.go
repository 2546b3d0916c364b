// Package anthropic is a model behind the Messages API: Anthropic's own, a
// compatible server, or a cloud that offers it.
//
// What the provider sends is kept as it came: a message is put together from
// the raw JSON of its events, so that blocks and fields nobody here knows,
// numbers, signatures and the order of keys survive. What was said before is
// sent back byte for byte, in requests assembled from those bytes.
//
// The SDK carries the requests and decodes the stream; its retries, its
// environment and its types are not used.
package anthropic
