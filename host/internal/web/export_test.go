package web

// ListBytes bounds of what a page gets of one event, for tests.
const (
	SlimData = slimData
	SlimText = slimText
)

// Slim is what the page gets of an event.
var Slim = slim
