// The one stream of events. It is closed while the page is hidden, because a
// browser opens only six connections to one host, and goes on where it stopped.
import type { Event } from "./types";

const hiddenAfter = 20_000;

export interface Listener {
  event(e: Event): void;
  lost(): void; // events were missed: load again
  state(s: "connecting" | "live" | "offline" | "login"): void;
}

export function listen(to: Listener): void {
  let source: EventSource | undefined;
  let last = "";
  let hide = 0;
  let retry = 0;

  const seen = (m: MessageEvent) => {
    last = m.lastEventId;
  };
  const open = () => {
    if (source) return;
    clearTimeout(retry);
    source = new EventSource("/api/events" + (last ? "?after=" + encodeURIComponent(last) : ""));
    source.onopen = () => to.state("live");
    source.onmessage = (m) => {
      seen(m);
      to.event(JSON.parse(m.data));
    };
    source.addEventListener("hello", seen);
    source.addEventListener("lost", (m) => {
      seen(m);
      to.lost();
    });
    source.onerror = () => {
      to.state("offline");
      if (source?.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      source = undefined;
      fetch("/api/folders").then(
        (r) => {
          if (r.status === 401) to.state("login");
          else retry = window.setTimeout(open, 2000);
        },
        () => {
          retry = window.setTimeout(open, 2000);
        },
      );
    };
  };
  const close = () => {
    source?.close();
    source = undefined;
  };
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hide);
    if (document.hidden) hide = window.setTimeout(close, hiddenAfter);
    else open();
  });
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", open);
  to.state("connecting");
  open();
}
