//go:build race

package sandboxtest

// raceDetector says that this binary maps terabytes, which no memory limit
// lets pass.
const raceDetector = true
