package runtime

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/cowork-host/cowork/host/internal/catalog"
	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/registry/bundle"
)

// Content is a bundle as it lies there: the texts of its skills, commands and
// agents, and its files. Close it.
type Content struct {
	*bundle.Bundle
	// Files is the bundle's tree, read-only.
	Files fs.FS
	// Root is where it lies on disk, empty for a shipped bundle.
	Root  string
	close func() error
}

// Close lets the bundle's folder go.
func (c *Content) Close() error {
	if c.close == nil {
		return nil
	}
	return c.close()
}

// Content opens the bundle of a plugin of a snapshot. A bundle whose files have
// changed since is a [Failure].
func (p *Plugins) Content(ctx context.Context, cp catalog.Plugin) (*Content, error) {
	r, err := p.find(ctx, cp)
	if err != nil {
		return nil, err
	}
	c := &Content{Root: r.Dir}
	if r.Dir == "" {
		if c.Files = p.shippedFS(r.Plugin.Name); c.Files == nil {
			return nil, fmt.Errorf("open the bundle of %s: %w", cp.Name, pluginsdk.ErrNotFound)
		}
	} else {
		root, err := os.OpenRoot(r.Dir)
		if err != nil {
			return nil, fmt.Errorf("open the bundle of %s: %w", cp.Name, err)
		}
		c.Files, c.close = root.FS(), root.Close
	}
	c.Bundle, err = bundle.Load(ctx, c.Files, bundle.Options{Name: r.Plugin.Name})
	if err == nil && c.Digest != cp.Digest {
		err = &Failure{Plugin: cp.Name, Reason: Changed, Message: "changed its files a moment ago", Next: "run the task again"}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read the bundle of %s: %w", cp.Name, err), c.Close())
	}
	return c, nil
}

func (p *Plugins) shippedFS(name string) fs.FS {
	for _, s := range p.opts.Shipped {
		if s.Name == name {
			return s.FS
		}
	}
	return nil
}
