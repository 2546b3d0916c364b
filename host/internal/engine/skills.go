package engine

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/cowork-host/cowork/host/internal/catalog"
	"github.com/cowork-host/cowork/host/internal/window"
	"github.com/cowork-host/cowork/pluginsdk"
)

// listSkills is the part of the system prompt that names the skills there are.
func listSkills(snap *catalog.Snapshot, agent *agentDef) string {
	if !agent.allows("skill") {
		return ""
	}
	var list []window.Skill
	for _, p := range snap.Plugins() {
		if p.State != catalog.Enabled {
			continue
		}
		for _, s := range p.Skills {
			list = append(list, window.Skill{ID: s.ID, Description: s.Description})
		}
	}
	return window.List(list, skillsBudget, "the skill tool")
}

// library reads the skills of plugins and the files beside them.
type library struct {
	plugins Plugins
	dirs    []string
	ids     []string
}

// IDs are the skills there are.
func (l *library) IDs() []string { return l.ids }

// maxSkill bounds a skill, and one file of it, in bytes.
const maxSkill = 256 << 10

// Load returns a skill's instructions, or with a file the text of that file of
// the skill's bundle: a path relative to the skill's folder or, where it begins
// with the name of the bundle's root, to that.
func (l *library) Load(ctx context.Context, id, file string) (string, error) {
	snap, err := l.plugins.Snapshot(ctx, l.dirs...)
	if err != nil {
		return "", err
	}
	name, _, _ := strings.Cut(id, ":")
	plugin, err := snap.Plugin(name)
	if err != nil {
		return "", err
	}
	content, err := l.plugins.Content(ctx, plugin)
	if err != nil {
		return "", err
	}
	defer content.Close() //nolint:errcheck // only read from
	for _, s := range content.Skills {
		if s.ID != id && s.Name != id {
			continue
		}
		if file == "" {
			body := strings.ReplaceAll(s.Body, "${CLAUDE_SKILL_DIR}", ".")
			return strings.ReplaceAll(body, "${CLAUDE_PLUGIN_ROOT}", pluginRoot(name)), nil
		}
		return readSkillFile(content.Files, pluginRoot(name), path.Dir(s.File), file)
	}
	return "", &pluginsdk.Error{Kind: pluginsdk.ErrNotFound, Message: fmt.Sprintf("there is no skill %.80q", id), Next: "use one of the skills you were told of"}
}

func readSkillFile(files fs.FS, root, dir, file string) (string, error) {
	name := path.Join(dir, file)
	if rest, ok := strings.CutPrefix(file, root+"/"); ok {
		name = path.Clean(rest)
	}
	if !fs.ValidPath(name) {
		return "", pluginsdk.Invalid("use a path as the skill names it", "%.200q is not a file of the skill", file)
	}
	f, err := files.Open(name)
	if err != nil {
		return "", &pluginsdk.Error{Kind: pluginsdk.ErrNotFound, Message: fmt.Sprintf("the skill has no file %.200q", file), Next: "use a path as the skill names it"}
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSkill+1))
	if err != nil {
		return "", fmt.Errorf("read %s of a skill: %w", name, err)
	}
	if len(data) > maxSkill {
		return "", pluginsdk.Invalid("go on without it", "the file %.200q of the skill has more than %d bytes", file, maxSkill)
	}
	return strings.ToValidUTF8(string(data), "\uFFFD"), nil
}
