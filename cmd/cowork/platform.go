package main

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
)

func executable() (string, error) { return os.Executable() }

func userHome(getenv func(string) string) (string, error) {
	key := "HOME"
	if runtime.GOOS == "windows" {
		key = "USERPROFILE"
	}
	if dir := getenv(key); filepath.IsAbs(dir) {
		return filepath.Clean(dir), nil
	}
	return "", errors.New("$" + key + " is not set")
}

// dataDir is where programs of this platform keep a user's data.
func dataDir(getenv func(string) string) (string, error) {
	if dir := getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return dir, nil
	}
	if runtime.GOOS == "windows" {
		if dir := getenv("LocalAppData"); filepath.IsAbs(dir) {
			return dir, nil
		}
	}
	home, err := userHome(getenv)
	if err != nil {
		return "", err
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Application Support"), nil
	}
	return filepath.Join(home, ".local", "share"), nil
}
