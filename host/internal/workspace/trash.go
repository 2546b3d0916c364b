package workspace

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// TrashItem is a file that an undo or an approved deletion moved to a trash.
type TrashItem struct {
	ID       int64     `json:"id"`
	Task     string    `json:"task"`
	Path     string    `json:"path"`
	HostPath string    `json:"host_path"` // where it was
	Location string    `json:"location"`  // where it is
	Size     int64     `json:"size"`
	Time     time.Time `json:"time"`
}

// trashInfo describes a file in a trash, as the freedesktop.org trash
// specification 1.0 and as the journal have it.
type trashInfo struct {
	Dir     string `json:"dir"`  // holds files/ and info/
	Name    string `json:"name"` // in files/; info/ has it with .trashinfo
	Content string `json:"content"`
	Root    string `json:"root"`
	Rel     string `json:"rel"`
	Virtual string `json:"virtual"`
	Task    string `json:"task"`
	ID      fileID `json:"file"`
	Post    meta   `json:"post"`
	Time    int64  `json:"time"`
}

const trashSuffix = ".trashinfo"

func (i *trashInfo) files() string { return filepath.Join(i.Dir, "files") }
func (i *trashInfo) infos() string { return filepath.Join(i.Dir, "info") }

// planTrash moves a file to the trash of its disk, or, where there is none,
// copies it to the store's own. The operation that takes it away is the last.
func (s *Store) planTrash(ctx context.Context, t *txn, c *change, rel string, h *rootHolder) error {
	from, err := h.loc(c.Root, rel)
	if err != nil {
		return err
	}
	dirInfo, err := from.root.Stat(from.dir().path())
	if err != nil {
		return diskError("look at", from.dir().host(), err)
	}
	dir, relativeTo, err := s.trashDir(c.Root, from.dir().host(), device(dirInfo))
	if err != nil {
		return err
	}
	id, err := identify(from)
	if err != nil {
		return diskError("look at", from.host(), err)
	}
	shown := from.host()
	if relativeTo != "" {
		if shown, err = filepath.Rel(relativeTo, shown); err != nil {
			return err
		}
	}
	now := s.opt.Now()
	info := &trashInfo{
		Dir: dir, Root: c.Root, Rel: rel, Virtual: c.Path, Task: c.Task, ID: id, Post: c.Post, Time: now.UnixNano(),
		Content: "[Trash Info]\nPath=" + (&url.URL{Path: filepath.ToSlash(shown)}).EscapedPath() +
			"\nDeletionDate=" + now.Local().Format("2006-01-02T15:04:05") + "\n",
	}
	if info.Name, err = freeTrashName(info, path.Base(rel)); err != nil {
		return err
	}
	files, err := h.loc(info.files(), ".")
	if err != nil {
		return err
	}
	if sameMount(files, from.dir()) {
		t.Ops = append(t.Ops, &op{
			Kind: opRemove, Root: c.Root, Name: rel, TmpRoot: info.files(), Tmp: info.Name, Keep: true, ID: id, Info: info,
		})
		return ctx.Err()
	}
	t.Ops = append(t.Ops,
		&op{
			Kind: opPut, Root: info.files(), Name: info.Name, Tmp: tempName(), SrcRoot: c.Root, Src: rel, Info: info,
			Post: meta{Digest: c.PostDigest, Mode: c.Post.Mode, MTime: c.Post.MTime},
		},
		&op{Kind: opRemove, Root: c.Root, Name: rel, Tmp: path.Join(path.Dir(rel), tempName()), ID: id, Copied: true})
	return ctx.Err()
}

// trashDir picks the trash for a file in a folder on a disk: the home trash if
// it is on that disk, else the disk's own, else the store's. The disk's own is
// not used when it would lie in the granted folder itself. Paths in it are
// relative to the second result, if that is not empty.
func (s *Store) trashDir(root, folder string, dev uint64) (dir, relativeTo string, err error) {
	home := s.opt.TrashDir
	if home == "" && s.opt.DataHome != "" {
		home = filepath.Join(s.opt.DataHome, "Trash")
	}
	own := filepath.Join(s.opt.Dir, "trash")
	if home == "" || !desktopTrash {
		return own, "", makeTrash(own)
	}
	if onDevice(home, dev) {
		if err := makeTrash(home); err == nil {
			return home, "", nil
		}
	}
	if top, err := topDir(folder); err == nil && !hasPrefixPath(filepath.ToSlash(top), filepath.ToSlash(root)) {
		if dir, ok := volumeTrash(top, dev); ok {
			return dir, top, nil
		}
	}
	return own, "", makeTrash(own)
}

// onDevice tells whether a folder, or the deepest one above it that exists,
// is on a disk.
func onDevice(dir string, dev uint64) bool {
	for {
		info, err := os.Stat(dir)
		if err == nil {
			return device(info) == dev
		}
		up := filepath.Dir(dir)
		if up == dir {
			return false
		}
		dir = up
	}
}

func volumeTrash(top string, dev uint64) (string, bool) {
	uid := strconv.Itoa(os.Getuid())
	shared := filepath.Join(top, ".Trash")
	if info, err := os.Lstat(shared); err == nil && info.IsDir() && info.Mode()&fs.ModeSticky != 0 {
		if dir := filepath.Join(shared, uid); makeTrash(dir) == nil {
			return dir, true
		}
	}
	dir := filepath.Join(top, ".Trash-"+uid)
	if makeTrash(dir) != nil {
		return "", false
	}
	info, err := os.Lstat(dir)
	return dir, err == nil && info.IsDir() && device(info) == dev
}

func makeTrash(dir string) error {
	for _, sub := range []string{"files", "info"} {
		full := filepath.Join(dir, sub)
		if err := os.MkdirAll(full, 0o700); err != nil {
			return diskError("make trash folder", full, err)
		}
		if info, err := os.Lstat(full); err != nil || !info.IsDir() {
			return denied("remove it", "trash folder %s is not a folder", full)
		}
	}
	return nil
}

func freeTrashName(i *trashInfo, base string) (string, error) {
	for n := 1; ; n++ {
		name := numbered(clip(base, maxNameBytes-len(trashSuffix)-8), n)
		_, ferr := os.Lstat(filepath.Join(i.files(), name))
		_, ierr := os.Lstat(filepath.Join(i.infos(), name+trashSuffix))
		if errors.Is(ferr, fs.ErrNotExist) && errors.Is(ierr, fs.ErrNotExist) {
			return name, nil
		}
		for _, err := range []error{ferr, ierr} {
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return "", diskError("look at", i.Dir, err)
			}
		}
	}
}

func (w *worker) infoFile(o *op) (loc, error) {
	return w.h.loc(o.Info.infos(), o.Info.Name+trashSuffix)
}

// putTrashInfo writes the description before the file is moved, as the
// specification asks: that it did not exist makes the name ours.
func (w *worker) putTrashInfo(o *op) error {
	l, err := w.infoFile(o)
	if err != nil {
		return err
	}
	if err := w.s.at("create", l.host()); err != nil {
		return diskError("write", l.host(), err)
	}
	f, err := l.root.OpenFile(l.path(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		o.Info = nil // not ours to remove
		return diskError("write", l.host(), err)
	}
	err = w.s.at("write", l.host())
	if err == nil {
		_, err = f.WriteString(o.Info.Content)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		return nil
	}
	return errors.Join(diskError("write", l.host(), err), l.root.Remove(l.path()))
}

// dropTrashInfo removes a description if it is the one written for o.
func (w *worker) dropTrashInfo(o *op) error {
	l, err := w.infoFile(o)
	if err != nil {
		return err
	}
	return w.s.removeInfo(l, o.Info.Content)
}

// removeInfo removes a description with this content, or the part of it that a
// crash left.
func (s *Store) removeInfo(l loc, content string) error {
	have, err := l.root.ReadFile(l.path())
	if errors.Is(err, fs.ErrNotExist) || err == nil && !strings.HasPrefix(content, string(have)) {
		return nil
	}
	if err == nil {
		err = s.at("unlink", l.host())
	}
	if err == nil {
		err = l.root.Remove(l.path())
	}
	return diskError("remove", l.host(), err)
}

// insertTrash records what enters and what leaves the trash.
func insertTrash(ctx context.Context, tx *sql.Tx, t *txn) error {
	for _, o := range t.Ops {
		if o.Info == nil {
			continue
		}
		if o.LeavesTrash {
			if _, err := tx.ExecContext(ctx, "UPDATE trash SET state = 'restored' WHERE id = ?", o.TrashID); err != nil {
				return err
			}
			continue
		}
		if o.Kind == opPut {
			o.Info.ID = o.ID // a copy is another file
		}
		body, err := json.Marshal(o.Info)
		if err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, "INSERT INTO trash(state, body) VALUES('in', ?)", body)
		if err != nil {
			return err
		}
		if o.TrashID, err = res.LastInsertId(); err != nil {
			return err
		}
	}
	return nil
}

// Trash lists the files that were moved to a trash and that are still there,
// oldest first. It never shows what others put there.
func (s *Store) Trash(ctx context.Context) ([]TrashItem, error) {
	infos, ids, err := s.trashed(ctx)
	if err != nil {
		return nil, err
	}
	items := make([]TrashItem, 0, len(ids))
	for n, i := range infos {
		items = append(items, TrashItem{
			ID: ids[n], Task: i.Task, Path: i.Virtual, HostPath: hostPath(i.Root, i.Rel),
			Location: filepath.Join(i.files(), i.Name), Size: i.Post.Size, Time: time.Unix(0, i.Time),
		})
	}
	return items, nil
}

// trashed reads the journal and leaves out what somebody else restored or
// emptied: a file under that name that is not ours any more.
func (s *Store) trashed(ctx context.Context) ([]*trashInfo, []int64, error) {
	rows, err := s.journal.db.QueryContext(ctx, "SELECT id, body FROM trash WHERE state = 'in' ORDER BY id")
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	var infos []*trashInfo
	var ids []int64
	for rows.Next() {
		var id int64
		var body []byte
		if err := rows.Scan(&id, &body); err != nil {
			return nil, nil, err
		}
		i := &trashInfo{}
		if err := json.Unmarshal(body, i); err != nil {
			return nil, nil, fmt.Errorf("read journal trash item %d: %w", id, err)
		}
		if i.isOurs() {
			infos, ids = append(infos, i), append(ids, id)
		}
	}
	return infos, ids, rows.Err()
}

func (i *trashInfo) isOurs() bool {
	root, err := os.OpenRoot(i.files())
	if err != nil {
		return false
	}
	defer root.Close()
	id, err := identify(loc{root, i.Name})
	return err == nil && id.Ino == i.ID.Ino && id.Born == i.ID.Born
}

// RestoreTrash brings one file back to where it was, or beside what is there
// now, and returns its host path.
func (s *Store) RestoreTrash(ctx context.Context, id int64) (string, error) {
	infos, ids, err := s.trashed(ctx)
	if err != nil {
		return "", err
	}
	for n, i := range infos {
		if ids[n] == id {
			return s.restoreItem(ctx, id, i)
		}
	}
	return "", notFound("see cowork trash ls", "the trash has no item %d", id)
}

func (s *Store) restoreItem(ctx context.Context, id int64, i *trashInfo) (string, error) {
	h := &rootHolder{}
	defer h.close()
	t := &txn{Task: i.Task, Kind: kindRestore}
	tmp, err := s.tempBeside(t, i.Root, i.Rel, h)
	if err != nil {
		return "", err
	}
	put := &op{
		Kind: opPut, Root: i.Root, Name: i.Rel, Tmp: tmp, SrcRoot: i.files(), Src: i.Name, Own: true,
		Post: meta{Digest: i.Post.Digest, Mode: i.Post.Mode, MTime: i.Post.MTime},
	}
	t.Ops = append(t.Ops, put,
		&op{Kind: opRemove, Root: i.files(), Name: i.Name, Tmp: tempName(), ID: i.ID, Copied: true, Info: i, TrashID: id, LeavesTrash: true})
	if err := s.run(ctx, t, nil); err != nil {
		return "", err
	}
	return hostPath(put.Root, put.Name), nil
}

// EmptyTrash deletes for good the files that were moved to a trash before a
// time, and returns how many. Nothing else in any trash is touched.
func (s *Store) EmptyTrash(ctx context.Context, before time.Time) (int, error) {
	infos, ids, err := s.trashed(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	for k, i := range infos {
		if i.Time >= before.UnixNano() {
			continue
		}
		where := filepath.Join(i.files(), i.Name)
		err := s.at("unlink", where)
		if err == nil {
			err = os.Remove(where)
		}
		if err != nil {
			return n, diskError("remove", where, err)
		}
		if err := s.emptied(ctx, ids[k], i); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// emptied removes the description of a file that is gone.
func (s *Store) emptied(ctx context.Context, id int64, i *trashInfo) error {
	root, err := os.OpenRoot(i.infos())
	if err != nil {
		return diskError("open folder", i.infos(), err)
	}
	defer root.Close()
	err = s.removeInfo(loc{root, i.Name + trashSuffix}, i.Content)
	if err != nil {
		return err
	}
	return s.journal.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE trash SET state = 'emptied' WHERE id = ?", id)
		return err
	})
}
