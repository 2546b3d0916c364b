// Where a task is asked for.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Icon } from "../icons";
import { post } from "../state/api";
import { attempt, commands, folders, go, loadFolders } from "../state/store";
import { Prompt } from "./prompt";
import { baseName } from "./ui";

const modes = [
  { id: "ask", name: "Ask", hint: "asks before anything that cannot be taken back" },
  { id: "act", name: "Act", hint: "works on its own; asks before deleting or sending" },
  { id: "plan", name: "Plan", hint: "shows a plan first and waits for your word" },
];

export function NewTask() {
  const text = useSignal("");
  const mode = useSignal("ask");
  const chosen = useSignal<string[] | null>(null); // null: the first that is offered
  const busy = useSignal(false);
  useEffect(() => void loadFolders(), []);
  const granted = chosen.value ?? folders.value.slice(0, 1);

  const start = async () => {
    if (!text.value.trim() || busy.value) return;
    busy.value = true;
    const made = await attempt(() => post<{ task: string }>("/api/tasks", { input: text.value.trim(), folders: granted, mode: mode.value }));
    busy.value = false;
    if (made) go(made.task);
  };

  const examples = commands.value.filter((c) => !c.needsModel).slice(0, 4);
  return (
    <div class="home">
      <div class="home-inner">
        <h1>What should be done?</h1>
        <div class="composer">
          <Prompt value={text} label="Outcome or command" placeholder="Describe the result you want, or type / for a command" onSend={() => void start()} autofocus />
          <div class="composer-bar">
            <FolderChip granted={granted} onChange={(f) => (chosen.value = f)} />
            <fieldset class="segments">
              <legend class="visually-hidden">Mode</legend>
              {modes.map((m) => (
                <label key={m.id} title={m.name + ": " + m.hint}>
                  <input type="radio" name="mode" value={m.id} checked={mode.value === m.id} onChange={() => (mode.value = m.id)} />
                  <span>{m.name}</span>
                </label>
              ))}
            </fieldset>
            <span class="grow" />
            <button type="button" class="primary send" disabled={!text.value.trim() || busy.value} onClick={() => void start()}>
              <Icon name="send" /> {busy.value ? "Starting…" : "Start"}
            </button>
          </div>
        </div>
        <p class="mode-hint">{modes.find((m) => m.id === mode.value)!.name}: {modes.find((m) => m.id === mode.value)!.hint}. Every change to a file can be undone.</p>
        {examples.length > 0 && (
          <section class="examples" aria-label="Commands to try">
            {examples.map((c) => (
              <button type="button" key={c.id} onClick={() => (text.value = `/${c.id} `)}>
                <strong>/{c.id}</strong>
                <span>{c.summary || c.hint}</span>
              </button>
            ))}
          </section>
        )}
      </div>
    </div>
  );
}

function FolderChip({ granted, onChange }: { granted: string[]; onChange: (f: string[]) => void }) {
  const open = useSignal(false);
  const typed = useSignal("");
  const toggle = (f: string) => onChange(granted.includes(f) ? granted.filter((g) => g !== f) : [...granted, f]);
  const add = () => {
    const path = typed.value.trim();
    if (path && !granted.includes(path)) onChange([...granted, path]);
    typed.value = "";
  };
  const label = granted.length === 0 ? "No folder" : granted.length === 1 ? baseName(granted[0]) : `${granted.length} folders`;
  const offered = [...new Set([...folders.value, ...granted])];
  return (
    <div class="chip-box" onKeyDown={(e) => { if (e.key === "Escape") open.value = false; }}>
      <button type="button" class="chip" aria-expanded={open.value} aria-controls="folders" title={granted.join("\n") || "Nothing is granted"} onClick={() => (open.value = !open.value)}>
        <Icon name="folder" /> {label}
      </button>
      {open.value && (
        <div class="popover" id="folders" role="group" aria-label="Folders the task may use">
          {offered.map((f) => (
            <label key={f} class="option">
              <input type="checkbox" checked={granted.includes(f)} onChange={() => toggle(f)} />
              <span class="path" title={f}>{f}</span>
            </label>
          ))}
          {offered.length === 0 && <p class="quiet">No folder was named yet.</p>}
          <div class="row">
            <input type="text" aria-label="Path of another folder" placeholder="Path of another folder" value={typed.value} onInput={(e) => (typed.value = e.currentTarget.value)} onKeyDown={(e) => { if (e.key === "Enter") add(); }} />
            <button type="button" onClick={add}>Add</button>
          </div>
        </div>
      )}
    </div>
  );
}
