package files

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/cowork-host/cowork/host/internal/event"
	"github.com/cowork-host/cowork/host/internal/policy"
	"github.com/cowork-host/cowork/host/internal/tool"
	"github.com/cowork-host/cowork/host/internal/workspace"
	"github.com/cowork-host/cowork/pluginsdk"
)

// maxDeleted bounds the files of one request, those in folders included: more
// than that nobody can look over.
const maxDeleted = 1000

type deleteInput struct {
	Paths  []string `json:"paths" jsonschema:"the files and folders; a folder with everything in it" min:"1" max:"200"`
	Reason string   `json:"reason,omitempty" jsonschema:"why, in a sentence for the person" maxlen:"500"`
}

func (f *Files) requestDelete() tool.Tool {
	spec := tool.Spec{Name: "request_delete", Description: text("request_delete"), Effect: policy.Delete}
	return tool.Define(spec, func(ctx context.Context, call tool.Call, in deleteInput) (*tool.Prepared, error) {
		settle := f.settle(call)
		d, err := f.doomed(ctx, in.Paths)
		if err != nil {
			return &tool.Prepared{Settle: settle}, err
		}
		prepared := &tool.Prepared{
			Summary: "delete " + d.what(), Effect: policy.Delete, Settle: settle, Targets: d.targets(),
			Card: d.card(in.Reason),
			Run:  func(ctx context.Context) (*tool.Result, error) { return f.deleteFiles(ctx, call, d) },
		}
		if d.own {
			prepared.Effect = policy.Write
		}
		return prepared, nil
	})
}

// victim is one file or folder of a request, as it was when the request was
// read. What the person allows is exactly this.
type victim struct {
	place
	folder bool
	own    bool // made by this task
	size   int64
	mtime  time.Time
}

// request is everything one call would delete: files first, then folders, the
// innermost first.
type request struct {
	victims []victim
	files   int
	bytes   int64
	own     bool // all of it made by this task
}

func (f *Files) doomed(ctx context.Context, paths []string) (*request, error) {
	v := f.opts.Workspace.View()
	defer v.Close()
	d := &request{own: true}
	var folders []victim
	for _, p := range paths {
		name, err := f.find(p)
		if err != nil {
			return nil, err
		}
		if p == "" || name == "." {
			return nil, pluginsdk.Invalid("name what is in it", "the top folder cannot be deleted")
		}
		if err := f.collect(ctx, v, name, d, &folders); err != nil {
			return nil, told(err)
		}
	}
	slices.SortFunc(d.victims, func(a, b victim) int { return strings.Compare(a.name, b.name) })
	slices.SortFunc(folders, func(a, b victim) int { return strings.Compare(b.name, a.name) })
	same := func(a, b victim) bool { return a.name == b.name }
	d.victims = slices.CompactFunc(d.victims, same)
	d.files = len(d.victims)
	for _, file := range d.victims {
		d.bytes += file.size
	}
	d.victims = append(d.victims, slices.CompactFunc(folders, same)...)
	for _, one := range d.victims {
		d.own = d.own && one.own
	}
	return d, nil
}

func (f *Files) collect(ctx context.Context, v *workspace.View, name string, d *request, folders *[]victim) error {
	info, err := v.Stat(name)
	if err != nil {
		return err
	}
	one := victim{place: place{name: name}, folder: info.IsDir(), size: info.Size(), mtime: info.ModTime()}
	if one.host, err = v.HostPath(name); err != nil {
		return err
	}
	if one.own, err = v.Owns(ctx, name); err != nil {
		return err
	}
	if !info.IsDir() {
		if _, _, err := v.Target(name); err != nil {
			return err // a link, a device, or read-only
		}
		if d.victims = append(d.victims, one); len(d.victims) > maxDeleted {
			return pluginsdk.Invalid("ask for smaller folders one after the other", "more than %d files would be deleted", maxDeleted)
		}
		return ctx.Err()
	}
	if *folders = append(*folders, one); len(*folders) > maxDeleted {
		return pluginsdk.Invalid("ask for smaller folders one after the other", "more than %d folders would be deleted", maxDeleted)
	}
	list, err := v.ReadDir(name)
	if err != nil {
		return err
	}
	for _, entry := range list {
		if !entry.IsDir() && !entry.Type().IsRegular() {
			return &pluginsdk.Error{
				Kind: pluginsdk.ErrUnsupported, Message: fmt.Sprintf("%s is a link or a device, which is never deleted", path.Join(name, entry.Name())),
				Next: "ask for the regular files one by one",
			}
		}
		if err := f.collect(ctx, v, path.Join(name, entry.Name()), d, folders); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// what names the request in a few words.
func (d *request) what() string {
	if len(d.victims) == 1 {
		return d.victims[0].name
	}
	text := count(d.files, "file")
	if n := len(d.victims) - d.files; n > 0 {
		text += " and " + count(n, "folder")
	}
	return text
}

func (d *request) targets() []string {
	var targets []string
	for _, one := range d.victims {
		targets = append(targets, one.host)
	}
	return targets
}

func (d *request) card(reason string) event.Card {
	k := event.Card{
		Action: "move " + d.what() + " to the trash",
		Data:   fmt.Sprintf("%s, %s", count(d.files, "file"), size(d.bytes)),
		Risk:   "recoverable: moved to the trash, and undo brings it back",
	}
	for _, one := range d.victims {
		switch {
		case one.folder:
			k.Details = append(k.Details, one.host+" (folder)")
		case one.own:
			k.Details = append(k.Details, fmt.Sprintf("%s (%s, made by this task)", one.host, size(one.size)))
		default:
			k.Details = append(k.Details, fmt.Sprintf("%s (%s, changed %s)", one.host, size(one.size), one.mtime.UTC().Format(time.DateTime)))
		}
	}
	if reason != "" {
		// The only words of the model's on the card, and marked as such.
		k.Details = append([]string{"the model says: " + reason}, k.Details...)
	}
	return k
}

func (f *Files) deleteFiles(ctx context.Context, call tool.Call, d *request) (*tool.Result, error) {
	var places []place
	for _, one := range d.victims {
		if !one.folder {
			places = append(places, one.place)
		}
	}
	changes, err := f.step(ctx, call, places, func(s *workspace.Step) error {
		for _, one := range d.victims {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := one.unchanged(s); err != nil {
				return err
			}
			remove := s.Remove
			if !one.own {
				remove = s.Trash
			}
			if err := remove(one.name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "deleted %s", d.what())
	if !d.own {
		b.WriteString("; what was there before the task is in the trash")
	}
	return f.result(b.String(), changes), nil
}

// unchanged refuses what is no longer what the person was shown.
func (one *victim) unchanged(s *workspace.Step) error {
	info, err := s.Stat(one.name)
	if err != nil {
		return err
	}
	if info.IsDir() == one.folder && (one.folder || info.Size() == one.size && info.ModTime().Equal(one.mtime)) {
		return nil
	}
	return &pluginsdk.Error{
		Kind: pluginsdk.ErrConflict, Message: one.name + " has changed since its deletion was asked for; nothing was deleted",
		Next: "look at it again, and ask again if it shall still go",
	}
}
