// What the task changed, with undo: shown first, done then.
import { useSignal } from "@preact/signals";
import { Icon } from "../icons";
import { post, taskPath } from "../state/api";
import { attempt, changes } from "../state/store";
import type { Task } from "../state/fold";
import { Dialog, IconButton, baseName } from "./ui";

interface Reversal {
  path: string;
  action: string;
  detail?: string;
}

interface Preview {
  reversals: Reversal[];
  preview: string;
  path: string;
}

export function Changes({ t }: { t: Task; rev: number }) {
  const shown = useSignal<Preview | null>(null);
  const busy = useSignal(false);
  const list = changes.value;
  const look = async (path = "") => {
    busy.value = true;
    const p = await attempt(() => post<{ reversals: Reversal[]; preview: string }>(taskPath(t.id, "undo"), path ? { path } : {}));
    if (p) shown.value = { ...p, path };
    busy.value = false;
  };
  const undo = async () => {
    const p = shown.value!;
    busy.value = true;
    await attempt(() => post(taskPath(t.id, "undo"), { ...(p.path && { path: p.path }), preview: p.preview }));
    busy.value = false;
    shown.value = null;
  };
  const able = list.some((c) => c.undoable);
  return (
    <>
      {list.length === 0 && <p class="quiet">Nothing was changed.</p>}
      <ul class="changes">
        {list.map((c) => (
          <li key={c.path + c.step}>
            <span class={"kind " + c.change} title={c.change}>{c.change.charAt(0).toUpperCase()}<span class="visually-hidden">{c.change.slice(1)}: </span></span>
            <span class="path" title={c.path}>{baseName(c.path)}</span>
            {c.change !== "deleted" && link(t, c.path) && (
              <a class="icon-button" href={link(t, c.path)} download={baseName(c.path)} aria-label={"Download " + baseName(c.path)} title="Download"><Icon name="download" /></a>
            )}
            <IconButton icon="undo" label={"Undo " + baseName(c.path)} disabled={!c.undoable || !t.over || busy.value} onClick={() => void look(c.path)} />
          </li>
        ))}
      </ul>
      {able && (
        <p class="row">
          <button type="button" disabled={!t.over || busy.value} onClick={() => void look()}><Icon name="undo" /> Undo all…</button>
          {!t.over && <span class="quiet"><Icon name="lock" /> when the task is over</span>}
        </p>
      )}
      {shown.value && (
        <Dialog title="Undo" onClose={() => (shown.value = null)}>
          <p>{shown.value.reversals.length ? "This is what will happen:" : "There is nothing to undo."}</p>
          <ul class="reversals">
            {shown.value.reversals.map((r, i) => (
              <li key={i}>
                <strong>{actions[r.action] || r.action}</strong> <span class="path" title={r.path}>{baseName(r.path)}</span>
                {r.detail && <span class="quiet"> {r.detail}</span>}
              </li>
            ))}
          </ul>
          <div class="row end">
            <button type="button" onClick={() => (shown.value = null)}>Cancel</button>
            <button type="button" class="primary" disabled={busy.value || !shown.value.reversals.length} onClick={() => void undo()}>Undo {shown.value.reversals.length === 1 ? "1 change" : `${shown.value.reversals.length} changes`}</button>
          </div>
        </Dialog>
      )}
    </>
  );
}

const actions: Record<string, string> = {
  restored: "Restore", removed: "Move to the trash", moved_back: "Move back", restored_beside: "Restore beside, because it was changed since:",
  kept: "Leave as it is:", already_undone: "Undone already:",
};

// link is where a changed file can be downloaded.
function link(t: Task, path: string): string {
  const n = t.folders.findIndex((f) => path.startsWith(f.replace(/[\\/]?$/, "/")));
  if (n < 0) return "";
  const rest = path.slice(t.folders[n].replace(/[\\/]?$/, "/").length);
  return `/artifacts/${t.id}/${n}/${rest.split("/").map(encodeURIComponent).join("/")}?download=1`;
}
