package workspace

import (
	"io/fs"
	"path"
	"time"
)

// named is a description under another name.
type named struct {
	fs.FileInfo
	name string
}

func (n named) Name() string { return n.name }

// stagedInfo describes staged bytes as the file they will be.
type stagedInfo struct {
	named
	mtime time.Time
}

func (stagedInfo) Mode() fs.FileMode    { return 0o644 }
func (i stagedInfo) ModTime() time.Time { return i.mtime }
func (stagedInfo) Sys() any             { return nil }

// folderInfo describes a folder that is not on disk (yet), by its name.
type folderInfo string

func (f folderInfo) Name() string     { return string(f) }
func (folderInfo) Size() int64        { return 0 }
func (folderInfo) Mode() fs.FileMode  { return fs.ModeDir | 0o755 }
func (folderInfo) ModTime() time.Time { return time.Time{} }
func (folderInfo) IsDir() bool        { return true }
func (folderInfo) Sys() any           { return nil }

func baseName(name string) string { return path.Base(name) }
