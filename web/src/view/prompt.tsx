// A text box with the "/" palette, a list box that the text box controls.
import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { type Command, commands } from "../state/store";

const most = 8;

export interface PromptProps {
  value: Signal<string>;
  label: string;
  placeholder: string;
  onSend: (later: boolean) => void;
  autofocus?: boolean;
  rows?: number; // at least
}

export function Prompt(p: PromptProps) {
  const box = useRef<HTMLTextAreaElement>(null);
  const at = useSignal(0);
  const closed = useSignal(false);
  const found = closed.value ? [] : matches(p.value.value);
  const picked = Math.min(at.value, found.length - 1);

  useEffect(() => {
    if (p.autofocus && matchMedia("(min-width: 900px)").matches) box.current?.focus();
  }, []);
  useLayoutEffect(() => fit(box.current, p.rows || 2), [p.value.value]);

  const pick = (c: Command) => {
    p.value.value = `/${c.id} `;
    at.value = 0;
    box.current?.focus();
  };
  const keys = (e: KeyboardEvent) => {
    if (e.isComposing) return;
    if (found.length && (e.key === "ArrowDown" || e.key === "ArrowUp")) {
      at.value = (picked + (e.key === "ArrowDown" ? 1 : found.length - 1)) % found.length;
    } else if (found.length && (e.key === "Tab" || e.key === "Enter") && !e.shiftKey) {
      pick(found[picked]);
    } else if (found.length && e.key === "Escape") {
      closed.value = true;
      e.stopPropagation();
    } else if (e.key === "Enter" && !e.shiftKey) {
      p.onSend(e.ctrlKey || e.metaKey);
    } else {
      return;
    }
    e.preventDefault();
  };
  const hint = commands.value.find((c) => p.value.value.trim() === "/" + c.id)?.hint;
  return (
    <div class="prompt">
      {found.length > 0 && (
        <ul class="palette" id="palette" role="listbox" aria-label="Commands">
          {found.map((c, i) => (
            <li key={c.id} id={"command-" + i} role="option" aria-selected={i === picked} onMouseDown={(e) => { e.preventDefault(); pick(c); }}>
              <span class="command">/{c.id} <span class="hint">{c.hint}</span></span>
              <span class="summary">{c.summary}</span>
            </li>
          ))}
        </ul>
      )}
      <textarea
        ref={box} rows={p.rows || 2} value={p.value.value} placeholder={p.placeholder} aria-label={p.label}
        aria-autocomplete="list" aria-controls={found.length ? "palette" : undefined}
        aria-activedescendant={found.length ? "command-" + picked : undefined}
        onInput={(e) => {
          p.value.value = e.currentTarget.value;
          closed.value = false;
          at.value = 0;
        }}
        onKeyDown={keys}
      />
      {hint && <p class="hint-line">{hint}</p>}
    </div>
  );
}

// matches lists commands for a text that is still the name of one.
function matches(text: string): Command[] {
  if (!/^\/\S*$/.test(text)) return [];
  const words = text.slice(1).toLowerCase();
  const starts: Command[] = [];
  const rest: Command[] = [];
  for (const c of commands.value) {
    const id = c.id.toLowerCase();
    if (id.startsWith(words) || (id.split(":")[1] || "").startsWith(words)) starts.push(c);
    else if (id.includes(words) || c.summary.toLowerCase().includes(words)) rest.push(c);
  }
  return [...starts, ...rest].slice(0, most);
}

// fit makes the box as high as its text, up to a limit the style sheet sets.
function fit(box: HTMLTextAreaElement | null, least: number): void {
  if (!box) return;
  box.rows = Math.min(10, Math.max(least, box.value.split("\n").length));
}
