//go:build !linux && !darwin

package main

import (
	"errors"
	"os"
)

// singleKeys is not there: the system hands out lines.
func singleKeys(*os.File) (restore func(), err error) {
	return nil, errors.New("this system hands out lines")
}

// foreground is true where programs do not run in a terminal's background.
func foreground(*os.File) bool { return true }
