// The small parts every view is made of.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Icon, type IconName } from "../icons";
import type { Status } from "../state/types";

export function IconButton(p: { icon: IconName; label: string; onClick: () => void; disabled?: boolean; expanded?: boolean; class?: string; controls?: string }) {
  return (
    <button type="button" class={"icon-button " + (p.class || "")} aria-label={p.label} title={p.label} aria-expanded={p.expanded} aria-controls={p.controls} disabled={p.disabled} onClick={p.onClick}>
      <Icon name={p.icon} />
    </button>
  );
}

// words say a status to people; blocked is neutral, red is for failure.
const words: Record<string, string> = { running: "Working", stopping: "Stopping", done: "Done", failed: "Failed", parked: "Waiting", stopped: "Stopped", waiting: "Waiting for you" };

export function StatusDot({ status, waiting }: { status: Status; waiting?: boolean }) {
  const is = waiting ? "waiting" : status;
  return (
    <span class={"dot " + is} role="img" aria-label={words[is]} title={words[is]} />
  );
}

export const statusWord = (status: Status, waiting: boolean): string => words[waiting ? "waiting" : status];

// Dialog is modal while it is drawn; Escape and onClose end it.
export function Dialog(p: { title: string; onClose: () => void; children: ComponentChildren }) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    ref.current?.showModal();
  }, []);
  return (
    <dialog ref={ref} aria-labelledby="dialog-title" onClose={p.onClose}>
      <h2 id="dialog-title">{p.title}</h2>
      {p.children}
    </dialog>
  );
}

// Panel is one of the stacked parts of the right rail.
export function Panel(p: { title: string; aside?: ComponentChildren; children: ComponentChildren }) {
  return (
    <section class="panel" aria-label={p.title}>
      <header>
        <h2>{p.title}</h2>
        {p.aside && <span class="aside">{p.aside}</span>}
      </header>
      {p.children}
    </section>
  );
}

export function baseName(path: string): string {
  return path.replace(/[\\/]+$/, "").replace(/^.*[\\/]/, "") || path;
}

export function duration(ms: number): string {
  if (ms < 1000) return "";
  const s = Math.round(ms / 1000);
  return s < 60 ? `${s} s` : s < 3600 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

const plain = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
export const count = (n: number): string => (n < 10_000 ? plain.format(n) : short.format(n));

export function bytes(n: number): string {
  return n < 1024 ? `${n} B` : n < 1 << 20 ? `${(n / 1024).toFixed(1)} kB` : `${(n / (1 << 20)).toFixed(1)} MB`;
}

// editable reports whether keys typed now go into a text.
export function editable(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}
